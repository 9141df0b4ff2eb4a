"""Stretches of sound put together from clips: groups of digits with pauses, other speech, noise; and what was said when."""

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from scipy.signal import firwin, resample_poly

from digits.corpus import KEPT_FOR_FOLDS, LEVEL, PEOPLE, RATE, Clips
from noises import KINDS, noise

SECONDS = 12
LENGTH = SECONDS * RATE
LAST = RATE // 4
"""Nothing is said in the last moments, so that the last word can come out."""

TEMPI = {
    (up, down): firwin(20 * max(up, down) + 1, 1 / max(up, down), window=("kaiser", 5.0)).astype(np.float32)
    for up, down in ((8, 9), (11, 12), (15, 16), (24, 25), (25, 24), (16, 15), (12, 11), (9, 8))
}
"""Speeds at which speech is put in, with their filters."""


@dataclass
class Said:
    """A digit, and between which samples its word may be."""

    digit: int
    start: int
    end: int
    best: tuple[int, int] | None = None
    """Where it most likely is, if that is not just there."""


class Stock:
    """The clips to choose from, by speaker and manner; without those of `left_out` and its kind, and without these takes."""

    def __init__(self, sources: dict[str, Clips], left_out: str | None, takes_left_out: Container[int] = ()):
        self.sources = sources
        self.words: dict[str, dict[tuple[str, int], list[tuple[str, int]]]] = {"people": {}, "machines": {}}
        self.phrases: list[tuple[str, int]] = []
        self.others: list[tuple[str, int]] = []
        for source, clips in sources.items():
            group = "people" if source in PEOPLE else "machines"
            for clip in range(len(clips.kind)):
                speaker = str(clips.speaker[clip])
                if left_out and (speaker == left_out or speaker.startswith(KEPT_FOR_FOLDS)):
                    continue
                if clips.take[clip] in takes_left_out:
                    continue
                if clips.kind[clip] == "word":
                    key = (speaker, int(clips.manner[clip]))
                    self.words[group].setdefault(key, []).append((source, clip))
                else:
                    (self.phrases if clips.kind[clip] == "phrase" else self.others).append((source, clip))
        self.people = sorted({speaker for speaker, _ in self.words["people"]})
        self.manners = sorted({manner for _, manner in self.words["people"]})
        self.machines = _by_program(self.words["machines"])
        self.phrases_of = _by_program({clip: [clip] for clip in self.phrases}, sources)
        self.others_of = _by_program({clip: [clip] for clip in self.others}, sources)

    def sound(self, clip: tuple[str, int]) -> tuple[np.ndarray, str]:
        """A clip's samples and digits."""
        clips = self.sources[clip[0]]
        return clips.sound(clip[1]), str(clips.digits[clip[1]])

    def speaker(self, random: np.random.Generator) -> list[tuple[str, int]]:
        """All words of one speaker in one manner: mostly people, a third of the time as they are."""
        if random.random() < 0.82:
            manner = 0 if random.random() < 0.3 else random.choice(self.manners)
            return self.words["people"][str(random.choice(self.people)), int(manner)]
        return self.words["machines"][_pick(self.machines, random)]

    def phrase(self, random: np.random.Generator) -> tuple[str, int]:
        """Digits that a machine said in one breath."""
        return _pick(self.phrases_of, random)

    def other(self, random: np.random.Generator) -> np.ndarray:
        """Speech without digits: other words, or a few recordings of digits backwards, which make none."""
        if random.random() < 0.7:
            return self.sound(_pick(self.others_of, random))[0]
        words = self.speaker(random)
        pieces = []
        for _ in range(random.integers(1, 6)):
            sound, digit = self.sound(words[random.integers(len(words))])
            if digit in "2346780":
                pieces.append(sound[::-1])
        return np.concatenate(pieces) if pieces else np.zeros(800, np.float32)


# How often each program is heard: recorded voices more than formants.
SHARES = {"flite": 0.45, "festival": 0.25, "espeak": 0.3}


def _by_program(keys: dict, sources: dict | None = None) -> list[tuple[float, list]]:
    """The keys by the program that made them, with its share."""
    groups: dict[str, list] = {}
    for key in keys:
        program = key[0].split("-")[0] if sources is None else key[0]
        groups.setdefault(program, []).append(key)
    total = sum(SHARES[program] for program in groups)
    return [(SHARES[program] / total, group) for program, group in groups.items()]


def _pick(groups: list[tuple[float, list]], random: np.random.Generator):
    group = groups[random.choice(len(groups), p=[share for share, _ in groups])][1]
    return group[random.integers(len(group))]


