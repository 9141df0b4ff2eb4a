#!/usr/bin/env python3
"""Compares the log-mel spectrogram with the feature extractor of the PyPI package transformers, on every frame.

Recordings given as arguments (16 kHz, mono, 16 bits) are compared too. `--write-golden` keeps a few frames of the
reference in plugin-kit/testdata/logmel/, which the quick tests read: u32 number of kept frames, their u32 numbers, then
their bins as f32, little-endian. Needs python3 and pip; the packages go to an environment of their own in target/.
"""

import os
import pathlib
import subprocess
import sys
import venv
import wave

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "logmel-parity"
GOLDEN = HERE.parent / "testdata/logmel"
# Name, recording, how often, first and last sample. `src/logmel/tests.rs` has the same list.
CASES = [
    ("weather", "weather", 1, 0, None),
    # 25 samples before the end of the window, where its last frame sees them mirrored; and beyond it.
    ("full", "demo", 3, 1000, 480975),
    ("long", "demo", 3, 4000, None),
    ("short", "demo", 1, 8000, 8100),
]
FRAMES = 3000
KEPT = 12


def in_environment():
    """Goes on in the environment that has the packages."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    # Without torch, the extractor transforms in double precision.
    packages = ["numpy==2.4.6", "transformers==5.23.0"]
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def samples(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2), path
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768


def reference(audio, bins):
    """`[frames, bins]`"""
    extractor = transformers.WhisperFeatureExtractor(feature_size=bins)
    return extractor(audio, sampling_rate=16000)["input_features"][0].T.astype("<f4")


def ours(folder, audios):
    """What this crate makes of them: a test reads NAME.f32 and writes NAME.80 and NAME.128."""
    folder.mkdir(exist_ok=True)
    for name, audio in audios.items():
        audio.astype("<f4").tofile(folder / f"{name}.f32")
    command = ["cargo", "test", "-q", "-p", "auricle-plugin-kit", "--lib", "logmel::tests::dump", "--", "--ignored"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PARITY_DUMP": str(folder)}, check=True)
    return lambda name, bins: numpy.fromfile(folder / f"{name}.{bins}", "<f4").reshape(bins, FRAMES).T


def keep(name, frames, sounding):
    """The first frames, the last ones of the audio and of the window, and some between."""
    between = numpy.linspace(3, sounding - 4, KEPT - 6).clip(0)
    kept = numpy.unique([0, 1, *between, sounding - 2, sounding - 1, FRAMES - 2, FRAMES - 1]).astype("<u4")
    head = numpy.array([len(kept)], "<u4")
    (GOLDEN / f"{name}.bin").write_bytes(head.tobytes() + kept.tobytes() + frames[kept].tobytes())


def main():
    audios = {}
    for name, recording, times, first, last in CASES:
        audios[name] = numpy.tile(samples(ROOT / f"fixtures/{recording}.wav"), times)[first:last]
    write = "--write-golden" in sys.argv
    for path in (argument for argument in sys.argv[1:] if argument != "--write-golden"):
        audios[pathlib.Path(path).stem] = samples(path)
    mine = ours(ENVIRONMENT / "dump", audios)
    for bins in [80, 128]:
        for name, audio in audios.items():
            theirs = reference(audio, bins)
            off = numpy.abs(mine(name, bins) - theirs)
            frame, bin = numpy.unravel_index(off.argmax(), off.shape)
            shares = " ".join(f"{numpy.quantile(off, share):.1e}" for share in [0.5, 0.999, 1])
            print(f"{bins:3} bins {name:12} apart (median, 99.9 %, most): {shares}, most in frame {frame}, bin {bin}")
            assert off.max() < 1e-4, "too far apart"
            if write and name in [case[0] for case in CASES]:
                keep(f"{name}-{bins}", theirs, min(FRAMES - 2, -(-(len(audio) + 199) // 160)))


if pathlib.Path(sys.prefix) != ENVIRONMENT.resolve():
    in_environment()
import numpy
import transformers

main()
