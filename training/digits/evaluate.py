"""What the exported model gets right: connected digits of people and voices, and sounds without words."""

from collections.abc import Container
from pathlib import Path
from typing import Protocol

import numpy as np

import noises
import voices
from audio import resample, rms
from digits.corpus import LEVEL, NAMES, RATE, changed, digit_phrase, natural
from digits.recognise import Recogniser
from speakers import Change

SEED = 77
MINUTES = 5


Row = tuple[list[int], np.ndarray, list[tuple[int, int]]]


class Reader(Protocol):
    """What is measured."""

    def digits(self, recordings: list[np.ndarray]) -> list[list[tuple[int, int]]]:
        """For each 16 kHz recording its digits, each with a number of samples that the reader knows the meaning of."""


def errors(said: list[int], heard: list[int]) -> int:
    """The least number of words put in, left out or put for another."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            diagonal, row[place] = row[place], min(diagonal + (word != other), row[place] + 1, row[place - 1] + 1)
    return row[-1]


def connected(words: list[tuple[int, np.ndarray]], random: np.random.Generator) -> list[Row]:
    """All words once, in rows of 1 to 16 with pauses: the digits, the sound at 8 kHz, and the samples between
    which each lies."""
    order = [words[number] for number in random.permutation(len(words))]
    rows = []
    while order:
        count = random.integers(1, 17)
        row, order = order[:count], order[count:]
        pieces, places = [np.zeros(int(RATE * random.uniform(0.2, 0.6)), np.float32)], []
        for _, sound in row:
            pieces.append(sound * 10 ** (random.normal(0, 1) / 20) * LEVEL / rms(sound))
            end = sum(map(len, pieces))
            places.append((end - len(sound), end))
            pieces.append(np.zeros(int(RATE * random.uniform(0.02, 0.6)), np.float32))
        pieces.append(np.zeros(int(RATE * 0.3), np.float32))
        rows.append(([digit for digit, _ in row], np.concatenate(pieces), places))
    return rows


def with_noise(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Speech with noise of some kind 5 to 20 dB below it."""
    made = noises.noise(str(random.choice(noises.KINDS)), len(sound) / RATE, RATE, random)
    return sound + made[: len(sound)] * LEVEL * 10 ** (-random.uniform(5, 20) / 20)


def rate_of(recogniser: Reader, rows: list[tuple[list[int], np.ndarray]]) -> tuple[int, int]:
    """Word errors and words; the recordings are at 8 kHz."""
    found = recogniser.digits([resample(sound, RATE, 16000) for _, sound in rows])
    wrong = sum(errors(said, [digit for digit, _ in heard]) for (said, _), heard in zip(rows, found))
    return wrong, sum(len(said) for said, _ in rows)


def person(
    recogniser: Reader, recordings: Path, name: str, takes: Container[int] | None = None
) -> dict[str, tuple[int, int]]:
    """A person's recordings, all or these takes, in rows: as they are, with noise, and as a woman might have spoken them."""
    random = np.random.default_rng(SEED)
    words = natural(recordings, name, takes)
    rows = [(said, sound) for said, sound, _ in connected(words, random)]
    woman = [Change(random.uniform(1.6, 2.1), random.uniform(1.1, 1.22)) for _ in words]
    other = [(digit, changed(sound, [change])[0]) for (digit, sound), change in zip(words, woman)]
    other = [(digit, sound) for digit, sound in other if np.any(sound)]
    return {
        f"{name}, clean": rate_of(recogniser, rows),
        f"{name}, noise": rate_of(recogniser, [(said, with_noise(sound, random)) for said, sound in rows]),
        f"{name}, woman": rate_of(recogniser, [(said, sound) for said, sound, _ in connected(other, random)]),
    }


def delays(recogniser: Recogniser, recordings: Path, name: str) -> list[float]:
    """For rows recognised without error: seconds from a word's end to when it is known."""
    rows = connected(natural(recordings, name), np.random.default_rng(SEED))
    found = recogniser.digits([resample(sound, RATE, 16000) for _, sound, _ in rows])
    return [
        known / 16000 - end / RATE
        for (said, _, places), heard in zip(rows, found)
        if said == [digit for digit, _ in heard]
        for (_, end), (_, known) in zip(places, heard)
    ]


def synthetic(recogniser: Reader) -> dict[str, tuple[int, int]]:
    """Phrases of digits in festival's voices."""
    results = {}
    for name in voices.FESTIVAL:
        random = np.random.default_rng(SEED)
        rows = []
        for _ in range(5):
            voice = voices.festival_voice(name, random)
            texts = [digit_phrase(random) for _ in range(8)]
            for (_, _, digits), sound in zip(texts, voices.speak(voice, [text for text, _, _ in texts])):
                pause = np.zeros(RATE // 3, np.float32)
                sound = resample(sound, voices.RATE, RATE)
                rows.append((list(map(int, digits)), np.concatenate([pause, sound * LEVEL / rms(sound), pause])))
        results[f"festival {name}"] = rate_of(recogniser, rows)
    return results


def wordless(recogniser: Reader) -> dict[str, list[str]]:
    """The words in five minutes each of silence, noise and music: there are none to be heard."""
    random = np.random.default_rng(SEED)
    length = MINUTES * 60 * RATE
    silences = [np.zeros(length // 3), random.normal(0, 1e-4, length // 3), random.normal(0, 1e-3, length // 3)]
    kinds = [kind for kind in noises.KINDS if kind != "music"]

    def several(chosen: list[str], pieces: int) -> np.ndarray:
        parts = []
        for piece in range(pieces):
            made = noises.noise(chosen[piece % len(chosen)], length / RATE / pieces, RATE, random)
            parts.append(made / np.abs(made).max() * 10 ** (-random.uniform(0, 40) / 20))
        return np.concatenate(parts)

    sounds = {
        "silence": np.concatenate(silences),
        "noise": several(kinds, 2 * len(kinds)),
        "music": several(["music"], 10),
    }
    results = {}
    for name, sound in sounds.items():
        heard = recogniser.digits([resample(sound.astype(np.float32), RATE, 16000)])[0]
        results[name] = [NAMES[digit] for digit, _ in heard]
    return results
