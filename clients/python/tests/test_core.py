"""The state of a stream, with a server that is played by the test."""

from __future__ import annotations

import json
import unittest
from array import array
from typing import Any, List, Union

from auricle_client import Done, Failure, Flushed, Gap, GoingAway, Lost, Partial, Ready, Resumed, Segment, SpeechStarted
from auricle_client.address import stream_url
from auricle_client.backoff import backoff
from auricle_client.core import Core
from auricle_client.events import Event
from auricle_client.failure import refused
from auricle_client.kept_audio import KeptAudio
from auricle_client.samples import Format

#: Of one second.
SECOND = 32_000
LOST = Failure("unreachable", "cut")


def made(**settings: Any) -> Core:
    return Core("p", Format(), chance=lambda: 0.0, **settings)


def messages(core: Core) -> List[Union[str, bytes]]:
    """Everything that the stream wants to send now."""
    return list(iter(core.next_message, None))


def sent(core: Core) -> List[Union[str, int]]:
    """The types of messages, and the bytes of audio between them."""
    told: List[Union[str, int]] = []
    for message in messages(core):
        if isinstance(message, str):
            told.append(json.loads(message)["type"])
        elif told and isinstance(told[-1], int):
            told[-1] += len(message)
        else:
            told.append(len(message))
    return told


def say(core: Core, kind: str, now: float = 0.0, **fields: Any) -> None:
    core.received(json.dumps({"seq": 0, "type": kind, **fields}), now)


def resumed(core: Core, received: int, flushes: int) -> None:
    rest = {"epoch": 0, "finished": False, "missed": 0, "resume": {"token": "second", "seconds": 60}}
    core.received(json.dumps({"type": "resumed", "stream": "s", "received": received, "flushes": flushes, **rest}), 0.0)


def ready(core: Core, epoch: int = 0, now: float = 0.0, **more: Any) -> None:
    rest = {"preset": "p", "backend": "b", "separator": " ", "sample_rate": 16_000, "chunk_seconds": 0.1}
    say(core, "ready", now, stream="s", epoch=epoch, languages=["en"], capabilities=[], **rest, **more)


def opened(**settings: Any) -> Core:
    core = made(**settings)
    core.connected()
    sent(core)
    ready(core)
    return core


def read(core: Core) -> List[Event]:
    found = list(core.events)
    core.events.clear()
    return found


class Sending(unittest.TestCase):
    def test_the_start_has_the_settings_and_audio_follows(self) -> None:
        core = Core("p", Format("f32le", 8_000, 2, 1), options={"lan": "de"}, pace="file")
        core.push(bytes(16))
        self.assertIsNone(core.next_message())
        core.connected()
        start, audio = messages(core)
        expected = {
            "type": "start",
            "preset": "p",
            "options": {"lan": "de"},
            "format": "f32le",
            "sample_rate": 8_000,
            "channels": 2,
            "channel": 1,
            "pace": "file",
            "resume": True,
        }
        self.assertEqual((json.loads(start), audio), (expected, bytes(16)))

    def test_messages_are_small_and_frames_stay_whole(self) -> None:
        core = made()
        core.connected()
        core.push(b"\1\2\3")
        core.push(b"\4" * 70_000)
        start, *audio = messages(core)
        self.assertEqual([len(part) for part in audio], [32_768, 32_768, 70_002 - 65_536])
        core.push(b"\5")
        self.assertEqual(messages(core), [b"\4\5"])

    def test_commands_keep_their_place_in_the_audio(self) -> None:
        core = opened()
        for length in (100, 200):
            core.push(bytes(length))
            core.flush()
        core.push(bytes(300))
        core.finish()
        self.assertEqual(sent(core), [100, "flush", 200, "flush", 300, "finish"])
        self.assertEqual(core.state, "finishing")
        with self.assertRaisesRegex(RuntimeError, "finish"):
            core.push(b"")

    def test_a_file_waits_for_the_network(self) -> None:
        core = opened(pace="file")
        self.assertTrue(core.is_drained)
        core.push(bytes(300_000))
        self.assertFalse(core.is_drained)
        sent(core)
        self.assertTrue(core.is_drained)


