"""sherpa-onnx as its authors publish it (PyPI), in an environment of its own under target/: for the comparison beside this
file, and for the benchmark `digits`."""

import os
import pathlib
import re
import subprocess
import sys
import venv
import wave

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "onnx-parity"
PACKAGES = ["sherpa-onnx==2.0.1", "sherpa-onnx-core==2.0.1", "numpy==2.3.5"]
RATE = 16_000
# Samples from one frame of features to the next.
HOP = 160
# The engine's default for `tail_padding`.
TAIL_SECONDS = 0.8


def enter():
    """Goes on in the environment that has the packages, and makes it where it is missing."""
    if pathlib.Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        return
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Written last: an interrupted installation is begun again.
    installed = ENVIRONMENT / "packages.txt"
    if not installed.exists() or installed.read_text().split() != PACKAGES:
        print(f"installing {', '.join(PACKAGES)} from PyPI into {ENVIRONMENT}", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True, stdout=sys.stderr)
        installed.write_text("\n".join(PACKAGES) + "\n")
    os.execv(python, [python, *sys.argv])


def network(model):
    """The ONNX file of a model's folder."""
    (file,) = model.glob("*.onnx")
    return file


def number(model, key):
    """A number of a model's metadata: an entry is a key and a value, each after a mark and its length."""
    key = key.encode()
    entry = re.search(b"\x0a" + bytes([len(key)]) + key + rb"\x12.(\d+)", network(model).read_bytes(), re.S)
    return int(entry.group(1))


def recognizer(model):
    """One thread, and utterances without end: where one ends the reference forgets what it has heard."""
    import sherpa_onnx

    return sherpa_onnx.OnlineRecognizer.from_nemo_ctc(
        tokens=str(model / "tokens.txt"),
        model=str(network(model)),
        num_threads=1,
        enable_endpoint_detection=False,
    )


def samples(file):
    """A recording: 16 kHz, mono, 16 bit."""
    import numpy

    with wave.open(str(file)) as recording:
        form = (recording.getframerate(), recording.getnchannels(), recording.getsampwidth())
        assert form == (RATE, 1, 2), f"{file}: {form}"
        audio = numpy.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    return audio / numpy.float32(32_768)


def tail(model):
    """The silence that the engine lets the network hear after the end of a recording, and a frame: the reference takes a step
    only when it has one more than a window."""
    import numpy

    step = (number(model, "window_size") + number(model, "chunk_shift")) * HOP
    return numpy.zeros(max(int(TAIL_SECONDS * RATE), step) + HOP, dtype=numpy.float32)
