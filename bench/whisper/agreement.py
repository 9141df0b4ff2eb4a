"""LocalAgreement-2 over a model that can only transcribe a buffer: a word is final once two hypotheses in a row begin with it.

The policy that `plugin-kit` has in Rust, with the same numbers. Times are seconds of the stream.

Source: D. Macháček, R. Dabre, O. Bojar, "Turning Whisper into Real-Time Transcription System", IJCNLP-AACL 2023.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RATE = 16_000
OVERLAP = 0.1
"""A new word may begin this much before the last committed one ended."""
NEAR = 1.0
"""Committed words are looked for at the beginning of a hypothesis that begins within this of the last one's end."""
MOST_REPEATED = 5
PROMPT_CHARACTERS = 200


@dataclass(frozen=True)
class Word:
    """A word, with the spaces it carries."""

    start: float
    end: float
    text: str


Transcribe = Callable[[np.ndarray, str], tuple[list[Word], list[float]]]
"""Of a buffer and a prompt: words and the ends of segments, in seconds of the buffer."""


class Online:
    """A stretch of speech."""

    def __init__(self, transcribe: Transcribe, trim: float, offset: float = 0.0):
        self.transcribe, self.trim = transcribe, trim
        self.audio, self.grown = np.zeros(0, np.float32), False
        self.base = self.last = offset
        self.left: list[Word] = []
        self.inside: list[Word] = []
        self.history: list[Word] = []

    def insert(self, audio: np.ndarray) -> None:
        """Takes audio."""
        self.audio = np.append(self.audio, audio)
        self.grown |= len(audio) > 0

    def iterate(self) -> list[Word]:
        """Decodes the buffer; what became final."""
        self.grown = False
        words, ends = self.transcribe(self.audio, self._prompt())
        shifted = [Word(word.start + self.base, word.end + self.base, word.text) for word in words]
        committed = self._agree(self._new(shifted))
        self._shorten([end + self.base for end in ends])
        return committed

    def finish(self) -> list[Word]:
        """A last decode, if there is more to hear; after it everything is final."""
        committed = self.iterate() if self.grown else []
        left, self.left = self.left, []
        self.history += left
        return committed + left

    def _prompt(self) -> str:
        """Text that has left the buffer, but not the last word."""
        end = max(0, len(self.history) - 1)
        while end > 0 and self.history[end - 1].end > self.base:
            end -= 1
        start, characters = end, 0
        while start > 0 and characters < PROMPT_CHARACTERS:
            start -= 1
            characters += len(self.history[start].text) + 1
        return "".join(word.text for word in self.history[start:end])

    def _new(self, words: list[Word]) -> list[Word]:
        """A hypothesis without what it repeats of the committed words."""
        words = [word for word in words if word.start > self.last - OVERLAP]
        if words and abs(words[0].start - self.last) < NEAR:
            for count in range(1, min(len(self.inside), len(words), MOST_REPEATED) + 1):
                if [word.text for word in self.inside[-count:]] == [word.text for word in words[:count]]:
                    return words[count:]
        return words

    def _agree(self, words: list[Word]) -> list[Word]:
        agreed = 0
        while agreed < min(len(words), len(self.left)) and words[agreed].text == self.left[agreed].text:
            agreed += 1
        committed, self.left = words[:agreed], words[agreed:]
        if committed:
            self.last = committed[-1].end
        self.inside += committed
        self.history += committed
        return committed

    def _shorten(self, ends: list[float]) -> None:
        """Cuts a long buffer at the end of a segment whose words are final."""
        if len(self.audio) <= self.trim * RATE or not self.history or len(ends) < 2:
            return
        while len(ends) > 2 and ends[-2] > self.history[-1].end:
            ends.pop()
        if ends[-2] <= self.history[-1].end:
            self._cut(ends[-2])

    def _cut(self, time: float) -> None:
        self.inside = [word for word in self.inside if word.end > time]
        self.audio = self.audio[max(0, int((time - self.base) * RATE)) :]
        self.base = time
