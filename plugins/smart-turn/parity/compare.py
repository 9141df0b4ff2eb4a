#!/usr/bin/env python3
"""Records what the authors' code makes of speech, for `src/network/tests.rs`.

    plugins/smart-turn/parity/compare.py [--write] [RECORDING...]

The features are those of the PyPI package pipecat-ai (`_whisper_features.py`, which needs numpy only), the answers those of its
network in the PyPI package onnxruntime: on the fixtures and on recordings given (16 kHz, mono, 16 bits), as if the turn ended at
every 1.3 s and at the end. A Rust test hears the same, and dumps its features and answers: the features must be those of the authors,
and the answers those of their network to these features, each within 1e-3. (Between two sets of features that differ by a millionth the
network, which computes in 8 bits, may differ by much more.)

`--write` replaces the golden files in testdata; without it everything goes to a folder in target/, and the Rust test reads that. Needs
python3, pip and cargo; the packages go to an environment of their own.

NAME.txt has a line for each end: its sample, the answer, and some of the features.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import venv
import wave
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "smart-turn-parity"
GOLDEN = HERE.parent / "testdata"
FIXTURES = ["demo", "report", "train", "weather"]
PACKAGES = ["onnxruntime==1.32.0", "numpy==2.4.6"]
WHEEL = "pipecat_ai-1.14.0-py3-none-any.whl"
FOLDER = "pipecat/audio/turn/smart_turn"
SAMPLES = 8 * 16000
BETWEEN = 20800
# `src/network/tests.rs` has the same numbers.
KEPT = 16
STEP = 4001


def in_environment():
    """Goes on in the environment that has the packages and the wheel."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    download = ["download", "-q", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    download += ["-r", HERE.parent / "weights/smart-turn.txt", "-d", ENVIRONMENT]
    subprocess.run([python, "-m", "pip", *download], check=True)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def samples(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2), path
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768


def reference():
    """The authors' function for features, and the network."""
    with zipfile.ZipFile(ENVIRONMENT / WHEEL) as wheel:
        for name in [f"{FOLDER}/_whisper_features.py", f"{FOLDER}/data/smart-turn-v3.2-cpu.onnx"]:
            wheel.extract(name, ENVIRONMENT)
    spec = importlib.util.spec_from_file_location("features", ENVIRONMENT / FOLDER / "_whisper_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    network = str(ENVIRONMENT / FOLDER / "data/smart-turn-v3.2-cpu.onnx")
    return module.compute_whisper_log_mel_features, onnxruntime.InferenceSession(network, options)


def window(audio, end):
    heard = audio[max(0, end - SAMPLES) : end]
    return numpy.pad(heard, (SAMPLES - len(heard), 0))


def compare(dump, recordings, features, network):
    """Checks what the Rust test has dumped: all features and the answer to them."""
    most, count, other = [0, 0], 0, []
    for path in recordings:
        audio = samples(path)
        for file in dump.glob(f"{path.stem}-*.f32"):
            values = numpy.fromfile(file, "<f4")
            ours, answer = values[:-1].reshape(80, 800), values[-1]
            theirs = features(window(audio, int(file.stem.rsplit("-", 1)[1])))
            same = network.run(None, {"input_features": ours[None]})[0].item()
            most = [max(most[0], abs(ours - theirs).max()), max(most[1], abs(answer - same))]
            other.append(abs(answer - network.run(None, {"input_features": theirs[None]})[0].item()))
            count += 1
    print(f"{count} ends: features at most {most[0]:.1e} apart, answers to the same features {most[1]:.1e},")
    print(f"answers to the authors' features {numpy.median(other):.1e} (median), {max(other):.1e} (most)")
    assert count and max(most) <= 1e-3, "too far apart"


def lines(audio, features, network):
    ends = [*range(BETWEEN, len(audio), BETWEEN), len(audio)]
    for end in ends:
        made = features(window(audio, end))
        answer = network.run(None, {"input_features": made[None]})[0].item()
        kept = [made.ravel()[place * STEP % made.size] for place in range(KEPT)]
        yield " ".join([str(end), *(f"{value:.6f}" for value in [answer, *kept])])


def main():
    write = "--write" in sys.argv
    given = [pathlib.Path(path).resolve() for path in sys.argv[1:] if path != "--write"]
    recordings = [ROOT / f"fixtures/{name}.wav" for name in FIXTURES] + ([] if write else given)
    folder = GOLDEN if write else ENVIRONMENT / "traces"
    folder.mkdir(exist_ok=True)
    made = reference()
    dump = ENVIRONMENT / "dump"
    shutil.rmtree(dump, ignore_errors=True)
    dump.mkdir()
    for path in recordings:
        found = list(lines(samples(path), *made))
        (folder / f"{path.stem}.txt").write_text("\n".join(found) + "\n")
        print(f"{path.stem:28}", " ".join(line.split()[1] for line in found))
    paths = ":".join(map(str, recordings))
    command = ["cargo", "test", "-q", "-p", "auricle-stage-smart-turn", "--lib", "golden", "--", "--nocapture"]
    variables = {**os.environ, "TURN_TRACES": str(folder), "TURN_RECORDINGS": paths, "TURN_DUMP": str(dump)}
    subprocess.run(command, cwd=ROOT, env=variables, check=True)
    compare(dump, recordings, *made)


if pathlib.Path(sys.prefix) != ENVIRONMENT.resolve():
    in_environment()
import numpy
import onnxruntime

main()