class Reconnecting(unittest.TestCase):
    def test_audio_without_final_text_is_sent_again_and_times_shift(self) -> None:
        core = opened()
        core.push(bytes(5 * SECOND))
        sent(core)
        say(core, "segment", start=0.1, end=2.0, text="a")
        read(core)
        self.assertEqual(core.closed(LOST, 10.0), 0.25)
        self.assertEqual((core.state, read(core)), ("lost", [Lost("unreachable", "cut", 0.25)]))
        core.push(bytes(SECOND))
        core.connecting()
        core.connected()
        self.assertEqual(sent(core), ["start", 4 * SECOND])
        ready(core, now=11.5)
        word = {"start": 0.5, "end": 1, "text": "b", "confidence": 0.5}
        say(core, "speech_started", time=0.25)
        say(core, "segment", start=0.5, end=1.0, text="b", words=[word])
        first, resumed, speech, segment = read(core)
        self.assertIsInstance(first, Ready)
        self.assertEqual((resumed, speech), (Resumed(2.0, 1.5, None), SpeechStarted(2.25)))
        assert isinstance(segment, Segment) and segment.words
        self.assertEqual((segment.start, segment.end, segment.words[0].start), (2.5, 3.0, 2.5))
        # The next connection begins after that.
        core.closed(LOST, 12.0)
        core.connected()
        self.assertEqual(sent(core), ["start", 3 * SECOND])

    def test_audio_is_kept_until_the_text_of_all_channels_is_final(self) -> None:
        core = Core("p", Format(channels=2, multichannel=True))
        core.connected()
        core.push(bytes(4 * 64_000))
        self.assertTrue(json.loads(messages(core)[0])["multichannel"])
        ready(core)
        say(core, "segment", channel=0, start=0.0, end=3.0, text="one")
        say(core, "segment", channel=1, start=0.0, end=1.0, text="two")
        self.assertEqual([event.channel for event in read(core) if isinstance(event, Segment)], [0, 1])
        core.closed(LOST, 1.0)
        core.connected()
        self.assertEqual(sent(core), ["start", 3 * 64_000])
        ready(core)
        # Told before: it ends at 3 s of the whole. The next is new.
        say(core, "segment", channel=0, start=0.0, end=2.0, text="one")
        say(core, "segment", channel=0, start=2.0, end=3.0, text="three")
        self.assertEqual([event.text for event in read(core) if isinstance(event, Segment)], ["three"])

    def test_what_fell_out_is_a_gap_and_is_told_once(self) -> None:
        core = opened(keep_seconds=2)
        core.closed(LOST, 0.0)
        core.push(bytes(10 * SECOND))
        read(core)
        for lost in (Gap(0.0, 8.0), None):
            core.connected()
            self.assertEqual(sent(core), ["start", 2 * SECOND])
            ready(core, now=1.0)
            found = read(core)
            self.assertEqual([event for event in found if isinstance(event, Gap)], [lost] if lost else [])
            self.assertEqual(found[-1], Resumed(8.0, 1.0, lost))
            core.closed(LOST, 0.0)
            read(core)

    def test_what_was_not_sent_yet_does_not_fall_out_of_an_open_connection(self) -> None:
        core = opened(keep_seconds=1)
        for _ in range(9):
            core.push(bytes(SECOND))
        self.assertEqual(sent(core), [9 * SECOND])

    def test_flushes_and_the_end_are_sent_again_until_they_are_answered(self) -> None:
        core = opened()
        core.push(bytes(SECOND))
        core.flush()
        core.push(bytes(SECOND))
        core.flush()
        core.push(bytes(SECOND))
        core.finish()
        sent(core)
        say(core, "flushed", sample=16_000)
        core.closed(LOST, 0.0)
        core.connected()
        # What was flushed has its text.
        self.assertEqual(sent(core), ["start", SECOND, "flush", SECOND, "finish"])
        ready(core)
        self.assertEqual(core.state, "finishing")
        read(core)
        say(core, "flushed", sample=16_000)
        say(core, "done", seconds=2.0)
        self.assertEqual(read(core), [Flushed(32_000), Done(3.0)])
        self.assertEqual((core.state, core.failure), ("closed", None))

    def resumable(self) -> Core:
        """A stream that can be resumed, of which 6 s were sent, with a flush after 5 s, and 2 s have their text."""
        core = made()
        core.connected()
        sent(core)
        ready(core, resume={"token": "first", "seconds": 60})
        core.push(bytes(5 * SECOND))
        core.flush()
        core.push(bytes(SECOND))
        self.assertEqual(sent(core), [5 * SECOND, "flush", SECOND])
        say(core, "segment", seq=1, start=0.1, end=2.0, text="a")
        read(core)
        return core

    def test_a_stream_is_resumed_with_what_the_server_lacks(self) -> None:
        for received, flushes, expected in (
            (96_000, 1, [32_000]),
            (88_000, 1, [48_000]),
            (80_000, 0, ["flush", 64_000]),
            (48_000, 0, [64_000, "flush", 64_000]),
        ):
            core = self.resumable()
            self.assertIsNotNone(core.closed(LOST, 0.0))
            core.push(bytes(SECOND))
            core.connected()
            resume = {"type": "resume", "stream": "s", "token": "first", "last_seq": 1}
            self.assertEqual([json.loads(message) for message in messages(core)], [resume])
            resumed(core, received, flushes)
            self.assertEqual(sent(core), expected)
            self.assertEqual(read(core)[-1], Resumed(received / 16_000, 0.0, None, True))
            # What came before comes once, and times are not shifted.
            say(core, "segment", seq=1, start=0.1, end=2.0, text="a")
            say(core, "segment", seq=2, start=2.5, end=3.0, text="b")
            self.assertEqual([event.end for event in read(core) if isinstance(event, Segment)], [3.0])
            core.closed(LOST, 0.0)
            core.connected()
            resume = {"type": "resume", "stream": "s", "token": "second", "last_seq": 2}
            self.assertEqual([json.loads(message) for message in messages(core)], [resume])

    def test_what_the_server_cannot_resume_begins_again(self) -> None:
        again = ["start", 3 * SECOND, "flush", SECOND]
        core = self.resumable()
        core.closed(LOST, 0.0)
        core.connected()
        self.assertEqual(sent(core), ["resume"])
        say(core, "error", code="unknown_stream", message="gone")
        self.assertIsNotNone(core.closed(LOST, 0.0))
        core.connected()
        self.assertEqual(sent(core), again)

        # It lacks audio whose text is final, and which is not kept.
        core = self.resumable()
        core.closed(LOST, 0.0)
        core.connected()
        sent(core)
        resumed(core, 16_000, 0)
        self.assertIsNotNone(core.closed(LOST, 0.0))
        core.connected()
        self.assertEqual(sent(core), again)

        # Whether it heard of a reset is not known.
        core = self.resumable()
        core.reset()
        core.push(bytes(SECOND))
        self.assertEqual(sent(core), ["reset", SECOND])
        core.closed(LOST, 0.0)
        core.connected()
        self.assertEqual(sent(core), ["start", SECOND])

    def test_a_server_that_stores_the_stream_gets_what_it_needs_when_it_has_died(self) -> None:
        core = made()
        core.connected()
        messages(core)
        ready(core, resume={"token": "first", "seconds": 60, "survives": "process"})
        core.push(bytes(4 * SECOND))
        sent(core)
        say(core, "speech_started", seq=1, time=0.1)
        say(core, "segment", seq=2, start=0.1, end=3.0, text="a")
        # Final text is not enough: the engine goes on from further back.
        heard = {"type": "ack", "epoch": 0, "received": 64_000}
        core.received(json.dumps({**heard, "durable": 16_000, "survives": "process"}), 0.0)
        self.assertEqual([json.loads(message) for message in messages(core)], [{"type": "ack", "seq": 2}])
        core.closed(LOST, 0.0)
        core.connected()
        told = {"epoch": 0, "flushes": 0, "events": 2, "text_end": 3.0, "text": "a", "event_time": 0.1}
        resume = {"type": "resume", "stream": "s", "token": "first", "last_seq": 2, "told": told}
        self.assertEqual([json.loads(message) for message in messages(core)], [resume])
        rest = {"epoch": 0, "finished": False, "missed": 0, "resume": {"token": "second", "seconds": 60}}
        message = {"type": "resumed", "stream": "s", "received": 16_000, "flushes": 0, "seam": "lossless", **rest}
        core.received(json.dumps(message), 0.0)
        self.assertEqual(sent(core), [3 * SECOND])
        self.assertEqual(read(core)[-1], Resumed(1.0, 0.0, None, False))

        # It stores nothing any more: what has final text is let go.
        core.received(json.dumps({**heard, "durable": 40_000}), 0.0)
        say(core, "error", seq=3, code="unknown_stream", message="gone")
        core.closed(LOST, 0.0)
        core.connected()
        self.assertEqual(sent(core), ["start", SECOND])

    def test_a_server_that_is_about_to_stop_says_so(self) -> None:
        core = opened()
        core.received(json.dumps({"type": "going_away", "seconds": 30}), 0.0)
        self.assertEqual(read(core)[-1], GoingAway(30))

    def test_the_server_is_told_now_and_then_what_has_arrived(self) -> None:
        core = self.resumable()
        for seq in range(2, 40):
            say(core, "partial", seq=seq, start=2.0, end=3.0, text="a")
        self.assertEqual(sent(core), ["ack"])

    def test_a_server_that_stops_is_not_the_end_of_a_stream(self) -> None:
        for finishes in (False, True):
            core = opened()
            core.push(bytes(3 * SECOND))
            if finishes:
                core.finish()
            sent(core)
            say(core, "segment", start=0.0, end=2.0, text="a")
            # It ends what it has when it stops, and tells no reason.
            say(core, "done", seconds=2.5)
            self.assertIsNotNone(core.closed(LOST, 0.0))
            lost = read(core)[-1]
            assert isinstance(lost, Lost)
            self.assertEqual(lost.code, "shutting_down")
            core.connected()
            self.assertEqual(sent(core), ["start", SECOND, *(["finish"] if finishes else [])])

    def test_only_failures_that_pass_are_tried_again(self) -> None:
        for code in ("unreachable", "capacity", "overloaded", "shutting_down", "slow_reader", "idle_timeout"):
            self.assertEqual(opened().closed(Failure(code, ""), 0.0), 0.25, code)
        for code in ("unknown_preset", "unauthorized", "lag_exceeded", "engine_crashed", "of tomorrow"):
            core = opened()
            say(core, "error", code=code, message="no")
            self.assertIsNone(core.closed(LOST, 0.0), code)
            assert core.failure is not None
            self.assertEqual((core.failure.code, core.state), (code, "closed"))

    def test_before_the_first_ready_nothing_is_tried_again(self) -> None:
        core = made()
        self.assertIsNone(core.closed(LOST, 0.0))
        self.assertIs(core.failure, LOST)
        with self.assertRaises(Failure):
            core.push(b"")

    def test_tries_become_rare_and_end(self) -> None:
        core = opened(give_up_seconds=300)
        waits = [core.closed(LOST, now) for now in (0.0, 1.0, 2.0, 300.0, 300.1)]
        self.assertEqual(waits, [0.25, 0.5, 1.0, 2.0, None])
        core = opened()
        core.closed(LOST, 0.0)
        core.closed(LOST, 200.0)
        core.connected()
        ready(core, now=250.0)
        # It counts from the last connection.
        self.assertEqual(core.closed(LOST, 301.0), 0.25)

    def test_a_network_that_takes_nothing_is_dead(self) -> None:
        core = opened()
        core.push(bytes(10 * SECOND))
        self.assertFalse(core.is_stalled)
        core.push(bytes(2))
        self.assertTrue(core.is_stalled)
        self.assertEqual(core.closed(Failure("refused", ""), 0.0), 0.25)
        core.connected()
        # What is sent again may take longer.
        core.push(bytes(9 * SECOND))
        self.assertFalse(core.is_stalled)
        core = opened(pace="file")
        core.push(bytes(100 * SECOND))
        self.assertFalse(core.is_stalled)


