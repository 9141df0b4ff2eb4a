"""What is spoken: recordings of five people, and synthetic voices, each as several speakers; cut to the speech, at 8 kHz.

Made once for a seed and kept as one file for each source. A clip is a word, a phrase of digits, or something that is neither.
"""

from collections.abc import Container
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

import voices
from audio import read_wav, resample, rms, to_int16
from speakers import Change, Speech

RATE = 8000
SEED = 20
PEOPLE = ("george", "jackson", "nicolas", "theo", "yweweler")
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SOURCES = (*PEOPLE, "flite", "espeak", "festival")
LEVEL = 0.05
"""The root mean square of every clip, -26 dB below the loudest."""

PHRASES = 18
"""Phrases of digits, and as many of other words, in each manner of a synthetic voice."""

# Voices that a fold must not hear: festival is the kind not trained on, and three of flite's are the same people.
KEPT_FOR_FOLDS = ("festival", "flite-kal", "flite-kal16", "flite-slt")

# Each person becomes these, too: at another speed (pitch and formants move together), and with pitch and formants apart, mostly
# faster, as in connected speech.
SPEEDS = (0.86, 0.93, 1.07, 1.14, 1.22)
CHANGES = (
    Change(1.0, 1.0), Change(1.2, 1.03), Change(0.85, 0.94), Change(1.5, 1.1), Change(1.7, 1.15), Change(1.9, 1.18),
    Change(2.1, 1.22), Change(2.6, 1.34),
)  # fmt: skip

# No word here sounds like a digit: no "to", "for", "won", "ate", and no number with a digit in it.
OTHER_WORDS = (
    "hello morning weather very nice today please report before week train leaves london half past table window garden "
    "yes no okay maybe and the with from have been people water music music letter answer question because between "
    "around again always another begin body book carry change city close country day different door each early earth "
    "east end enough example eye face family far father feet field fire fish follow food form girl good green ground "
    "group grow hand hard head hear help high home horse hour house idea important island keep kind king land large "
    "last late learn leave left life light line list listen live long machine make man mark mean measure men mile mind "
    "money moon mother mountain move name near need never new north note notice object often open order page paper "
    "part pattern picture piece place plain plan plant point power problem product pull question quick rain reach "
    "ready red remember river road rock room rule run school science sea second seem sentence service set several "
    "shape ship short show side simple sing sleep slow small snow song soon sound south space stand star start state "
    "stop story street strong study sun sure surface system talk teach tell test thing think time town travel true "
    "turn under unit until usual voice vowel walk want war warm watch west wheel white whole wind wonder wood work "
    "world write year young stop cancel repeat dial call number code account password hundred thousand point minus "
    "alpha bravo charlie delta echo hotel india juliet kilo lima november oscar papa quebec romeo sierra tango uniform "
    "um er ah hmm well right so see sir sick heaven never wine fine mind line hive fall wait"
).split()


@dataclass
class Clips:
    """Clips of one source, one after another in one array."""

    samples: np.ndarray
    starts: np.ndarray
    speaker: np.ndarray
    manner: np.ndarray
    kind: np.ndarray
    digits: np.ndarray
    take: np.ndarray
    """The number of the person's recording among those of its digit; -1 for machines."""

    def sound(self, clip: int) -> np.ndarray:
        """One clip's samples."""
        return self.samples[self.starts[clip] : self.starts[clip + 1]].astype(np.float32) / 32768


@dataclass
class _Clip:
    sound: np.ndarray
    speaker: str
    manner: int
    kind: str
    digits: str
    take: int = -1


def load(work: Path, recordings: Path, jobs: int) -> dict[str, Clips]:
    """The clips of all sources; those that are not there yet are made."""
    folder = work / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    return {source: _load(folder / f"{source}.npz", source, recordings, jobs) for source in SOURCES}


def _load(file: Path, source: str, recordings: Path, jobs: int) -> Clips:
    if not file.exists():
        print(f"making the clips of {source}", flush=True)
        make = {"flite": _flite, "espeak": _espeak, "festival": _festival}.get(source) or partial(_person, recordings, source)
        clips = make(jobs)
        sounds = [to_int16(clip.sound * LEVEL / rms(clip.sound)) for clip in clips]
        unfinished = file.with_suffix(".part.npz")
        np.savez(
            unfinished,
            samples=np.concatenate(sounds),
            starts=np.cumsum([0] + [len(sound) for sound in sounds]),
            speaker=[clip.speaker for clip in clips],
            manner=[clip.manner for clip in clips],
            kind=[clip.kind for clip in clips],
            digits=[clip.digits for clip in clips],
            take=[clip.take for clip in clips],
        )
        unfinished.rename(file)
    with np.load(file) as stored:
        return Clips(**{name: stored[name] for name in stored.files})


def _files(recordings: Path, person: str) -> list[Path]:
    files = sorted(recordings.glob(f"?_{person}_*.wav"))
    if not files:
        raise FileNotFoundError(f"{recordings}: no recordings of {person} (the Free Spoken Digit Dataset's are wanted)")
    return files


