"""Trains and measures the Whisper of digits: `python -m whisper_digits --digits DIR`, in the folder `training`."""

import argparse
from collections.abc import Container, Iterable
import json
from pathlib import Path
import shutil
import sys
import tempfile

import numpy as np
import torch
import transformers

import voices
from digits import corpus, evaluate
from digits.compose import Stock
from whisper.check import check
from whisper.export import export
from whisper.make import features
from whisper.pack import pack
from whisper_digits import network
from whisper_digits.evaluate import Whisper, distances, others
from whisper_digits.train import Plan, train

STEPS = 2200
ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = range(5)
"""The takes of the dataset's own test split, which are not learned from."""
PARTS = ("encoder_model", "decoder_model_merged")
PERCENT = (50, 90)
"""Of words' distances to where they are said."""
SETTINGS = ("config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m whisper_digits", description=__doc__)
    parser.add_argument("--digits", type=Path, required=True, help="the Free Spoken Digit Dataset's folder of .wav files")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "target/training/whisper-digits", help="clips, checkpoints and results"
    )
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of training, else {STEPS}")
    parser.add_argument("--jobs", type=int, default=1, help="threads and processes")
    parser.add_argument("--fold", choices=corpus.PEOPLE, help="only a model that does not know this person, and its results")
    return parser.parse_args()


def fold(options: argparse.Namespace, name: str) -> None:
    """Trains without one person and without festival's voices, and measures on those."""
    folder = options.work / f"without-{name}"
    stock = Stock(corpus.load(options.work, options.digits, options.jobs), name)
    checkpoint = folder / "checkpoint"
    network.save(train(stock, Plan(options.steps), folder), checkpoint)
    measure(checkpoint, options.digits, [name], None, evaluate.synthetic(Whisper(checkpoint)))


def final(options: argparse.Namespace) -> None:
    """Trains on all but the test split, into `fixtures/whisper-digits`, and measures on that."""
    stock = Stock(corpus.load(options.work, options.digits, options.jobs), None, KEPT)
    checkpoint = options.work / "checkpoint"
    network.save(train(stock, Plan(options.steps), options.work), checkpoint)
    publish(checkpoint, ROOT / "fixtures/whisper-digits")
    measure(checkpoint, options.digits, corpus.PEOPLE, KEPT, {})


def publish(checkpoint: Path, folder: Path) -> None:
    """The checkpoint as it is exported, in half the size."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        export(checkpoint, Path(made), attention=True)
        features(Path(made))
        for part in PARTS:
            pack(Path(made) / f"{part}.onnx", folder / f"{part}.onnx", halves=True)
        for file in SETTINGS:
            shutil.copy(Path(made) / file, folder)
    if not check(folder, checkpoint):
        raise RuntimeError(f"{folder} is not what {checkpoint} has")


def measure(
    checkpoint: Path,
    recordings: Path,
    people: Iterable[str],
    takes: Container[int] | None,
    synthetic: dict[str, tuple[int, int]],
) -> None:
    """Writes down what is right of these takes of these people, beside what is of synthetic voices."""
    reader, untimed = Whisper(checkpoint), Whisper(checkpoint, timed=False)
    words: dict[str, tuple[int, int]] = {}
    for name in people:
        words |= evaluate.person(reader, recordings, name, takes)
    words |= others(reader, untimed, recordings, people, takes) | synthetic
    far = distances(reader, recordings, people, takes)
    places = {name: np.percentile(values, PERCENT).tolist() for name, values in far.items() if values}
    results = {"words": words, "wordless": evaluate.wordless(reader), "places": places}
    (checkpoint.parent / "results.json").write_text(json.dumps(results, indent=1))


def report(work: Path) -> None:
    """Prints the results there are."""
    for file in sorted([*work.glob("results.json"), *work.glob("*/results.json")]):
        results = json.loads(file.read_text())
        print(file.parent.name)
        for name, (wrong, words) in results["words"].items():
            print(f"  {name:20} {100 * wrong / words:6.2f} % word errors ({wrong} of {words})")
        for name, heard in results["wordless"].items():
            print(f"  {name:20} {len(heard)} words in {evaluate.MINUTES} minutes {' '.join(heard)}")
        for name, far in results["places"].items():
            print(f"  words' {name:13}", *(f"{percent} % within {seconds:.2f} s" for percent, seconds in zip(PERCENT, far)))


def main() -> int:
    """Does it."""
    options = arguments()
    packages = voices.missing()
    if packages:
        print(f"Synthetic voices are missing. Debian has them: apt-get install {' '.join(packages)}", file=sys.stderr)
        return 1
    torch.set_num_threads(options.jobs)
    transformers.logging.set_verbosity_error()
    if options.fold:
        fold(options, options.fold)
    else:
        final(options)
    report(options.work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
