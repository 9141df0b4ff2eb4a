#!/usr/bin/env python3
"""Makes what a benchmark needs, under target/bench-whisper: `prepare.py whisper`, or `prepare.py online`.

What is there already is kept: remove the folder to make it anew.
"""

import argparse
import functools
from pathlib import Path
import sys

import environment
from environment import ROOT, WORK, keep

SIZES = ("tiny", "base")
RECORDING = ROOT / "fixtures/weather.wav"
"""What everybody hears in `whisper`."""
TRAINED = ROOT / "fixtures/whisper-digits"
"""What everybody decodes with in `online`."""


def features(target: Path) -> None:
    """Of the recording, with silence to a whole window, by faster-whisper's own code: [bins, frames]."""
    from faster_whisper.audio import decode_audio, pad_or_trim
    from faster_whisper.feature_extractor import FeatureExtractor

    extractor = FeatureExtractor()
    window = pad_or_trim(decode_audio(str(RECORDING)), extractor.n_samples)
    extractor(window, padding=0).astype("<f4").tofile(target)


def _size(size: str, build: Path) -> None:
    """A size's models, from one made-up export."""
    import models
    import to_ct2
    import to_ggml
    import whispercpp

    place = WORK / size
    export = models.made_up(size)
    models.fast(export, place)
    weights = functools.cache(functools.partial(models.weights, export))
    for kind in ("int8", "float32"):
        convert = lambda beside: to_ct2.convert(export, weights(), beside, kind)
        keep(place / f"ct2-{kind}", f"CTranslate2's model, {kind}", convert)
    convert = lambda beside: to_ggml.convert(export, weights(), beside)
    halved = keep(place / "ggml-f16.bin", "whisper.cpp's model, f16", convert)
    quantize = lambda beside: whispercpp.quantize(build, halved, beside, "q8_0")
    keep(place / "ggml-q8_0.bin", "whisper.cpp's model, q8_0", quantize)


def whisper() -> None:
    """Everything for the benchmark `whisper`."""
    import whispercpp

    builds = whispercpp.builds()
    keep(WORK / f"{RECORDING.stem}.f32", "the features of the recording", features)
    for size in SIZES:
        _size(size, builds["plain"])


def online() -> None:
    """Everything for the benchmark `online`, from the trained model."""
    import models
    import to_ct2

    place = WORK / "online"
    models.fast(TRAINED, place, ("int8",))
    weights = functools.cache(functools.partial(models.weights, TRAINED))
    for kind in ("int8", "float32"):
        convert = lambda beside: to_ct2.convert(TRAINED, weights(), beside, kind)
        keep(place / f"ct2-{kind}", f"CTranslate2's model, {kind}", convert)


def main() -> int:
    """Does it."""
    parser = argparse.ArgumentParser(description="Makes what a benchmark needs, under target/bench-whisper.")
    parser.add_argument("benchmark", choices=["whisper", "online"])
    options = parser.parse_args()
    environment.enter()
    {"whisper": whisper, "online": online}[options.benchmark]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
