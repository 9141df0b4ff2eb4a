"""Windows to learn from: what a Whisper is given, from the digits recipe's clips, and what is said in them.

A window begins anywhere, ends anywhere (amid words, too), and silence follows to its length. All chance comes from the seed
and the window's step, so that a run can stop and go on.
"""

from dataclasses import dataclass

import numpy as np
import torch

import augment
from digits import compose
from digits.compose import Noises, Said, Stock
from digits.corpus import RATE
from whisper_digits.mel import HOP, Mel

SEED = 1
NEW_NOISES = 200
"""After so many steps there are other noises."""
LEAST = 0.03
"""Seconds of a word that may lie outside of the window."""
ALONE = 0.12
"""How many windows have a word by itself and hardly more: all that a stream's first buffer holds."""
GOES_ON = 0.55
"""How many of the others end where speech may go on, often amid a word, as a growing buffer does."""
WIDE = 0.55
"""How many are heard above 4 kHz, where the clips have nothing."""


@dataclass
class Word:
    """A digit and when it is said, in seconds; `exact` where that is known and not supposed."""

    digit: int
    start: float
    end: float
    exact: bool


@dataclass
class Window:
    """What is to be known of one: its words, those just before it, and how long its sound is."""

    words: list[Word]
    before: list[int]
    seconds: float


def _word(said: Said, start: int) -> Word:
    first, last = said.best or (said.start, said.end)
    return Word(said.digit, (first - start) / RATE, (last - start) / RATE, said.best is None)


def cut(sound: np.ndarray, said: list[Said], start: int, length: int) -> tuple[np.ndarray, Window]:
    """`length` samples from `start`: words that are not wholly in them are left out."""
    words = [_word(one, start) for one in said]
    seconds = length / RATE
    inside = [word for word in words if word.start >= -LEAST and word.end <= seconds + LEAST]
    before = [word.digit for word in words if word.end <= LEAST and word.start < -LEAST]
    return sound[start : start + length], Window(inside, before, seconds)


def composed(stock: Stock, random: np.random.Generator, seconds: float, whole: bool) -> tuple[np.ndarray, Window]:
    """One of at most so long; `whole` ones are of Whisper's own length and mostly much shorter than that."""
    if random.random() < ALONE:
        return alone(stock, random)
    late = int(RATE * random.uniform(0.3, 3)) if random.random() < 0.3 else 0
    if whole:
        heard = random.uniform(1, 17) if random.random() < 0.75 else random.uniform(17, seconds)
    else:
        heard = seconds if random.random() < 0.4 else random.uniform(0.6, seconds)
    length = int(RATE * heard)
    # The others end just after a word, or in a pause as it was made.
    end = random.random()
    beyond = int(RATE * random.uniform(0.5, 2)) if end < GOES_ON else compose.LAST if end < 0.8 else 0
    made = late + length + beyond
    if random.random() < 0.06:
        return cut(_others(stock, random, made), [], late, length)
    return cut(*compose.stretch(stock, random, made), late, length)


def alone(stock: Stock, random: np.random.Generator) -> tuple[np.ndarray, Window]:
    """A word and at most a moment before and after it; some stop amid the word, which then is none yet."""
    words = stock.speaker(random)
    clip, digit = stock.sound(words[random.integers(len(words))])
    start = int(RATE * random.choice([0, random.uniform(0, 0.1), random.uniform(0, 0.5)]))
    end = start + len(clip)
    length = start + len(clip) // 2 if random.random() < 0.12 else end + int(RATE * random.uniform(0, 0.3))
    sound = np.zeros(max(end, length), np.float32)
    sound[start:end] = clip
    return cut(sound, [Said(int(digit), start, end)], 0, length)


def _others(stock: Stock, random: np.random.Generator, length: int) -> np.ndarray:
    """Speech without digits, and nothing else."""
    sound, place = np.zeros(length, np.float32), 0
    while place < length:
        clip = stock.other(random)[: length - place]
        sound[place : place + len(clip)] += clip
        place += len(clip) + int(RATE * random.uniform(0.1, 1.5))
    return sound


def _wide(spectra: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Spectra up to 4 kHz to spectra up to 8 kHz: above there is nothing, or what lies below, mirrored and fainter."""
    count, bins = spectra.shape
    mirrored = spectra[:, :-1].conj().flip(1)
    high = np.linspace(4000, 8000, 65)
    gain = augment.curves(count, high, 8, random) * 10 ** (-random.uniform(3, 30, (count, 1)) / 20)
    gain *= 10 ** (-random.uniform(0, 15, (count, 1)) * (high - 4000) / 4000 / 20)
    gain *= random.random((count, 1)) < WIDE
    fine = np.stack([np.interp(np.linspace(4000, 8000, bins - 1), high, row) for row in gain]).astype(np.float32)
    return torch.cat([spectra, mirrored * torch.from_numpy(fine)], 1)


class Windows:
    """Makes the windows of a step."""

    def __init__(self, stock: Stock):
        self.stock = stock
        self.noises: tuple[int, Noises] | None = None
        self.mel = Mel()

    def batch(
        self, step: int, count: int, seconds: float, whole: bool, plain: float = 0.0
    ) -> tuple[torch.Tensor, list[Window]]:
        """Features `[count, 80, frames]`, and what is said in each; about `plain` of them are as the clips are, without rooms
        and noise."""
        random = np.random.default_rng((SEED, 1, step))
        turn = step // NEW_NOISES
        if self.noises is None or self.noises[0] != turn:
            self.noises = turn, Noises(self.stock, np.random.default_rng((SEED, 0, turn)))
        made = [composed(self.stock, random, seconds, whole) for _ in range(count)]
        longest = max(len(sound) for sound, _ in made)
        sounds = np.zeros((2 * count, longest), np.float32)
        hard = random.random(count) >= plain
        levels = compose.noise_levels(count, random) * hard
        for row, (sound, _) in enumerate(made):
            sounds[row, : len(sound)] = sound
            if levels[row]:
                noise = self.noises[1].cut(random, longest)
                sounds[count + row, : len(noise)] = noise * levels[row]
        heard = self._heard(torch.from_numpy(sounds), hard, random)
        if hard.any():
            heard[hard] = augment.convert(heard[hard], random)
        for row, (sound, _) in zip(heard, made):
            row[2 * len(sound) :] = 0
        features = self.mel(heard, round(seconds * 2 * RATE / HOP))
        if hard.any():
            features[hard] = augment.hide(augment.warp(features[hard], random), random)
        return features, [window for _, window in made]

    @staticmethod
    def _heard(sounds: torch.Tensor, hard: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """Speech and noise at 16 kHz; the `hard` ones each through a room and a microphone."""
        size = augment.padded(sounds.shape[1])
        spectra = 2 * _wide(torch.fft.rfft(sounds, n=size), random)
        if hard.any():
            both = np.concatenate([hard, hard])
            spectra[both] *= augment.responses(int(both.sum()), 2 * size, 2 * RATE, 8192, random)
        speech, noise = spectra.split(len(sounds) // 2)
        return torch.fft.irfft(speech + noise, n=2 * size)[:, : 2 * sounds.shape[1]]
