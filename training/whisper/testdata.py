"""Makes plugins/whisper/testdata anew: `python -m whisper.testdata`, in the folder `training`.

Two models of size nano, packed, and what transformers makes of them. Between them they have what published folders differ in:

nano     multilingual; the decoder merged, with its cross attentions; timestamps among the tokenizer's tokens
nano.en  English; the decoder as two files, without attentions; a tokenizer that ends before the timestamps

nano.fp16 has the networks of nano once more, with 16 bits.
"""

import json
from pathlib import Path
import shutil
import sys

import torch
import transformers

from whisper import golden
from whisper.check import check
from whisper.halve import halve
from whisper.make import make
from whisper.pack import pack

ROOT = golden.ROOT
WORK = ROOT / "target/whisper"
TARGET = ROOT / "plugins/whisper/testdata"

MODELS = {
    "nano": ["encoder_model", "decoder_model_merged"],
    "nano.en": ["encoder_model", "decoder_model", "decoder_with_past_model"],
}


def _tokenizer(source: Path, target: Path, timestamps: bool) -> None:
    fields = json.loads(source.read_text(encoding="utf-8"))
    if not timestamps:
        fields["added_tokens"] = [token for token in fields["added_tokens"] if token["special"]]
    target.write_text(json.dumps(fields, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def testdata(name: str) -> None:
    """A model and its golden."""
    multilingual = name == "nano"
    made, target = WORK / name, TARGET / name
    make("nano", multilingual, multilingual, made)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for part in MODELS[name]:
        pack(made / f"{part}.onnx", target / f"{part}.onnx")
    for file in ("config.json", "generation_config.json", "preprocessor_config.json"):
        shutil.copy(made / file, target)
    _tokenizer(made / "tokenizer.json", target / "tokenizer.json", multilingual)
    for folder in (made, target):
        assert check(folder, made / "transformers"), f"{folder} is not what transformers has"
    golden.write(golden.golden(made / "transformers", golden.RECORDINGS), TARGET / f"{name}.json")


def halved() -> None:
    """The networks of 16 bits, of those that are there."""
    target = TARGET / "nano.fp16"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for part in MODELS["nano"]:
        halve(TARGET / f"nano/{part}.onnx", target / f"{part}_fp16.onnx")


def main() -> int:
    """Does it."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for name in MODELS:
        testdata(name)
    halved()
    return 0


if __name__ == "__main__":
    sys.exit(main())
