from pocketsphinx import Decoder
from real_time_asr_backend.real_time_asr_protocols import ASRConfig, ASRProcessor, ModelLoader

from .processor import SphinxProcessor


class MyEngineLoader(ModelLoader):
    """Makes a processor for each stream."""

    def load(self, config: ASRConfig) -> tuple[ASRProcessor, dict]:
        print("loading PocketSphinx, language", config.lan)
        # A decoder keeps the state of an utterance, so streams cannot share one.
        decoder = Decoder(lw=6.0, fwdflat=False, loglevel="FATAL")
        return SphinxProcessor(decoder), {"separator": " ", "languages": ["en-US"]}