def _take(file: Path) -> int:
    return int(file.stem.split("_")[2])


def natural(recordings: Path, person: str, takes: Container[int] | None = None) -> list[tuple[int, np.ndarray]]:
    """A person's own recordings, all or these takes: digit and sound at 8 kHz, in the order of their names."""
    found = []
    for file in _files(recordings, person):
        if takes is not None and _take(file) not in takes:
            continue
        samples, rate = read_wav(file)
        found.append((int(file.name[0]), resample(samples, rate, RATE)))
    return found


def changed(sound: np.ndarray, changes: list[Change]) -> list[np.ndarray]:
    """A sound at 8 kHz as other speakers would have said it."""
    speech = Speech(resample(sound, RATE, 16000))
    return [resample(speech.say(change), 16000, RATE) for change in changes]


def _person(recordings: Path, person: str, jobs: int) -> list[_Clip]:
    with ProcessPoolExecutor(jobs) as pool:
        made = pool.map(_versions, enumerate(natural(recordings, person)), chunksize=20)
        takes = map(_take, _files(recordings, person))
        return [replace(clip, speaker=person, take=take) for clips, take in zip(made, takes) for clip in clips]


def _versions(numbered: tuple[int, tuple[int, np.ndarray]]) -> list[_Clip]:
    number, (digit, sound) = numbered
    random = np.random.default_rng((SEED, number))
    sounds = [sound]
    for speed in SPEEDS:
        thousandths = round(1000 * speed * random.uniform(0.97, 1.03))
        sounds.append(resample(sound, thousandths, 1000))
    wanted = [
        Change(
            change.pitch * random.uniform(0.9, 1.1),
            change.formants * random.uniform(0.97, 1.03),
            np.exp(random.uniform(np.log(0.5), np.log(1.25))),
            random.uniform(0.7, 1.6),
        )
        for change in CHANGES
    ]
    sounds += changed(sound, wanted)
    clips = [_Clip(sound, "", manner, "word", str(digit)) for manner, sound in enumerate(sounds) if np.any(sound)]
    if digit == 0 and number % 6 == 1:
        # Nobody says "oh" in the recordings; the end of "zero" comes near.
        clips += [_Clip(clip.sound[round(0.58 * len(clip.sound)) :], "", clip.manner, "word", "0") for clip in clips]
    return clips


def _flite(jobs: int) -> list[_Clip]:
    random = np.random.default_rng((SEED, 1))
    return _spoken([voices.flite_voice(name, random) for name in voices.FLITE for _ in range(16)], True, jobs)


def _festival(jobs: int) -> list[_Clip]:
    random = np.random.default_rng((SEED, 2))
    return _spoken([voices.festival_voice(name, random) for name in voices.FESTIVAL for _ in range(14)], True, jobs)


def _espeak(jobs: int) -> list[_Clip]:
    random = np.random.default_rng((SEED, 3))
    return _spoken([voices.espeak_voice(random) for _ in range(120)], False, jobs)


def _spoken(speakers: list[voices.Voice], change: bool, jobs: int) -> list[_Clip]:
    with ProcessPoolExecutor(jobs) as pool:
        made = pool.map(partial(_manner, change=change), enumerate(speakers))
        return [clip for clips in made for clip in clips]


def _manner(numbered: tuple[int, voices.Voice], change: bool) -> list[_Clip]:
    """What one voice in one manner says: all digits, phrases of digits, and other phrases."""
    number, voice = numbered
    random = np.random.default_rng((SEED, 4, number))
    texts = [(name, "word", str(digit)) for digit, name in enumerate(NAMES)] + [("oh", "word", "0")]
    texts += [digit_phrase(random) for _ in range(PHRASES)]
    for _ in range(PHRASES):
        words = random.choice(OTHER_WORDS, random.integers(1, 7))
        texts.append((" ".join(words), "other", ""))
    clips = []
    for (_, kind, digits), sound in zip(texts, voices.speak(voice, [text for text, _, _ in texts])):
        if len(sound) < voices.RATE // 20:
            continue
        clips.append(_Clip(resample(sound, voices.RATE, RATE), voice.speaker, 2 * number, kind, digits))
        if change:
            other = Change(np.exp(random.uniform(-0.2, 0.8)), np.exp(random.uniform(-0.1, 0.25)), random.uniform(0.8, 1.25))
            sound = resample(Speech(sound).say(other), voices.RATE, RATE)
            if np.any(sound):
                clips.append(_Clip(sound, voice.speaker, 2 * number + 1, kind, digits))
    return clips


def digit_phrase(random: np.random.Generator) -> tuple[str, str, str]:
    """Two to seven digits in one breath, some with commas; zero is sometimes called "oh"."""
    digits = random.integers(0, 10, random.integers(2, 8))
    words = ["oh" if digit == 0 and random.random() < 0.5 else NAMES[digit] for digit in digits]
    comma = random.choice([0.0, 0.0, 0.3, 1.0])
    text = words[0] + "".join((", " if random.random() < comma else " ") + word for word in words[1:])
    return text, "phrase", "".join(map(str, digits))
