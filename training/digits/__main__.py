"""Trains and measures the digits model: `python -m digits --digits DIR`, in the folder `training`."""

import argparse
import json
from pathlib import Path
import sys

import numpy as np
import torch

import voices
from digits import corpus, evaluate
from digits.compose import Stock
from digits.export import export
from digits.recognise import Recogniser
from digits.train import Plan, train

FOLD, FINAL = 2000, 4000
ROOT = Path(__file__).resolve().parent.parent.parent


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m digits", description=__doc__)
    parser.add_argument("--digits", type=Path, required=True, help="the Free Spoken Digit Dataset's folder of .wav files")
    parser.add_argument("--work", type=Path, default=ROOT / "target/training/digits", help="clips, checkpoints and results")
    steps = f"steps of training: else {FOLD} without a person, {FINAL} for the final model"
    parser.add_argument("--steps", type=int, help=steps)
    parser.add_argument("--jobs", type=int, default=2, help="threads and processes")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fold", choices=corpus.PEOPLE, help="only the model that does not know this person, and its results")
    which.add_argument("--all", action="store_true", help="only the final model, trained on all, into models/digits")
    return parser.parse_args()


def fold(options: argparse.Namespace, name: str) -> None:
    """Trains without one person and without festival's voices, and measures on those."""
    folder = options.work / f"without-{name}"
    model = train(Stock(corpus.load(options.work, options.digits, options.jobs), name), Plan(options.steps or FOLD), folder)
    export(model, folder)
    recogniser = Recogniser(folder)
    delays = evaluate.delays(recogniser, options.digits, name)
    results = {
        "words": {**evaluate.person(recogniser, options.digits, name), **evaluate.synthetic(recogniser)},
        "wordless": evaluate.wordless(recogniser),
        "delay": [float(np.percentile(delays, percent)) for percent in (50, 95)] if delays else [],
    }
    (folder / "results.json").write_text(json.dumps(results, indent=1))


def final(options: argparse.Namespace) -> None:
    """Trains on everything, into `models/digits`."""
    folder = options.work / "all"
    model = train(Stock(corpus.load(options.work, options.digits, options.jobs), None), Plan(options.steps or FINAL), folder)
    target = ROOT / "models/digits"
    export(model, target)
    (folder / "results.json").write_text(json.dumps({"wordless": evaluate.wordless(Recogniser(target))}, indent=1))


def report(work: Path) -> None:
    """Prints the results there are."""
    for file in sorted(work.glob("*/results.json")):
        results = json.loads(file.read_text())
        print(file.parent.name)
        for name, (wrong, words) in results.get("words", {}).items():
            print(f"  {name:20} {100 * wrong / words:6.2f} % word errors ({wrong} of {words})")
        for name, heard in results["wordless"].items():
            print(f"  {name:20} {len(heard)} words in {evaluate.MINUTES} minutes {' '.join(heard)}")
        if results.get("delay"):
            print("  from a word's end to the word: {:.2f} s in the middle, {:.2f} s at 95 %".format(*results["delay"]))


def main() -> int:
    """Does it."""
    options = arguments()
    packages = voices.missing()
    if packages:
        print(f"Synthetic voices are missing. Debian has them: apt-get install {' '.join(packages)}", file=sys.stderr)
        return 1
    torch.set_num_threads(options.jobs)
    for name in [options.fold] if options.fold else [] if options.all else corpus.PEOPLE:
        fold(options, name)
    if not options.fold:
        final(options)
    report(options.work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
