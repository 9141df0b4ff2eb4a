"""What has been recognised, and the files that are written of it."""

from __future__ import annotations

import json
import unittest
from pathlib import Path

from auricle_client import Done, Partial, Segment, Transcript
from auricle_client.events import Event, parse, ready

CASES = Path(__file__).parents[2] / "cases" / "transcripts.json"


class Transcripts(unittest.TestCase):
    def test_every_client_writes_the_same_files(self) -> None:
        cases = json.loads(CASES.read_text(encoding="utf-8"))
        self.assertGreater(len(cases), 3)
        for case in cases:
            transcript = Transcript()
            for message in case["events"]:
                kind = message["type"]
                event: Event | None
                if kind == "ready":
                    event = ready(message, 0)
                elif kind == "done":
                    event = Done(message["seconds"])
                else:
                    event = parse(message, 0)
                if event is not None:
                    transcript.apply(event)
            with self.subTest(case["name"]):
                self.assertIsNone(transcript.partial)
                self.assertEqual(transcript.to_text(), case["text"])
                self.assertEqual(transcript.to_srt(), case["srt"])
                self.assertEqual(transcript.to_vtt(), case["vtt"])
                self.assertEqual(transcript.to_json(), case["json"])

    def test_a_partial_is_replaced_and_a_segment_ends_it(self) -> None:
        transcript = Transcript()
        transcript.apply(Partial(0, 1, "one"))
        transcript.apply(Partial(0, 1.2, "one two"))
        assert transcript.partial is not None
        self.assertEqual((transcript.partial.text, transcript.end), ("one two", 0))
        transcript.apply(Segment(0, 1.5, "one two"))
        self.assertIsNone(transcript.partial)
        transcript.apply(Partial(2, 2, ""))
        self.assertIsNone(transcript.partial)
        self.assertEqual((transcript.text, transcript.end), ("one two", 1.5))


if __name__ == "__main__":
    unittest.main()