class Resetting(unittest.TestCase):
    def test_times_start_again_and_nothing_old_comes(self) -> None:
        core = opened()
        core.push(bytes(SECOND))
        sent(core)
        read(core)
        core.reset()
        say(core, "segment", start=0.0, end=1.0, text="old")
        core.reset()
        self.assertEqual(sent(core), ["reset"])
        core.push(bytes(SECOND))
        core.reset()
        core.push(bytes(2 * SECOND))
        self.assertEqual(sent(core), ["reset", 2 * SECOND])
        say(core, "segment", start=0.0, end=1.0, text="old")
        ready(core, epoch=1)
        say(core, "segment", start=0.0, end=1.0, text="old")
        self.assertEqual(read(core), [])
        ready(core, epoch=2)
        say(core, "segment", start=0.0, end=1.5, text="new")
        first, segment = read(core)
        assert isinstance(first, Ready) and isinstance(segment, Segment)
        self.assertEqual((first.epoch, segment.text, core.seconds), (3, "new", 2.0))

    def test_a_new_connection_needs_no_reset(self) -> None:
        core = opened()
        core.push(bytes(SECOND))
        core.reset()
        core.push(bytes(2 * SECOND))
        sent(core)
        core.closed(LOST, 0.0)
        core.reset()
        core.push(bytes(100))
        core.connected()
        self.assertEqual(sent(core), ["start", 100])
        read(core)
        ready(core)
        first = read(core)[0]
        assert isinstance(first, Ready)
        self.assertEqual(first.epoch, 2)


