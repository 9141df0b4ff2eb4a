"""Makes a Whisper model up: `python -m whisper.make --size tiny --out DIR`, in the folder `training`.

DIR gets what `optimum-cli export onnx` writes for a published Whisper of that size, and in `DIR/transformers` lies the
checkpoint that it was exported from.
"""

import argparse
import json
from pathlib import Path
import shutil
import sys

import torch
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from whisper import tokens, weights
from whisper.export import export
from whisper.sizes import SIZES

SEED = 20


def checkpoint(size: str, multilingual: bool, folder: Path) -> None:
    """The model as transformers keeps it."""
    kind = SIZES[size]
    made = tokens.tokenizer(kind.words, multilingual)
    config = WhisperConfig(**kind.config(multilingual), begin_suppress_tokens=None)
    assert config.vocab_size == len(made), (config.vocab_size, len(made))
    model = WhisperForConditionalGeneration(config).eval()
    alignment = kind.alignment(multilingual)
    weights.fill(model, alignment, SEED)
    model.generation_config = GenerationConfig(**tokens.generation(made, multilingual, alignment))
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    WhisperFeatureExtractor(processor_class="WhisperProcessor").save_pretrained(folder)


def features(folder: Path) -> None:
    """The published files have no filter bank in them, some have: engines are to compute it."""
    file = folder / "preprocessor_config.json"
    fields = json.loads(file.read_text())
    fields.pop("mel_filters", None)
    file.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def make(size: str, multilingual: bool, attention: bool, folder: Path) -> None:
    """A model's folder, made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint(size, multilingual, folder / "transformers")
    export(folder / "transformers", folder, attention)
    features(folder)


def main() -> int:
    """Does it."""
    parser = argparse.ArgumentParser(prog="python -m whisper.make", description=__doc__)
    parser.add_argument("--size", choices=SIZES, required=True)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--multilingual", action="store_true", help="which is the default")
    which.add_argument("--english", action="store_true", help="English only")
    parser.add_argument("--attention", action="store_true", help="with the cross attentions as outputs of the decoders")
    parser.add_argument("--out", type=Path, required=True, help="folder; what is in it is removed")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    make(options.size, not options.english, options.attention, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
