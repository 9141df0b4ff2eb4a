"""A recogniser of Morse code: a tone is a dot or, three times as long, a dash. It is the engine that the authors' book ports to Rust."""

from typing import Tuple

import numpy as np
from real_time_asr_backend.real_time_asr_protocols import ASRProcessor

# Samples in a block of 10 ms.
BLOCK = 160
CODES = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
LETTERS = dict(zip(CODES.split(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
NOTHING = (None, None, "")


class MorseProcessor(ASRProcessor):
    """Reports each word when the pause after it has lasted for five dots."""

    def __init__(self, threshold: float, dot: int):
        self.threshold, self.dot = threshold, dot
        self.init()

    def init(self):
        self.waiting = np.array([], dtype=np.float32)
        self.position = self.start = self.end = 0
        # Whether there is a tone, and for how many blocks.
        self.tone, self.run = False, 0
        # The codes of the word so far.
        self.codes = ""

    def insert_audio_chunk(self, audio: np.ndarray):
        self.waiting = np.append(self.waiting, audio)

    def process_iter(self) -> Tuple[float, float, str]:
        result = NOTHING
        # A chunk of 100 ms is shorter than the pause between two words, so at most one ends in it.
        while len(self.waiting) >= BLOCK:
            block, self.waiting = self.waiting[:BLOCK], self.waiting[BLOCK:]
            self.hear(np.sqrt(np.mean(block**2)) > self.threshold)
            if self.codes and not self.tone and self.run >= 5 * self.dot:
                result = self.word()
        return result

    def finish(self) -> Tuple[float, float, str]:
        self.hear(False)
        return self.word() if self.codes else NOTHING

    def hear(self, tone: bool):
        """Adds a block."""
        if tone != self.tone:
            if self.tone:
                self.codes += "-" if self.run >= 2 * self.dot else "."
                self.end = self.position
            elif not self.codes:
                self.start = self.position
            elif self.run >= 2 * self.dot:
                self.codes += " "
            self.tone, self.run = tone, 0
        self.run += 1
        self.position += 1

    def word(self):
        letters = [LETTERS.get(code, "?") for code in self.codes.split()]
        self.codes = ""
        return self.start / 100, self.end / 100, "".join(letters)