class Receiving(unittest.TestCase):
    def test_an_unread_partial_is_replaced(self) -> None:
        core = opened()
        read(core)
        for text in ("a", "a b", "a b c"):
            say(core, "partial", start=0.0, end=1.0, text=text)
        say(core, "of a later version", x=1)
        self.assertEqual(read(core), [Partial(0.0, 1.0, "a b c")])

    def test_what_is_not_the_protocol_ends_the_stream(self) -> None:
        for text in ("", "[]", "{}", '{"type": "segment"}', '{"type": "ready"}', b"\xff", "1"):
            core = opened()
            core.received(text, 0.0)
            assert core.failure is not None
            self.assertEqual((core.state, core.failure.code), ("closed", "bad_message"), text)

    def test_http_responses_have_codes(self) -> None:
        codes = [refused(status, b"").code for status in (401, 403, 404, 429, 502, 503)]
        self.assertEqual(codes, ["unauthorized", "forbidden", "refused", "capacity", "unreachable", "capacity"])
        self.assertEqual(str(refused(503, b"\n full \nx")), "HTTP 503: full (capacity)")


class Small(unittest.TestCase):
    def test_waits_grow_up_to_a_limit_and_differ(self) -> None:
        longest = [backoff(attempt, lambda: 0.0) for attempt in range(9)]
        self.assertEqual(longest, [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5])
        self.assertEqual((backoff(2, lambda: 1.0), backoff(10**9, lambda: 0.0)), (0.5, 5))

    def test_audio_is_kept_from_any_position_to_the_end(self) -> None:
        kept = KeptAudio()
        kept.push(bytes(range(12)))
        for at in range(13):
            self.assertEqual(kept.read(at, 12), bytes(range(at, 12)))
        kept.release(7)
        self.assertEqual((kept.start, kept.end, kept.read(8, 10)), (7, 12, b"\x08\x09"))
        kept.release(100)
        self.assertEqual((kept.start, kept.end), (12, 12))

    def test_arrays_are_samples_of_the_format(self) -> None:
        self.assertEqual(bytes(Format().bytes_of(array("h", [1, -1]))), array("h", [1, -1]).tobytes())
        self.assertEqual(bytes(Format("f32le").bytes_of(array("f", [0.5]))), array("f", [0.5]).tobytes())
        self.assertEqual(bytes(Format("mulaw").bytes_of(b"ab")), b"ab")
        self.assertEqual(bytes(Format().bytes_of(array("h"))), b"")
        for name, wrong in (("s16le", array("f", [0.5])), ("f32le", array("d", [0.5])), ("alaw", array("h", [1]))):
            with self.assertRaisesRegex(TypeError, name):
                Format(name).bytes_of(wrong)

    def test_settings_are_checked(self) -> None:
        for wrong in (("mp3", 16_000, 1), ("s16le", 1, 1), ("s16le", 16_000, 9), ("s16le", 16_000, 2, 2)):
            with self.assertRaises(ValueError):
                Format(*wrong)
        with self.assertRaisesRegex(ValueError, "pace"):
            made(pace="fast")

    def test_addresses_in_every_form(self) -> None:
        for given, url in (
            ("localhost", "ws://localhost:8770/v1/stream"),
            ("[::1]", "ws://[::1]:8770/v1/stream"),
            (" localhost:9000 ", "ws://localhost:9000/v1/stream"),
            ("http://host/", "ws://host/v1/stream"),
            ("HTTPS://host:1", "wss://host:1/v1/stream"),
            ("wss://host/asr/v1/stream?key=1", "wss://host/asr/v1/stream?key=1"),
        ):
            self.assertEqual(stream_url(given), url)
        for wrong in ("", "ftp://host", "wss://", ":8770", "host:99999", "user@host", "ho st"):
            with self.assertRaises(ValueError, msg=wrong):
                stream_url(wrong)


if __name__ == "__main__":
    unittest.main()
