"""Whisper by faster-whisper: `pip install numpy faster-whisper`. Shows how to keep the weights in the loader.

The preset's `model` is a folder in CTranslate2's layout; `pause` is the silence in seconds that ends a passage.
"""

import numpy as np
from faster_whisper import WhisperModel
from real_time_asr_backend.real_time_asr_protocols import ASRConfig, ASRProcessor, ModelLoader

RATE = 16_000
#: The longest passage, in seconds: Whisper's window.
LONGEST = 28.0


class Loader(ModelLoader):
    def __init__(self):
        self.model = None

    def load(self, config: ASRConfig) -> tuple[ASRProcessor, dict]:
        # The loader lives as long as the model and is called for each stream: only the first call reads the weights.
        if self.model is None:
            threads = getattr(config, "threads", 1)
            self.model = WhisperModel(config.model, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
        language = None if config.lan == "auto" else config.lan
        return Processor(self.model, language, getattr(config, "pause", 0.6)), {"separator": " "}


class Processor(ASRProcessor):
    """Collects a passage until a pause, then transcribes it."""

    def __init__(self, model: WhisperModel, language, pause: float):
        self.model, self.language, self.pause = model, language, pause
        self.init()

    def init(self):
        self.passage = []
        self.start = self.now = self.quiet = 0.0
        self.speech = False

    def insert_audio_chunk(self, audio: np.ndarray):
        seconds = len(audio) / RATE
        loud = float(np.sqrt(np.mean(audio * audio))) > 0.005
        self.quiet = 0.0 if loud else self.quiet + seconds
        self.speech = self.speech or loud
        if not self.speech:
            # Only the last of the silence is kept before speech begins.
            self.passage, self.start = [], self.now
        self.passage.append(audio)
        self.now += seconds

    def process_iter(self):
        paused = self.speech and self.quiet >= self.pause
        return self.transcribe() if paused or self.now - self.start >= LONGEST else []

    def finish(self):
        return self.transcribe() if self.speech else []

    def transcribe(self):
        audio, start = np.concatenate(self.passage), self.start
        self.passage, self.start, self.speech = [], self.now, False
        segments, _ = self.model.transcribe(audio, language=self.language, beam_size=1, word_timestamps=True)
        return [shifted(segment, start) for segment in segments]


class shifted:
    """A segment of faster-whisper with times that count from the start of the stream."""

    def __init__(self, of, by):
        self.start, self.end, self.text = of.start + by, of.end + by, of.text
        if getattr(of, "words", None):
            self.words = [shifted_word(word, by) for word in of.words]


class shifted_word:
    def __init__(self, of, by):
        self.start, self.end, self.text, self.confidence = of.start + by, of.end + by, of.word, of.probability
