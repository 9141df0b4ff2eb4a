"""The classes as the server uses them: with the audio in whole chunks."""

import json
import sys
import unittest
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "my-engine"))

from my_engine import Loader  # noqa: E402

PRESET = json.loads((PROJECT / "configs/presets/my-engine.json").read_text())


def audio():
    with wave.open(str(PROJECT / "audio/keys.wav")) as recording:
        samples = np.frombuffer(recording.readframes(recording.getnframes()), dtype=np.int16)
    return samples.astype(np.float32) / 32_768


def segments(processor, samples):
    """The final results of a stream."""
    chunk = 16 * PRESET["chunk_ms"]
    processor.init()
    results = []
    for at in range(0, len(samples), chunk):
        processor.insert_audio_chunk(samples[at : at + chunk])
        results.append(processor.process_iter())
    results.append(processor.finish())
    texts = [result for result in results if hasattr(result, "text")]
    return [result for result in texts if not getattr(result, "partial", False)]


class Engine(unittest.TestCase):
    def setUp(self):
        self.processor, self.metadata = Loader().load(SimpleNamespace(**PRESET))

    def test_keys_become_words_at_their_places(self):
        found = segments(self.processor, audio())
        self.assertEqual([one.text for one in found], ["1 2 3 4 5 6", "7 8 9 0 * #"])
        # The first key sounds from 0.3 s to 0.42 s.
        first = found[0].words[0]
        self.assertEqual((round(first.start, 2), round(first.end, 2)), (0.3, 0.42))

    def test_init_starts_anew(self):
        once = segments(self.processor, audio())
        self.processor.insert_audio_chunk(audio()[:16_000])
        self.assertEqual(segments(self.processor, audio()), once)

    def test_silence_has_no_text(self):
        self.assertEqual(segments(self.processor, np.zeros(48_000, dtype=np.float32)), [])


if __name__ == "__main__":
    unittest.main()
