"""Whisper's features in torch, in batches: those of transformers' WhisperFeatureExtractor.

Windows that are mostly silence cost little: only what comes before it is computed.
"""

import torch
from transformers import WhisperFeatureExtractor

RATE = 16_000
HOP = 160
FFT = 400
LOWEST = -10.0
"""The logarithm of what silence has, before it is compared with the loudest."""


class Mel:
    """`[B, samples]` at 16 kHz, followed by silence, to `[B, 80, frames]`."""

    def __init__(self):
        filters = WhisperFeatureExtractor().mel_filters
        self.filters = torch.tensor(filters, dtype=torch.float32)
        self.window = torch.hann_window(FFT)

    def __call__(self, samples: torch.Tensor, frames: int) -> torch.Tensor:
        samples = samples[:, : frames * HOP]
        # At the end of a whole window the sound is mirrored, before that there is silence.
        silence = min(FFT, frames * HOP - samples.shape[1])
        samples = torch.nn.functional.pad(samples, (0, silence))
        samples = torch.nn.functional.pad(samples[:, None], (FFT // 2, FFT // 2), mode="reflect")[:, 0]
        spectrum = torch.fft.rfft(samples.unfold(1, FFT, HOP) * self.window)
        power = spectrum.real.square() + spectrum.imag.square()
        heard = torch.log10(torch.clamp(power @ self.filters, min=10.0**LOWEST)).transpose(1, 2)[:, :, :frames]
        logarithms = torch.nn.functional.pad(heard, (0, frames - heard.shape[2]), value=LOWEST)
        loudest = logarithms.amax((1, 2), keepdim=True)
        return (torch.maximum(logarithms, loudest - 8.0) + 4.0) / 4.0
