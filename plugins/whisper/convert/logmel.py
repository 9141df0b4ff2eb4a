"""Whisper's features of a recording: log-mel, as its training saw them."""

from pathlib import Path
import wave

import numpy as np

from folder import Refusal, Sizes

RATE, WINDOW, HOP = 16000, 400, 160
"""Samples in a second, in a frame, and between frames."""
BREAK, PER_OCTAVE = 1000.0, 27 / np.log(6.4)
"""Slaney's mel scale: 15 to 1000 Hz, and above it 27 to each factor of 6.4."""


def _mel(hertz: np.ndarray) -> np.ndarray:
    upper = 15 + PER_OCTAVE * np.log(np.maximum(hertz, BREAK) / BREAK)
    return np.where(hertz < BREAK, hertz * 15 / BREAK, upper)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * BREAK / 15, BREAK * np.exp((np.maximum(mel, 15) - 15) / PER_OCTAVE))


def _bank(bins: int) -> np.ndarray:
    """Triangles [bins, frequencies], each of the same area."""
    edges = _hertz(np.linspace(0, _mel(np.array(RATE / 2)), bins + 2))
    at = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rising = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def features(samples: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Of the first window, [1, bins, frames]: silence follows what is shorter."""
    frames = 2 * sizes.states
    padded = np.zeros(frames * HOP)
    padded[: len(samples)] = samples[: len(padded)]
    padded = np.pad(padded, WINDOW // 2, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    power = np.abs(np.fft.rfft(pieces * hann)) ** 2
    levels = np.log10(np.maximum(_bank(sizes.bins) @ power.T, 1e-10))
    return ((np.maximum(levels, levels.max() - 8) + 4) / 4)[None].astype(np.float32)


def samples(file: Path) -> np.ndarray:
    """A WAV file of 16 kHz, mono, 16 bits."""
    try:
        with wave.open(str(file)) as audio:
            kind = (audio.getframerate(), audio.getnchannels(), audio.getsampwidth())
            data = audio.readframes(audio.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise Refusal(f"{file} cannot be read as a WAV file: {error}") from error
    if kind != (RATE, 1, 2):
        wanted = f"{RATE} Hz, 1 channel, 16 bits"
        raise Refusal(f"{file} has {kind[0]} Hz, {kind[1]} channels, {8 * kind[2]} bits; give it with {wanted}")
    return np.frombuffer(data, "<i2") / 32768
