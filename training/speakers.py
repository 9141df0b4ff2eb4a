"""Other speakers out of one: pitch, vocal tract and pace of a recording changed, each by itself (the WORLD vocoder)."""

from dataclasses import dataclass

import numpy as np
import pyworld

RATE = 16000


@dataclass(frozen=True)
class Change:
    """Factors: of the pitch, of the formants (above 1: a shorter vocal tract), of the length, of the intonation's range."""

    pitch: float = 1.0
    formants: float = 1.0
    length: float = 1.0
    range: float = 1.0


class Speech:
    """A recording at 16 kHz taken apart into pitch, envelope and breath; `say` puts it together again, changed."""

    def __init__(self, samples: np.ndarray):
        samples = samples.astype(np.float64)
        pitch, times = pyworld.dio(samples, RATE, f0_floor=60, f0_ceil=500)
        self.pitch = pyworld.stonemask(samples, pitch, times, RATE)
        self.envelope = pyworld.cheaptrick(samples, self.pitch, times, RATE)
        self.breath = pyworld.d4c(samples, self.pitch, times, RATE)

    def say(self, change: Change) -> np.ndarray:
        """The recording with the change."""
        frames = len(self.pitch)
        wanted = max(2, round(frames * change.length))
        times = np.round(np.linspace(0, frames - 1, wanted)).astype(int)
        bins = self.envelope.shape[1]
        source = np.minimum(np.arange(bins) / change.formants, bins - 1)
        low = source.astype(int)
        high = np.minimum(low + 1, bins - 1)
        part = source - low

        def warped(values: np.ndarray) -> np.ndarray:
            values = values[times]
            return np.ascontiguousarray(values[:, low] * (1 - part) + values[:, high] * part)

        pitch = self.pitch[times]
        voiced = pitch > 0
        if voiced.any():
            middle = np.exp(np.log(pitch[voiced]).mean())
            pitch[voiced] = middle * change.pitch * (pitch[voiced] / middle) ** change.range
        return pyworld.synthesize(pitch, warped(self.envelope), warped(self.breath), RATE).astype(np.float32)
