"""The engine `my-engine`: telephone keys in passages of audio. A passage begins with sound and ends with a pause.

`transcribe` recognises a whole passage; replace it, with `keypad.py`, by a recogniser that needs a buffer.
"""

from types import SimpleNamespace

import numpy as np

import keypad

#: Samples in a passage: it is recognised after 28 s at the latest.
LONGEST = 28 * keypad.RATE


# ANCHOR: transcribe
def transcribe(audio, threshold):
    """Recognises a passage; returns its words, with times in seconds that count from the passage's start."""
    words, pressed = [], None
    for at in range(0, len(audio), keypad.BLOCK):
        block = audio[at : at + keypad.BLOCK]
        start, end = at / keypad.RATE, (at + len(block)) / keypad.RATE
        key = keypad.key(block, threshold)
        if key and key == pressed:
            words[-1].end = end
        elif key:
            words.append(SimpleNamespace(start=start, end=end, text=key))
        pressed = key
    return words
# ANCHOR_END: transcribe


class Loader:
    """Made once for each model. An engine with weights reads them in the first `load` and keeps them here."""

    def load(self, config):
        threshold = getattr(config, "threshold", 0.01)
        pause = getattr(config, "pause", 0.5)
        return Processor(threshold, pause), {"separator": " ", "capabilities": ["word-times"]}


# ANCHOR: processor
class Processor:
    """One stream: the passage that is being heard. Places are samples since `init`."""

    def __init__(self, threshold, pause):
        self.threshold, self.pause = threshold, pause * keypad.RATE
        self.init()

    def init(self):
        self.start = self.quiet = 0
        self.chunks = []
        self.sounds = False

    def insert_audio_chunk(self, audio):
        self.chunks.append(audio)
        loud = len(audio) > 0 and float(np.sqrt(np.mean(audio * audio))) > self.threshold
        self.sounds = self.sounds or loud
        self.quiet = 0 if loud else self.quiet + len(audio)
        if not self.sounds:
            # The last chunk is kept: it may have the beginning of a sound.
            self.drop(len(self.chunks) - 1)

    def process_iter(self):
        is_long = sum(map(len, self.chunks)) >= LONGEST
        return self.end() if self.sounds and (self.quiet >= self.pause or is_long) else (None, None, "")

    def finish(self):
        return self.end() if self.sounds else (None, None, "")

    def end(self):
        """Recognises the passage, and waits for the next one."""
        words, start = transcribe(np.concatenate(self.chunks), self.threshold), self.start / keypad.RATE
        self.drop(len(self.chunks))
        self.sounds, self.quiet = False, 0
        if not words:
            return None, None, ""
        for word in words:
            word.start, word.end = word.start + start, word.end + start
        text = " ".join(word.text for word in words)
        return SimpleNamespace(start=words[0].start, end=words[-1].end, text=text, words=words)

    def drop(self, chunks):
        self.start += sum(map(len, self.chunks[:chunks]))
        del self.chunks[:chunks]
# ANCHOR_END: processor