def stretch(stock: Stock, random: np.random.Generator, length: int = LENGTH) -> tuple[np.ndarray, list[Said]]:
    """Twelve seconds or another length, dry and clean, and what is said in them."""
    sound, said = np.zeros(length, np.float32), []
    if random.random() < 0.14:
        return sound, said
    place = int(RATE * random.uniform(0, 1))
    while place < length - RATE:
        kind = random.random()
        loudness = 10 ** (random.normal(0, 3) / 20)
        tempo = list(TEMPI)[random.integers(len(TEMPI))]
        if kind < 0.17:
            place, _ = _put(sound, place, stock.other(random) * loudness, tempo)
        elif kind < 0.37:
            clip, digits = stock.sound(stock.phrase(random))
            start = place
            place, fits = _put(sound, place, clip * loudness, tempo)
            if fits:
                said += _spread(digits, start, place)
        else:
            place = _group(sound, said, place, stock, loudness, tempo, random)
        place += int(RATE * random.choice([random.uniform(0.2, 0.8), random.uniform(0.3, 2.5)]))
    return sound, said


def _group(sound, said, place, stock, loudness, tempo, random) -> int:
    words = stock.speaker(random)
    manner = random.random()
    for _ in range(random.integers(1, 17)):
        clip, digit = stock.sound(words[random.integers(len(words))])
        start = place
        place, fits = _put(sound, place, clip * loudness * 10 ** (random.normal(0, 2) / 20), tempo)
        if not fits:
            break
        said.append(Said(int(digit), start, place))
        if manner < 0.4:
            place += int(max(-0.2 * (place - start), RATE * random.uniform(-0.1, 0.05)))
        elif manner < 0.75:
            place += int(RATE * random.uniform(0.03, 0.4))
        else:
            place += int(RATE * random.uniform(0.2, 1.2))
    return place


def _spread(digits: str, start: int, end: int) -> list[Said]:
    """Digits said in one breath: each is somewhere around its part of it, give or take a word."""
    each = (end - start) / len(digits)
    at = lambda place: start + int(place * each)
    return [
        Said(int(digit), at(place - 1.6), at(min(len(digits), place + 2.2)), (at(place), at(place + 1)))
        for place, digit in enumerate(digits)
    ]


def _put(sound: np.ndarray, place: int, clip: np.ndarray, tempo: tuple[int, int]) -> tuple[int, bool]:
    """Adds a clip with soft edges, at another speed, if it fits; returns where it ends and whether it fitted."""
    clip = resample_poly(clip, *tempo, window=TEMPI[tempo]).astype(np.float32)
    if place + len(clip) > len(sound) - LAST:
        return len(sound), False
    edge = min(40, len(clip) // 4)
    clip[:edge] *= np.linspace(0, 1, edge)
    clip[-edge:] *= np.linspace(1, 0, edge)
    sound[place : place + len(clip)] += clip
    return place + len(clip), True


class Noises:
    """Half a minute of each of many noises, to cut from."""

    def __init__(self, stock: Stock, random: np.random.Generator, each: int = 8):
        self.sounds = [noise(kind, 30, RATE, random) for kind in (*KINDS, "music", "music") for _ in range(each)]
        self.sounds += [self._babble(stock, random) for _ in range(2 * each)]

    @staticmethod
    def _babble(stock: Stock, random: np.random.Generator) -> np.ndarray:
        """Many at once, of whom no one can be understood."""
        sound = np.zeros(30 * RATE, np.float32)
        for _ in range(random.integers(6, 14)):
            place = 0
            while True:
                clip = stock.sound(stock.others[random.integers(len(stock.others))])[0]
                if place + len(clip) > len(sound):
                    break
                sound[place : place + len(clip)] += clip * random.uniform(0.3, 1)
                place += len(clip) + random.integers(0, RATE)
        return sound / np.sqrt(np.mean(sound**2))

    def cut(self, random: np.random.Generator, length: int = LENGTH) -> np.ndarray:
        """Some stretch of one of them, as loud as speech."""
        sound = self.sounds[random.integers(len(self.sounds))]
        start = random.integers(0, max(1, len(sound) - length))
        return sound[start : start + length] * LEVEL


def noise_levels(count: int, random: np.random.Generator) -> np.ndarray:
    """How loud the noise is beside speech, as a factor: mostly 5 to 40 dB below it, some louder, some none at all."""
    kind = random.random(count)
    decibels = np.where(kind < 0.1, random.uniform(-3, 6, count), random.uniform(5, 40, count))
    return np.where(kind > 0.88, 0, 10 ** (-decibels / 20))
