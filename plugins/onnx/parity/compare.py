#!/usr/bin/env python3
"""Compares this engine with sherpa-onnx (PyPI) on the same model folder and recordings: the words must be equal, and the
times of their first tokens within one frame of the network.

    compare.py [--model FOLDER] [--write-golden] [FILE.wav ...]

Without further names: the committed model on the bundled recordings of digits. `--write-golden` then keeps what the
reference heard in golden.json, which the quick tests read. Recordings are 16 kHz, mono, 16 bit. Needs python3 and pip; the
packages go to an environment of their own in target/.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import venv
import wave

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "onnx-parity"
PACKAGES = ["sherpa-onnx==2.0.1", "sherpa-onnx-core==2.0.1", "numpy==2.3.5"]
# Of the reference's times: it takes every network's frames to be 40 ms apart.
FRAME = 0.04
TAIL_SECONDS = 0.8


def in_environment():
    """Goes on in the environment that has the packages."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def engine(model, files):
    command = ["cargo", "run", "-q", "--release", "-p", "auricle-engine-onnx", "--example", "hear", "--"]
    command += [model.parent, model.name, *files]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line)["words"] for line in out.splitlines() if line.startswith("{")]


def reference(recognizer, file):
    import numpy

    with wave.open(str(file)) as recording:
        assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (16_000, 1, 2), file
        audio = numpy.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2") / numpy.float32(32_768)
    stream = recognizer.create_stream()
    stream.accept_waveform(16_000, audio)
    stream.accept_waveform(16_000, numpy.zeros(int(TAIL_SECONDS * 16_000), dtype=numpy.float32))
    stream.input_finished()
    while recognizer.is_ready(stream):
        recognizer.decode_stream(stream)
    words = []
    for token, time in zip(recognizer.tokens(stream), recognizer.timestamps(stream)):
        if token[:1] in (" ", "\u2581") or not words:
            words.append([token.lstrip(" \u2581"), round(time / FRAME)])
        else:
            words[-1][0] += token
    return [word for word in words if word[0]]


def main():
    arguments = argparse.ArgumentParser(description="Compares this engine with sherpa-onnx.")
    arguments.add_argument("--model", type=pathlib.Path, default=ROOT / "models/digits")
    arguments.add_argument("--subsampling", type=int, default=4, help="frames of features for one of the network")
    arguments.add_argument("--write-golden", action="store_true")
    arguments.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = arguments.parse_args()
    files = arguments.files or [ROOT / "fixtures/digits.wav"]
    if pathlib.Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        in_environment()
    import sherpa_onnx

    recognizer = sherpa_onnx.OnlineRecognizer.from_nemo_ctc(
        tokens=str(arguments.model / "tokens.txt"),
        model=str(next(arguments.model.glob("*.onnx"))),
        enable_endpoint_detection=False,
    )
    golden, count, different = {}, 0, 0
    for file, heard in zip(files, engine(arguments.model.resolve(), [file.resolve() for file in files])):
        frames = [[word, round(start / 160 / arguments.subsampling)] for word, start in heard]
        expected = reference(recognizer, file)
        golden[file.stem] = expected
        count += len(expected)
        same = len(frames) == len(expected) and all(
            one[0] == other[0] and abs(one[1] - other[1]) <= 1 for one, other in zip(frames, expected)
        )
        if not same:
            different += 1
            print(f"{file}:\n  engine    {frames}\n  reference {expected}")
    print(f"{count} words of {len(files)} recordings compared, {different} recordings differ")
    if arguments.write_golden and not different:
        lines = [f"{json.dumps(name)}: {json.dumps(golden[name])}" for name in sorted(golden)]
        (HERE / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
