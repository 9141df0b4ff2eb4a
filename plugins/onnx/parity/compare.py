#!/usr/bin/env python3
"""Compares this engine with sherpa-onnx (PyPI) on the same model folders and recordings.

    compare.py [--again] [--model FOLDER] [--write-golden] [FILE.wav ...]

First the words of a model, whose times must be within one frame of the network: without further names the committed model of
digits on the recordings in fixtures/ (speech that is not digits too: whatever the model makes of it must be the same), and
where there is a folder of recorded digits (`AURICLE_DIGITS`, or `shared/digits` beside the repository, files named as in the
Free Spoken Digit Dataset), on strings joined from them. `--write-golden` then keeps what the reference heard in
fixtures/digits.wav in golden.json, which the quick tests read.

Then, without further names, the tokens of models of every kind that nobody trained, of published sizes: they are made in
target/onnx-models with their goldens (`golden.py`), and the engine's tests are held to those. `--again` makes them anew, and the
small ones that are committed too.

Needs python3 and pip; the packages go to an environment of their own in target/. `cargo xtask parity onnx` runs this.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import wave

import reference
from reference import ROOT

reference.enter()
import golden  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().with_name("golden.json")
DIGITS = ROOT / "fixtures/digits.wav"
# Of the reference's times: it takes every network's frames to be 40 ms apart.
FRAME = 0.04
# Strings of joined digits, and what they are drawn with.
STRINGS, SEED = 60, 1
KINDS = ["zipformer2-ctc", "zipformer2-transducer", "nemo-ctc", "nemo-transducer"]
MODELS = reference.TARGET / "onnx-models"
SMALL = ROOT / "plugins/onnx/testdata"


def engine(model, files):
    command = ["cargo", "run", "-q", "--release", "-p", "auricle-engine-onnx", "--example", "recognize", "--"]
    command += [model.parent, model.name, *files]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line)["words"] for line in out.splitlines() if line.startswith("{")]


def heard(recognizer, file, tail):
    """The reference's words, each with the frame of its first token."""
    stream = reference.hear(recognizer, [reference.samples(file), tail])
    words = []
    for token, time in zip(recognizer.tokens(stream), recognizer.timestamps(stream)):
        if token[:1] in (" ", "\u2581") or not words:
            words.append([token.lstrip(" \u2581"), round(time / FRAME)])
        else:
            words[-1][0] += token
    return [word for word in words if word[0]]


def bundled():
    """The fixtures the model can hear: those of 16 kHz."""
    files = []
    for file in sorted((ROOT / "fixtures").glob("*.wav")):
        with wave.open(str(file)) as recording:
            if recording.getframerate() == reference.RATE:
                files.append(file)
    return files


def joined(folder):
    """Strings of one to nine digits, each by one person, with pauses between them, written into a folder."""
    import numpy

    recordings = pathlib.Path(os.environ.get("AURICLE_DIGITS", ROOT.parent / "shared/digits"))
    clips = {}
    for clip in sorted(recordings.rglob("[0-9]_*_*.wav")):
        clips.setdefault(clip.stem.split("_")[1], []).append(clip)
    if not clips:
        print(f"no digits are joined: there are none in {recordings} (set AURICLE_DIGITS)")
        return []
    # From 8 to 16 kHz: the samples between the others, by a windowed sinc.
    at = numpy.arange(-31.5, 32)
    between = numpy.sinc(at) * numpy.hanning(len(at) + 2)[1:-1]
    draw, files = random.Random(SEED), []
    for number in range(STRINGS):
        speaker = draw.choice(sorted(clips))
        pieces = [numpy.zeros(draw.randrange(800, 4_000))]
        for clip in draw.choices(clips[speaker], k=draw.randint(1, 9)):
            with wave.open(str(clip)) as recording:
                assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (8_000, 1, 2), clip
                piece = numpy.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
            pieces += [piece, numpy.zeros(draw.randrange(0, 3_200))]
        audio = numpy.concatenate(pieces)
        twice = numpy.empty(2 * len(audio))
        twice[0::2], twice[1::2] = audio, numpy.convolve(audio, between)[32 : 32 + len(audio)]
        files.append(folder / f"{number:02}-{speaker}.wav")
        with wave.open(str(files[-1]), "wb") as recording:
            recording.setparams((1, 2, reference.RATE, 0, "NONE", ""))
            recording.writeframes(numpy.clip(twice.round(), -32_768, 32_767).astype("<i2").tobytes())
    return files


def write_golden(words, subsampling):
    golden = {"recording": DIGITS.name, "subsampling": subsampling, "words": words}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in golden.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def make(name, folder):
    """A model that nobody trained, and its golden."""
    command = [sys.executable, "-m", "streaming.make", "--out", folder, name]
    subprocess.run(command, cwd=ROOT / "training", check=True, stdout=subprocess.DEVNULL)
    print(f"{name}: {golden.write(folder / name)} tokens of the reference", flush=True)


def models(again):
    """Whether the engine's tests hold for the models of published sizes."""
    names = [(f"{kind}-large", MODELS) for kind in KINDS]
    if again:
        names += [(f"{kind}-small", SMALL) for kind in KINDS]
    for name, folder in names:
        if again or not (folder / f"{name}.json").exists():
            make(name, folder)
    command = ["cargo", "test", "--release", "-p", "auricle-engine-onnx", "--test", "models", "every", "--", "--nocapture"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "AURICLE_ONNX_MODELS": str(MODELS)}).returncode == 0


def words(model, files, keep):
    """Whether the words of a model are the same."""
    subsampling = reference.number(model, "subsampling_factor")
    recognizer, tail = reference.recognizer(model), reference.tail(model)
    with tempfile.TemporaryDirectory() as folder:
        files = files or bundled() + joined(pathlib.Path(folder))
        count, different = 0, 0
        for file, words in zip(files, engine(model, files), strict=True):
            frames = [[word, round(start / reference.HOP / subsampling)] for word, start in words]
            expected = heard(recognizer, file, tail)
            count += len(expected)
            same = len(frames) == len(expected) and all(
                one[0] == other[0] and abs(one[1] - other[1]) <= 1 for one, other in zip(frames, expected)
            )
            if not same:
                different += 1
                print(f"{file}:\n  engine    {frames}\n  reference {expected}")
            if keep and file == DIGITS and not different:
                write_golden(expected, subsampling)
    print(f"{count} words of {len(files)} recordings compared, {different} recordings differ", flush=True)
    return not different


def main():
    arguments = argparse.ArgumentParser(description="Compares this engine with sherpa-onnx.")
    arguments.add_argument("--again", action="store_true", help="make the models anew")
    arguments.add_argument("--model", type=pathlib.Path, default=ROOT / "models/digits")
    arguments.add_argument("--write-golden", action="store_true")
    arguments.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = arguments.parse_args()
    same = words(arguments.model.resolve(), [file.resolve() for file in arguments.files], arguments.write_golden)
    if not arguments.files:
        same = models(arguments.again) and same
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
