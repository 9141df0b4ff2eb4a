"""What happens to speech on its way: a room, a microphone or a telephone line, noise, level, and the converter.

Batched in torch; all chance is in a NumPy generator, so that a step of training can be repeated.
"""

import numpy as np
import torch


def curves(count: int, frequencies: np.ndarray, decibels: float, random: np.random.Generator) -> np.ndarray:
    """Smooth responses of microphones: a tilt and some bumps, within about `decibels`; `[count, frequencies]`."""
    octaves = np.log2(np.maximum(frequencies, 30) / 1000)
    response = random.uniform(-1, 1, (count, 1)) * decibels / 4 * octaves[None]
    for _ in range(3):
        centre, width = random.uniform(-4, 2, (count, 1)), random.uniform(0.3, 1.5, (count, 1))
        response += random.uniform(-1, 1, (count, 1)) * decibels * np.exp(-(((octaves[None] - centre) / width) ** 2))
    return 10 ** (response / 20)


def band(count: int, frequencies: np.ndarray, chance: float, random: np.random.Generator) -> np.ndarray:
    """Some without their lows and highs, as on a telephone; the others without what is below some lower corner."""
    telephone = random.random((count, 1)) < chance
    low = np.where(telephone, random.uniform(150, 400, (count, 1)), random.uniform(1, 150, (count, 1)))
    high = np.where(telephone, random.uniform(2900, 3800, (count, 1)), 1e6)
    hz = np.maximum(frequencies, 1)[None]
    return 1 / np.sqrt(1 + (low / hz) ** 6) / np.sqrt(1 + (hz / high) ** 16)


def rooms(count: int, length: int, rate: int, chance: float, random: np.random.Generator) -> np.ndarray:
    """Impulse responses: the direct sound, then, in some, the fading echoes of a room; `[count, length]`."""
    time = np.arange(length)[None] / rate
    fading = random.uniform(0.08, 0.6, (count, 1))
    echoes = random.standard_normal((count, length)) * 10 ** (-3 * time / fading)
    echoes[:, : rate // 500] = 0
    direct_db = random.uniform(-1, 14, (count, 1))
    echoes *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(echoes**2, axis=1, keepdims=True))
    echoes *= random.random((count, 1)) < chance
    echoes[:, 0] = 1
    return echoes


def through(sounds: torch.Tensor, responses: torch.Tensor) -> torch.Tensor:
    """Each sound filtered by its response, given for the frequencies of `padded(length)` samples."""
    size = padded(sounds.shape[1])
    return torch.fft.irfft(torch.fft.rfft(sounds, n=size) * responses, n=size)[:, : sounds.shape[1]]


def padded(length: int) -> int:
    """How long the transforms of sounds of this length are: a second more at 8 kHz, and a length that is quick."""
    size = length + 8000
    return -(-size // 4096) * 4096


def channel(count: int, length: int, rate: int, random: np.random.Generator) -> torch.Tensor:
    """Rooms and microphones together, as responses for `through`."""
    return responses(count, padded(length), rate, 4096, random)


def responses(count: int, size: int, rate: int, echo: int, random: np.random.Generator) -> torch.Tensor:
    """Rooms with `echo` samples and microphones together, for the frequencies of `size` samples."""
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    room = torch.fft.rfft(torch.from_numpy(rooms(count, echo, rate, 0.5, random).astype(np.float32)), n=size)
    coarse = np.linspace(0, rate / 2, 257)
    shape = curves(count, coarse, 8, random) * band(count, coarse, 0.25, random)
    fine = np.stack([np.interp(frequencies, coarse, row).astype(np.float32) for row in shape])
    return room * torch.from_numpy(fine)


def mu_law(sounds: torch.Tensor) -> torch.Tensor:
    """Through a telephone's 8 bit companding and back."""
    companded = torch.sign(sounds) * torch.log1p(255 * sounds.abs()) / np.log(256)
    companded = torch.round(companded * 127.5) / 127.5
    return torch.sign(companded) * (torch.exp(companded.abs() * np.log(256)) - 1) / 255


def convert(sounds: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """The sounds at some level (40 dB apart, some too loud), with some offset, clipped, as 16 or 8 bit samples or neither."""
    count = len(sounds)

    def each(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32))[:, None].to(sounds.device)

    peaks = sounds.abs().amax(1, keepdim=True) + 1e-5
    level = np.where(random.random(count) < 0.1, random.uniform(0, 8, count), random.uniform(-40, 0, count))
    sounds = sounds / peaks * each(10 ** (level / 20))
    sounds = sounds + each(np.where(random.random(count) < 0.2, random.uniform(-0.02, 0.02, count), 0))
    sounds = sounds.clamp(-1, 32767 / 32768)
    kind = each(random.random(count))
    sixteen = torch.round(sounds * 32768) / 32768
    return torch.where(kind < 0.15, mu_law(sounds), torch.where(kind < 0.85, sixteen, sounds))


def warp(features: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """The bands moved up here and down there, smoothly, by three or so: other people's vowels; `[B, bands, frames]`."""
    count, bands, _ = features.shape
    knots = np.linspace(0, bands - 1, 5)
    moves = np.clip(random.normal(0, 1.6, (count, len(knots))), -3.5, 3.5) * (random.random((count, 1)) < 0.8)
    weights = np.zeros((count, bands, bands), np.float32)
    place = np.arange(bands)
    for weight, move in zip(weights, moves):
        source = np.clip(place + np.interp(place, knots, move), 0, bands - 1)
        low = np.minimum(source.astype(int), bands - 2)
        weight[place, low] = low + 1 - source
        weight[place, low + 1] = source - low
    return torch.from_numpy(weights).to(features.device) @ features


def hide(features: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Some bands, and some moments too short to be words, replaced by the mean (SpecAugment); `[B, bands, frames]`."""
    count, bands, frames = features.shape
    shown = np.ones((count, bands, frames), np.float32)
    for row in shown:
        for _ in range(random.integers(0, 3)):
            width = random.integers(1, 9)
            start = random.integers(0, bands - width)
            row[start : start + width] = 0
        for _ in range(random.integers(0, frames // 150)):
            width = random.integers(1, 8)
            start = random.integers(0, frames - width)
            row[:, start : start + width] = 0
    shown = torch.from_numpy(shown).to(features.device)
    mean = features.mean((1, 2), keepdim=True)
    return features * shown + mean * (1 - shown)
