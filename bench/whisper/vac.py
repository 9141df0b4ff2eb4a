"""The voice activity controller: only speech is decoded, and its end ends it at once.

Speech is told from windows of 512 samples by Silero VAD (the file that engine `whisper` uses): it starts at a probability of 0.5
and ends after 500 ms below 0.35, both moved apart by 100 ms.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from agreement import RATE, Online, Word

WINDOW, CONTEXT = 512, 64
THRESHOLD, END_THRESHOLD = 0.5, 0.35
MIN_SILENCE, PAD = RATE // 2, RATE // 10
KEPT = RATE
"""Samples kept of silence: a start may lie in them."""


class Silero:
    """The network, on one thread."""

    def __init__(self, file: Path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.rate = np.array(RATE, np.int64)
        self.reset()

    def reset(self) -> None:
        """Another stream begins."""
        self.input = np.zeros((1, CONTEXT + WINDOW), np.float32)
        self.state = np.zeros((2, 1, 128), np.float32)

    def probability(self, window: np.ndarray) -> float:
        """Of speech in the next window."""
        self.input[0, :CONTEXT] = self.input[0, WINDOW:]
        self.input[0, CONTEXT:] = window
        output, self.state = self.session.run(None, {"input": self.input, "state": self.state, "sr": self.rate})
        return float(output[0, 0])


class Vac:
    """One stream."""

    def __init__(self, vad: Silero, online: Callable[[float], Online], chunk: float):
        vad.reset()
        self.vad, self.online, self.chunk = vad, online, int(chunk * RATE)
        self.stretch: Online | None = None
        """While somebody speaks."""
        self.kept, self.kept_at = np.zeros(0, np.float32), 0
        self.rest = np.zeros(0, np.float32)
        self.now = 0
        self.speech, self.silence = False, None
        self.given = 0

    def hear(self, audio: np.ndarray) -> list[Word]:
        """Takes a piece of audio; what became final."""
        start, end = self._changes(audio)
        self.kept = np.append(self.kept, audio)
        if start is not None:
            start = max(start, self.kept_at)
            self.stretch, self.given = self.online(start / RATE), 0
            self.kept, self.kept_at = self.kept[start - self.kept_at :], start
        if self.stretch is None:
            surplus = max(0, len(self.kept) - KEPT)
            self.kept, self.kept_at = self.kept[surplus:], self.kept_at + surplus
            return []
        self._give(len(self.kept) if end is None else max(0, end - self.kept_at))
        if end is not None:
            return self.finish()
        if self.given > self.chunk:
            self.given = 0
            return self.stretch.iterate()
        return []

    def finish(self) -> list[Word]:
        """The speech, or the stream, ends."""
        stretch, self.stretch = self.stretch, None
        return stretch.finish() if stretch else []

    def _give(self, count: int) -> None:
        given, self.kept = self.kept[:count], self.kept[count:]
        self.stretch.insert(given)
        self.given += len(given)
        self.kept_at += len(given)

    def _changes(self, audio: np.ndarray) -> tuple[int | None, int | None]:
        """The first start and the last end in a piece; a start after an end undoes the end."""
        self.rest = np.append(self.rest, audio)
        start = end = None
        while len(self.rest) >= WINDOW:
            window, self.rest = self.rest[:WINDOW], self.rest[WINDOW:]
            kind, at = self._window(window)
            if kind == "end":
                end = at
            elif kind == "start":
                if start is None and end is None:
                    start = at
                end = None
        return start, end

    def _window(self, window: np.ndarray) -> tuple[str | None, int]:
        probability, first = self.vad.probability(window), self.now
        self.now += WINDOW
        if probability >= THRESHOLD:
            self.silence = None
            started, self.speech = not self.speech, True
            return ("start" if started else None), max(0, first - PAD)
        if probability >= END_THRESHOLD or not self.speech:
            return None, 0
        if self.silence is None:
            self.silence = self.now
        if self.now - self.silence < MIN_SILENCE:
            return None, 0
        at, self.speech, self.silence = self.silence + PAD - WINDOW, False, None
        return "end", at
