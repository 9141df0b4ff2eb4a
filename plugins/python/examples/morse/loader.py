from real_time_asr_backend.real_time_asr_protocols import ASRConfig, ASRProcessor, ModelLoader

from .processor import MorseProcessor


class MorseLoader(ModelLoader):
    """Makes a processor for each stream."""

    def load(self, config: ASRConfig) -> tuple[ASRProcessor, dict]:
        threshold = getattr(config, "threshold", 0.05)
        dot = getattr(config, "dot_ms", 60) // 10
        print("Morse code, blocks in a dot:", dot)
        return MorseProcessor(threshold, dot), {"separator": " "}
