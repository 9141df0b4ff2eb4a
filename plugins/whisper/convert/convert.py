#!/usr/bin/env python3
"""Converts a Whisper from the layout of Hugging Face's ONNX exports to the fast layout of engine `whisper`.

    convert.py DIR --out DIR [--precision int8|fp32|mixed] [--audio FILE.wav]

The packages that requirements.txt lists go to an environment of their own under target/. Without a recording, what is measured
at the end is measured on made-up sound alone.
"""

import argparse
from collections.abc import Callable
import json
from pathlib import Path
import shutil
import sys
import tempfile

import environment

LAYOUT = "whisper-fast-3"
PRECISIONS = ("int8", "fp32", "mixed")


def convert(source: Path, target: Path, precision: str, audio: Path | None, say: Callable[[str], None]) -> None:
    """Makes `target` anew, whole or not at all."""
    import card
    import check
    import decoder
    import encoder
    import folder
    import layers
    import weights

    if target.exists() and not (target / "encoder_fast.onnx").exists() and (not target.is_dir() or any(target.iterdir())):
        raise folder.Refusal(f"{target} exists and is nothing that was converted; name another folder")
    found = folder.read(source)
    say(f"reading {found.encoder} and {found.decoder}")
    tensors = weights.read(found)
    of_encoder = layers.DYNAMIC if precision == "int8" else layers.PLAIN
    of_decoder = layers.PLAIN if precision == "fp32" else layers.BLOCKS
    notes = {"auricle.layout": LAYOUT, "auricle.precision": precision}
    heads = {"auricle.alignment_heads": json.dumps([list(pair) for pair in found.alignment])}
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
        made = Path(work) / "made"
        made.mkdir()
        encoder.encoder(found.sizes, tensors, of_encoder).save(made / "encoder_fast.onnx", notes)
        decoder.decoder(found.sizes, tensors, of_decoder, found.alignment).save(made / "decoder_fast.onnx", notes | heads)
        for name in folder.JSON_FILES:
            if (source / name).exists():
                shutil.copy(source / name, made)
        del tensors
        say("comparing")
        distances = check.check(found, made, audio)
        for distance in distances:
            say(
                f"{distance.sound}: logits within {distance.at_once:.2g} at once, {distance.one_by_one:.2g} one by one, "
                f"of up to {distance.largest:.1f}; {distance.same:.1%} of {distance.tokens} best tokens the same"
            )
        check.judge(distances, exact=precision == "fp32" and not found.half)
        (made / "README.md").write_text(card.card(found, made, precision, distances), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    say(f"{target} is there")


def main() -> int:
    """Does it."""
    parser = argparse.ArgumentParser(description="Converts a Whisper to the fast layout of engine `whisper`.")
    parser.add_argument("source", type=Path, metavar="DIR", help="folder of the ONNX export")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write; a conversion there is replaced")
    parser.add_argument("--precision", choices=PRECISIONS, default="int8", help="int8 unless said")
    parser.add_argument("--audio", type=Path, metavar="FILE", help="WAV, 16 kHz, mono: measures on it as well")
    options = parser.parse_args()
    if not environment.inside():
        return environment.again(__file__, *sys.argv[1:])
    from folder import Refusal

    try:
        convert(options.source, options.out, options.precision, options.audio, lambda line: print(line, file=sys.stderr))
    except Refusal as problem:
        print(f"convert.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
