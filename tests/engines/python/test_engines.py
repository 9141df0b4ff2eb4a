"""Engines for the tests: one that counts, one that reports more than texts, and faults."""

import ctypes
import json
import os
import socket
import sys
import time
from types import SimpleNamespace

import numpy as np
from real_time_asr_backend.real_time_asr_protocols import ASRProcessor, ModelLoader


class Counting(ASRProcessor):
    """Reports the calls and the sum of all samples, after every second and at the end. Keeps the arrays that it gets."""

    def __init__(self, number):
        self.number = number

    def init(self):
        self.kept, self.calls, self.start = [], 0, 0.0

    def insert_audio_chunk(self, audio):
        assert audio.dtype == np.float32 and audio.ndim == 1
        audio *= 1.0
        self.kept.append(audio)

    def process_iter(self):
        self.calls += 1
        return self.report() if self.calls % 10 == 0 else (None, None, "")

    def finish(self):
        return self.report()

    def report(self):
        samples = np.concatenate(self.kept) if self.kept else np.zeros(0)
        start, self.start = self.start, len(samples) / 16_000
        total = int(np.sum(samples * 32_768.0, dtype=np.float64))
        return (start, self.start, f"stream {self.number}: {len(self.kept)} chunks, {self.calls} calls, sum {total}")


class CountingLoader(ModelLoader):
    loaded = 0

    def load(self, config):
        self.loaded += 1
        print(f"loading number {self.loaded}, {config.model}, {config.lan}, {config.backend}, {config.depth['of']}")
        return Counting(self.loaded), {"separator": "|"}


class Rich(Counting):
    def report(self):
        start, end, text = super().report()
        words = [SimpleNamespace(start=start, end=end, word=" first", probability=0.5)]
        return SimpleNamespace(start=start, end=end, text=text, words=words, confidence=0.25, language="de")

    def process_iter(self):
        self.calls += 1
        partial = SimpleNamespace(start=0.0, end=0.1 * self.calls, text=f"part {self.calls}", partial=True)
        return [partial] if self.calls % 10 else [partial, self.report()]


class RichLoader(ModelLoader):
    def load(self, config):
        return Rich(0), {}


class Faulty(Counting):
    def __init__(self, fault, at):
        super().__init__(0)
        self.fault, self.at = fault, at

    def init(self):
        super().init()
        self.fail("init")

    def insert_audio_chunk(self, audio):
        super().insert_audio_chunk(audio)
        self.fail("insert_audio_chunk")

    def process_iter(self):
        return self.fail("process_iter") or super().process_iter()

    def finish(self):
        return self.fail("finish") or super().finish()

    def fail(self, at):
        if at == self.at:
            return FAULTS[self.fault]()


class FaultyLoader(ModelLoader):
    def load(self, config):
        if config.at == "load":
            FAULTS[config.fault]()
        return Faulty(config.fault, config.at), {}


def throw():
    raise ValueError("the error\nasked for")


def hang():
    while True:
        time.sleep(1)


def leak():
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1) * (8 << 20)))
        time.sleep(0.01)


FAULTS = {
    "raise": throw,
    "exit": lambda: sys.exit("enough"),
    "_exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "hang": hang,
    "leak": leak,
    "shape": lambda: ("only", "two"),
    "times": lambda: (None, None, "text"),
    "nan": lambda: (float("nan"), 1.0, "text"),
    "bytes": lambda: (0.0, 1.0, b"text"),
}


class Curious(Counting):
    """Tries what the sandbox refuses, and reports what was possible."""

    def finish(self):
        here = os.path.dirname(__file__)
        attempts = {
            "socket": lambda: socket.socket(),
            "read": lambda: open("/etc/passwd").read(),
            "write": lambda: open(os.path.join(here, "written"), "w"),
            "run": lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}),
        }
        return (0.0, 1.0, " ".join(name for name, attempt in attempts.items() if possible(attempt)) or "nothing")


def possible(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True


class CuriousLoader(ModelLoader):
    def load(self, config):
        return Curious(0), {}


class NoFinish:
    def init(self): ...
    def insert_audio_chunk(self, audio): ...
    def process_iter(self): ...


class IncompleteLoader:
    def load(self, config):
        return NoFinish(), {}


class AloneLoader:
    def load(self, config):
        return Counting(0)


class NotALoader: ...


class Slow(Rich):
    """Takes so long that streams wait for it together."""

    def process_iter(self):
        time.sleep(0.01)
        return super().process_iter()


class BatchLoader(ModelLoader):
    """Processes streams together; one that was told to fail fails alone."""

    def load(self, config):
        processor = Slow(0)
        processor.failing = config.lan == "fails"
        return processor, {"max_batch": 4}

    def process_batch(self, processors):
        print(f"a batch of {len(processors)}")
        time.sleep(0.01)
        return [ValueError("of one stream") if one.failing else Rich.process_iter(one) for one in processors]


class UnevenLoader(BatchLoader):
    def process_batch(self, processors):
        return []


class Restarting:
    """Counts as `Counting` does, but keeps numbers only. Ends the process at the 17th call, unless it went on from a state."""

    def init(self):
        self.chunks, self.samples, self.total, self.start, self.restored = 0, 0, 0.0, 0.0, False

    def restore(self, time, state):
        self.chunks, self.samples, self.total, self.start = json.loads(state)
        assert time == self.samples / 16_000
        self.restored = True

    def insert_audio_chunk(self, audio):
        self.chunks += 1
        self.samples += len(audio)
        self.total += float(np.sum(audio * 32_768.0, dtype=np.float64))

    def process_iter(self):
        if self.chunks == 17 and not self.restored:
            os._exit(3)
        if self.chunks % 5:
            return None
        end = self.samples / 16_000
        events = [SimpleNamespace(event="speech_started", time=self.start), self.report()]
        state = json.dumps([self.chunks, self.samples, self.total, self.start]).encode()
        return [*events, SimpleNamespace(event="endpoint", time=end), SimpleNamespace(event="restart_point", time=end, state=state)]

    def report(self):
        start, self.start = self.start, self.samples / 16_000
        return (start, self.start, f"stream 0: {self.chunks} chunks, {self.chunks} calls, sum {int(self.total)}")

    def finish(self):
        return self.report()


class RestartingLoader(ModelLoader):
    def load(self, config):
        return Restarting(), {"replay": "exact"}


class BoastingLoader(ModelLoader):
    def load(self, config):
        return Rich(0), {"replay": "exact"}
