"""Log-mel features as sherpa-onnx computes them for streaming NeMo models, batched in torch.

16 kHz, frames of 25 ms every 10 ms centred on their hop (Kaldi's `snip_edges=false`), pre-emphasis in each frame, periodic
Hann window, FFT of 512, 80 Slaney mel bands up to 8 kHz, logarithm of the power. Frame f needs samples up to 160 f + 280.

Sound at 8 kHz has the same lower bands: half as many samples for each frame, half as long an FFT, and the pre-emphasis (a
filter at 16 kHz) as a factor for each frequency. Training uses that; the difference is below 0.02 in all bands it uses.
"""

import numpy as np
import torch

BANDS = 80
EPSILON = 1.1920928955078125e-07
PREEMPHASIS = 0.97


def mel_filters(rate: int) -> np.ndarray:
    """Slaney's triangles up to 8 kHz, each of area 2, on the frequencies of an FFT of 32 ms."""

    def mel(hz: np.ndarray) -> np.ndarray:
        return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))

    def hz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    edges = hz(np.linspace(0, mel(np.float64(8000)), BANDS + 2))
    frequencies = np.arange(rate * 32 // 1000 // 2 + 1) * 31.25
    rising = (frequencies[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies[None]) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.maximum(0, np.minimum(rising, falling)) * area[:, None]


class LogMel(torch.nn.Module):
    """`[B, samples]` at 16 or 8 kHz to `[B, bands, frames]`; all frames whose samples are there."""

    def __init__(self, rate: int = 16000, first: int = 0, last: int = BANDS):
        super().__init__()
        if rate not in (8000, 16000):
            raise ValueError(f"features at {rate} Hz")
        self.rate = rate
        step = 16000 // rate
        self.fft = 512 // step
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(0, 400, step) / 400)
        filters = mel_filters(rate)[first:last]
        if step == 2:
            turn = np.exp(-2j * np.pi * np.arange(self.fft // 2 + 1) / 512)
            filters = filters * np.abs(1 - PREEMPHASIS * turn) ** 2 * step**2
        self.register_buffer("window", torch.tensor(window, dtype=torch.float32))
        self.register_buffer("filters", torch.tensor(filters.T, dtype=torch.float32))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        length, hop = self.rate // 40, self.rate // 100
        before = (length - hop) // 2
        samples = torch.cat([samples[:, :before].flip(1), samples], 1)
        frames = samples.unfold(1, length, hop)
        if self.rate == 16000:
            last = torch.cat([frames[..., :1], frames[..., :-1]], 2)
            frames = frames - PREEMPHASIS * last
        spectrum = torch.fft.rfft(frames * self.window, n=self.fft)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log(torch.clamp(power @ self.filters, min=EPSILON)).transpose(1, 2)
