"""Mono audio as float32 arrays in [-1, 1]: WAV files, rates, levels, and where speech begins and ends."""

from math import gcd
from pathlib import Path
import wave

import numpy as np
from scipy.signal import resample_poly


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """The samples of a mono 16 bit file, and their rate."""
    with wave.open(str(path)) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise ValueError(f"{path}: not mono 16 bit")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples.astype(np.float32) / 32768, file.getframerate()


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Writes a mono 16 bit file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(to_int16(samples).tobytes())


def to_int16(samples: np.ndarray) -> np.ndarray:
    """16 bit samples; what is too loud is clipped."""
    return np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2")


def resample(samples: np.ndarray, old: int, new: int) -> np.ndarray:
    """The same sound at another rate."""
    if old == new:
        return samples.astype(np.float32)
    shared = gcd(old, new)
    return resample_poly(samples, new // shared, old // shared).astype(np.float32)


def rms(samples: np.ndarray) -> float:
    """The root of the mean square; a little above zero in silence."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def trim(samples: np.ndarray, rate: int, below_db: float = 40.0) -> np.ndarray:
    """Without the edges that are `below_db` below the loudest 10 ms."""
    hop = rate // 100
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    if len(frames) == 0:
        return samples
    energy = np.mean(frames**2, axis=1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-below_db / 10))
    return samples[loud[0] * hop : (loud[-1] + 1) * hop]
