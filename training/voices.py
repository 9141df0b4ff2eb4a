"""Synthetic voices: what flite, espeak-ng and festival say to a text, as 16 kHz audio.

All three come from the distribution's packages; `missing` names those that are not there.
"""

from dataclasses import dataclass
from pathlib import Path
import shutil
import subprocess
import tempfile

import numpy as np

from audio import read_wav, resample, trim

RATE = 16000
PACKAGES = {
    "flite": "flite",
    "espeak-ng": "espeak-ng",
    "festival": "festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts",
}
FLITE = ("kal", "kal16", "awb", "rms", "slt")
FESTIVAL = {"kal": "kal_diphone", "ked": "ked_diphone", "slt": "cmu_us_slt_arctic_hts"}
ACCENTS = (
    "en-gb", "en-us", "en-us", "en-us", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029",
    "en-us-nyc",
)  # fmt: skip
VARIANTS = (
    "f1 f2 f3 f4 f5 m1 m2 m3 m4 m5 m6 m7 m8 adam anika belinda ed edward linda max michael paul shelby steph travis victor zac "
    "Andrea Annie Alicia Denis Gene Hugo Jacky Lee Marco Mario Michael Mike klatt klatt2 klatt3 klatt4 klatt5 klatt6 john "
    "david aunty grandma grandpa iven marcelo norbert pablo pedro quincy rob robert sandro antonio benjamin caleb edward2 gustave "
    "michel miguel steph2 steph3 iven2 Diogo Henrique"
).split()


@dataclass(frozen=True)
class Voice:
    """A speaker of one of the programs, with its manner: `pace` over 1 is slower, `pitch` in Hz (espeak: 0 to 99)."""

    program: str
    name: str
    pace: float
    pitch: float

    @property
    def speaker(self) -> str:
        """Whose voice it is; manner aside."""
        return f"{self.program}-{self.name}"


def missing() -> list[str]:
    """The packages to install, if any."""
    packages = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not packages:
        known = subprocess.run(
            ["festival", "-b", "(print (voice.list))"], capture_output=True, text=True, check=True
        ).stdout
        packages = [PACKAGES["festival"]] if any(voice not in known for voice in FESTIVAL.values()) else []
    return packages


def flite_voice(name: str, random: np.random.Generator) -> Voice:
    """A flite voice in some manner."""
    pitch = random.uniform(140, 260) if name == "slt" else random.uniform(75, 190)
    return Voice("flite", name, random.uniform(0.75, 1.35), pitch)


def festival_voice(name: str, random: np.random.Generator) -> Voice:
    """A festival voice in some manner."""
    return Voice("festival", name, random.uniform(0.8, 1.3), random.uniform(80, 180))


def espeak_voice(random: np.random.Generator) -> Voice:
    """One of espeak's accents and characters, in some manner."""
    name = f"{random.choice(ACCENTS)}+{random.choice(VARIANTS)}"
    return Voice("espeak", name, random.uniform(0.7, 1.4), random.uniform(20, 80))


def speak(voice: Voice, texts: list[str]) -> list[np.ndarray]:
    """Each text as the voice says it, without the silence at its edges."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.wav" for number in range(len(texts))]
        if voice.program == "flite":
            for text, file in zip(texts, files):
                _run(["flite", "-voice", voice.name, "--setf", f"duration_stretch={voice.pace:.2f}"]
                     + ["--setf", f"int_f0_target_mean={voice.pitch:.0f}", "-t", text, "-o", str(file)])  # fmt: skip
        elif voice.program == "espeak":
            for text, file in zip(texts, files):
                _run(["espeak-ng", "-v", voice.name, "-s", f"{165 / voice.pace:.0f}", "-p", f"{voice.pitch:.0f}"]
                     + ["-w", str(file), text])  # fmt: skip
        else:
            script = Path(folder) / "say.scm"
            script.write_text(_festival_script(voice, texts, files))
            _run(["festival", "-b", str(script)])
        return [_heard(file) for file in files]


def _festival_script(voice: Voice, texts: list[str], files: list[Path]) -> str:
    lines = [f"(voice_{FESTIVAL[voice.name]})", f"(Parameter.set 'Duration_Stretch {voice.pace:.2f})"]
    if voice.name != "slt":
        target = f"(target_f0_mean {voice.pitch:.0f}) (target_f0_std 14)"
        lines.append(f"(set! int_lr_params '({target} (model_f0_mean 170) (model_f0_std 34)))")
    for text, file in zip(texts, files):
        lines.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{file}" \'riff)')
    return "\n".join(lines)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _heard(file: Path) -> np.ndarray:
    samples, rate = read_wav(file)
    return trim(resample(samples, rate, RATE), RATE)
