#!/usr/bin/env python3
"""Makes what the engine is compared with: a made-up Whisper of a published size, and what transformers makes of the recordings
in fixtures/ with it, as `golden.json` beside it.

    reference.py [--size tiny|base] [--english] [--again]

The model goes to target/whisper/SIZE (SIZE.en where it is English only), in the layout of Hugging Face's ONNX exports, with its
golden: what the committed ones of size nano in ../testdata have, at a real size. Needs python3 and pip; the packages go to an
environment of their own in target/. What is there already is kept, except with `--again`.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "whisper-env"
TRAINING = ROOT / "training"
PACKAGES = TRAINING / "whisper/requirements.txt"


def environment():
    """The Python that has the packages; they are installed where they are missing."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Written last: an interrupted installation is begun again.
    installed = ENVIRONMENT / "packages.txt"
    if not installed.exists() or installed.read_text() != PACKAGES.read_text():
        print(f"installing what {PACKAGES} lists from PyPI into {ENVIRONMENT}", file=sys.stderr)
        if not python.exists():
            venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", PACKAGES], check=True, stdout=sys.stderr)
        installed.write_text(PACKAGES.read_text())
    return python


def reference(size, english, again):
    """The folder of the model, made if it is not there, with its golden."""
    folder = TARGET / "whisper" / (f"{size}.en" if english else size)
    golden = folder / "golden.json"
    if again or not golden.exists():
        python = environment()
        run = lambda module, *arguments: subprocess.run(
            [python, "-m", f"whisper.{module}", *arguments], cwd=TRAINING, check=True, stdout=sys.stderr
        )
        run("make", "--size", size, "--english" if english else "--multilingual", "--attention", "--out", folder)
        run("check", folder)
        run("golden", folder, "--out", golden)
    return folder


def main():
    arguments = argparse.ArgumentParser(description="Makes a made-up Whisper and what transformers makes of it.")
    arguments.add_argument("--size", choices=["tiny", "base"], default="tiny")
    arguments.add_argument("--english", action="store_true")
    arguments.add_argument("--again", action="store_true")
    arguments = arguments.parse_args()
    print(reference(arguments.size, arguments.english, arguments.again))


if __name__ == "__main__":
    main()
