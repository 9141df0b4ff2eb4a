"""The engine `my-engine`: telephone keys, recognised while they sound. A pause ends a number, which is a segment.

`keypad.py` recognises the keys; this file is what an engine does around a recogniser that needs 20 ms at a time
(`chunk_ms` in the preset).
"""

from types import SimpleNamespace

import numpy as np

import keypad


# ANCHOR: loader
class Loader:
    """Made once for each model. An engine with weights reads them in the first `load` and keeps them here."""

    def load(self, config):
        threshold = getattr(config, "threshold", 0.01)
        pause = getattr(config, "pause", 0.5)
        return Processor(threshold, pause), {"separator": " ", "capabilities": ["partials", "word-times"]}
# ANCHOR_END: loader


# ANCHOR: processor
class Processor:
    """One stream: the number that is being entered. Times are seconds since `init`."""

    def __init__(self, threshold, pause):
        self.threshold, self.pause = threshold, pause
        self.init()

    def init(self):
        self.position = 0
        self.block = np.zeros(0, dtype=np.float32)
        self.pressed = None
        self.keys = []

    def insert_audio_chunk(self, audio):
        self.block = audio

    def process_iter(self):
        start, self.position = self.position, self.position + len(self.block)
        key = keypad.key(self.block, self.threshold)
        self.block = self.block[:0]
        pressed, self.pressed = self.pressed, key
        now = self.position / keypad.RATE
        if key and key == pressed:
            self.keys[-1].end = now
        elif key:
            self.keys.append(SimpleNamespace(start=start / keypad.RATE, end=now, text=key))
            return self.number(partial=True)
        elif self.keys and now - self.keys[-1].end >= self.pause:
            return self.number()
        return None, None, ""

    def finish(self):
        return self.number() if self.keys else (None, None, "")

    def number(self, partial=False):
        """The keys so far, with a word for each."""
        keys, text = self.keys, " ".join(key.text for key in self.keys)
        if not partial:
            self.keys = []
        return SimpleNamespace(start=keys[0].start, end=keys[-1].end, text=text, words=keys, partial=partial)
# ANCHOR_END: processor
