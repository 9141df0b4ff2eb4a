"""Streams to a real server. `AURICLE_URL` is its address.

The segments of its preset `tone` are checksums of one second of audio each: they show that every sample arrived once and in
order. Its preset `digits` recognises spoken digits.
"""

from __future__ import annotations

import asyncio
import os
import unittest
import wave
from array import array
from pathlib import Path
from typing import List, Tuple, TypeVar

from auricle_client import (
    AsyncStream,
    Done,
    Event,
    Failure,
    Flushed,
    Gap,
    Lost,
    Ready,
    Resumed,
    Segment,
    Stream,
    Transcript,
)

from relay import Relay

URL = os.environ.get("AURICLE_URL", "")
#: Spoken digits, 16 kHz.
RECORDING = Path(__file__).parents[3] / "fixtures" / "digits.wav"

T = TypeVar("T")


def noise(length: int) -> array[int]:
    """The same each time."""
    state, samples = 1, array("h")
    for _ in range(length):
        state = (state * 1103515245 + 12345) & 0xFFFFFFFF
        samples.append((state >> 16) - 0x8000)
    return samples


def expected(samples: array[int]) -> List[str]:
    """The texts of the segments."""
    texts = []
    for at in range(0, len(samples), 16_000):
        total, piece = 0, samples[at : at + 16_000]
        for sample in piece:
            total = (total * 31 + sample) & 0xFFFFFFFF
        texts.append(f"{len(piece)}:{total:08x}")
    return texts


def texts(events: List[Event]) -> List[str]:
    return [event.text for event in events if isinstance(event, Segment)]


def only(events: List[Event], kind: "type[T]") -> List[T]:
    return [event for event in events if isinstance(event, kind)]


@unittest.skipUnless(URL, "AURICLE_URL is not set")
class Blocking(unittest.TestCase):
    def test_a_file_is_read_to_its_end(self) -> None:
        samples = noise(72_345)
        with Stream(URL, "tone", pace="file") as stream:
            for at in range(0, len(samples), 5000):
                stream.send(samples[at : at + 5000])
                stream.drained()
            stream.finish()
            events = list(stream)
            self.assertEqual(stream.state, "closed")
        first, last = events[0], events[-1]
        assert isinstance(first, Ready)
        self.assertEqual((first.preset, first.backend, first.epoch), ("tone", "tone", 0))
        self.assertEqual(last, Done(len(samples) / 16_000))
        self.assertEqual(texts(events), expected(samples))
        with self.assertRaisesRegex(RuntimeError, "open"):
            stream.poll()

    def test_a_flush_ends_the_text_and_a_reset_begins_again(self) -> None:
        samples = noise(40_000)
        with Stream(URL, "tone") as stream:
            stream.send(samples[:24_000])
            stream.flush()
            before: List[Event] = []
            for event in stream:
                before.append(event)
                if isinstance(event, Flushed):
                    break
            self.assertEqual(texts(before), expected(samples[:24_000]))
            self.assertEqual(before[-1], Flushed(24_000))
            stream.send(samples[:8_000])
            stream.reset()
            stream.send(samples)
            stream.finish()
            after = list(stream)
        self.assertEqual([ready.epoch for ready in only(after, Ready)], [1])
        self.assertEqual(texts(after), expected(samples))
        self.assertEqual(after[-1], Done(2.5))

    def test_refusals_are_told_at_once(self) -> None:
        with self.assertRaises(Failure) as refused:
            Stream(URL, "absent").__enter__()
        self.assertEqual(refused.exception.code, "unknown_preset")
        relay = Relay(URL)
        relay.end()
        with self.assertRaises(Failure) as gone:
            Stream(relay.url, "tone").__enter__()
        self.assertEqual(gone.exception.code, "unreachable")

    def test_a_server_that_goes_away_later_is_told_to_both_sides(self) -> None:
        relay = Relay(URL)
        with Stream(relay.url, "tone", give_up_seconds=0.5) as stream:
            relay.end()
            with self.assertRaises(Failure) as read:
                list(stream)
            self.assertEqual(read.exception.code, "unreachable")
            with self.assertRaises(Failure):
                stream.send(b"\0\0")

    def test_a_cancelled_stream_ends_at_once(self) -> None:
        with Stream(URL, "tone") as stream:
            stream.send(bytes(3200))
            stream.cancel()
            self.assertEqual(texts(list(stream)), [])


