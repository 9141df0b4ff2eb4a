"""A recogniser of US English by PocketSphinx: `pip install numpy pocketsphinx`."""

from typing import Tuple

import numpy as np
from pocketsphinx import Decoder, Endpointer
from real_time_asr_backend.real_time_asr_protocols import ASRProcessor


class SphinxProcessor(ASRProcessor):
    """Cuts the audio at pauses and recognises each utterance while it is spoken."""

    def __init__(self, decoder: Decoder):
        self.decoder = decoder
        # The decoder adapts its mean, and its estimate of the noise, to what it hears.
        self.mean = decoder.get_cmn()
        self.speaks = False
        self.init()

    def init(self):
        if self.speaks:
            # A client may reset its stream while it speaks.
            self.decoder.end_utt()
        self.decoder.set_cmn(self.mean)
        self.decoder.start_stream()
        self.endpointer = Endpointer()
        self.waiting = np.array([], dtype=np.float32)
        self.speaks = False

    def insert_audio_chunk(self, audio: np.ndarray):
        self.waiting = np.append(self.waiting, audio)

    def process_iter(self) -> Tuple[float, float, str]:
        frame = self.endpointer.frame_bytes // 2
        result = (None, None, "")
        # A chunk of 100 ms is shorter than an utterance with its pause, so at most one ends in it.
        while len(self.waiting) > frame:
            speech = self.endpointer.process(pcm(self.waiting[:frame]))
            self.waiting = self.waiting[frame:]
            result = self.recognise(speech) or result
        return result

    def finish(self) -> Tuple[float, float, str]:
        speech = self.endpointer.end_stream(pcm(self.waiting)) if len(self.waiting) else None
        self.waiting = self.waiting[:0]
        result = self.recognise(speech)
        if self.speaks:
            # The audio ended in speech.
            result = self.end()
        return result or (None, None, "")

    def recognise(self, speech):
        """Decodes a frame that belongs to an utterance. Returns the result when it has ended."""
        if speech is None:
            return None
        if not self.speaks:
            self.speaks = True
            self.start = self.endpointer.speech_start
            self.decoder.start_utt()
        self.decoder.process_raw(speech)
        return None if self.endpointer.in_speech else self.end()

    def end(self):
        self.speaks = False
        self.decoder.end_utt()
        hypothesis = self.decoder.hyp()
        text = hypothesis.hypstr if hypothesis else ""
        return (self.start, self.endpointer.speech_end, text)


def pcm(audio: np.ndarray) -> bytes:
    return (np.clip(audio, -1.0, 1.0) * 32767.0).astype(np.int16).tobytes()
