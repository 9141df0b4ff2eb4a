#!/usr/bin/env python3
"""Holds the engine against transformers on made-up models of published sizes.

    compare.py [--size tiny|base ...] [--again]

Makes the models with their goldens (`reference.py`), converts each to the fast layout with 32 bits, and runs the engine's golden
tests on both: features, encoder, logits after given tokens, greedy tokens wherever the reference was sure, beams, and the times
of tokens and words. Needs python3, pip and cargo. `cargo xtask parity whisper` runs this.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

import reference

CONVERT = pathlib.Path(__file__).resolve().parents[1] / "convert/convert.py"
# Sizes, and whether they are English only: between them, both kinds.
SIZES = {"tiny": False, "base": True}


def fast(stock, again):
    """The folder in the fast layout, which the same golden holds for."""
    folder = stock.with_name(f"{stock.name}.parity-fast")
    if again or not (folder / "golden.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, CONVERT, stock, "--out", folder, "--precision", "fp32"]
        subprocess.run(command, check=True, stdout=sys.stderr)
        shutil.copy(stock / "golden.json", folder)
    return folder


def main():
    arguments = argparse.ArgumentParser(description="Holds the engine against transformers.")
    arguments.add_argument("--size", choices=SIZES, action="append", help="else all")
    arguments.add_argument("--again", action="store_true", help="make everything anew")
    arguments = arguments.parse_args()
    folders = []
    for size in arguments.size or SIZES:
        stock = reference.reference(size, SIZES[size], arguments.again)
        folders += [stock, fast(stock, arguments.again)]
    print("models:", *(folder.name for folder in folders), flush=True)
    environment = {**os.environ, "AURICLE_WHISPER_MODELS": os.pathsep.join(map(str, folders))}
    tests = ["cargo", "test", "--release", "--package", "auricle-engine-whisper", "--lib", "golden::"]
    return subprocess.run(tests, cwd=reference.ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