@unittest.skipUnless(URL, "AURICLE_URL is not set")
class Asyncio(unittest.TestCase):
    def test_no_sample_is_lost_or_doubled_when_connections_break(self) -> None:
        relay, samples = Relay(URL), noise(160_000)

        async def run() -> Tuple[List[Event], Transcript]:
            events, transcript = [], Transcript()
            async with AsyncStream(relay.url, "tone") as stream:

                async def read(until: float) -> None:
                    async for event in stream:
                        events.append(event)
                        transcript.apply(event)
                        if transcript.end >= until:
                            return

                def send(start: int, end: int) -> None:
                    for at in range(start, end, 800):
                        stream.send(samples[at : min(at + 800, end)])

                # Before the first segment, between two of them, and while the last words are awaited.
                send(0, 8_000)
                relay.cut()
                send(8_000, 40_000)
                await read(2)
                relay.cut()
                send(40_000, 90_000)
                await read(5)
                send(90_000, 160_000)
                relay.cut()
                stream.finish()
                await read(1e9)
            return events, transcript

        events, transcript = asyncio.run(run())
        relay.end()
        self.assertEqual(texts(events), expected(samples))
        self.assertEqual(events[-1], Done(10.0))
        self.assertEqual([segment.start for segment in transcript.segments], list(range(10)))
        self.assertEqual(transcript.gaps, [])
        self.assertEqual((len(only(events, Lost)), len(only(events, Resumed)), relay.count), (3, 3, 4))

    def test_what_could_not_be_kept_is_told_as_a_gap(self) -> None:
        relay, samples = Relay(URL), noise(160_000)

        async def run() -> List[Event]:
            async with AsyncStream(relay.url, "tone", keep_seconds=2) as stream:
                relay.cut()
                events = []
                async for event in stream:
                    events.append(event)
                    # The server has nothing of it, and what it lacks is not kept: the stream begins again.
                    if isinstance(event, Lost) and len(only(events, Lost)) == 1:
                        stream.send(samples)
                        stream.finish()
                return events

        events = asyncio.run(run())
        relay.end()
        self.assertEqual(only(events, Gap), [Gap(0, 8)])
        self.assertEqual(texts(events), expected(samples[128_000:]))
        self.assertEqual([event.start for event in only(events, Segment)], [8, 9])

    def test_the_words_of_a_recording_are_those_of_an_uncut_run(self) -> None:
        with wave.open(str(RECORDING)) as file:
            rate, audio = file.getframerate(), file.readframes(file.getnframes())

        async def run(server: str, relay: "Relay | None") -> Tuple[str, int]:
            transcript, cuts = Transcript(), 0
            async with AsyncStream(server, "digits", pace="file", sample_rate=rate) as stream:
                stream.send(audio)
                stream.finish()
                async for event in stream:
                    transcript.apply(event)
                    if isinstance(event, Segment) and relay is not None and cuts < 3:
                        cuts += 1
                        relay.cut()
            return transcript.text, cuts

        relay = Relay(URL)
        (uncut, _), (cut, cuts) = asyncio.run(run(URL, None)), asyncio.run(run(relay.url, relay))
        relay.end()
        self.assertEqual(cut, uncut)
        self.assertGreater(len(uncut.split()), 10)
        self.assertGreater(cuts, 1)

    def test_a_stream_may_be_cancelled_while_it_connects(self) -> None:
        async def run() -> str:
            relay = Relay(URL)
            stream = AsyncStream(relay.url, "tone")
            opening = asyncio.ensure_future(stream.open())
            await asyncio.sleep(0)
            stream.cancel()
            with self.assertRaises(Failure) as cancelled:
                await opening
            await stream.close()
            relay.end()
            return cancelled.exception.code

        self.assertEqual(asyncio.run(run()), "closed")


if __name__ == "__main__":
    unittest.main()
