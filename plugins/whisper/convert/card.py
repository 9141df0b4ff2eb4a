"""The model card of a converted folder."""

from pathlib import Path

import onnxruntime

from check import Distance
from folder import Folder

PRECISIONS = {
    "fp32": "All numbers have 32 bits, as in the export.",
    "mixed": "The encoder has 32 bits; the decoder's matrices, logits and embeddings included, have 8 (blocks of 128).",
    "int8": "The encoder's matrices have 8 bits, a scale for each output, and what comes in is rounded too; convolutions and "
    "attention have 32. The decoder's matrices, logits and embeddings included, have 8 (blocks of 128).",
}


def _rows(found: list[Distance]) -> str:
    rows = []
    for distance in found:
        cells = [distance.sound, str(distance.tokens), f"{distance.at_once:.2g}", f"{distance.one_by_one:.2g}"]
        cells += [f"{distance.largest:.1f}", f"{distance.same:.1%}"]
        cells.append("not in the export" if distance.alignment is None else f"{distance.alignment:.2g}")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def card(folder: Folder, made: Path, precision: str, found: list[Distance]) -> str:
    """What was done, and how far the outputs moved."""
    megabytes = lambda files: f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
    name = folder.path.resolve().name
    source = [file for network in (folder.encoder, folder.decoder) for file in network.parent.glob(f"{network.name}*")]
    return f"""# {name}, fast layout ({precision})

Whisper for Auricle's engine `whisper`, converted from the ONNX export `{name}` by `cargo xtask convert whisper` with ONNX
Runtime {onnxruntime.__version__}. The weights are those of the export, and so is their licence.

| | |
| --- | --- |
| layout | `whisper-fast-3`: the encoder gives the decoder's cross keys and values, the decoder writes its caches in place |
| read from | `{folder.encoder.name}`, `{folder.decoder.name}` ({megabytes(source)}) |
| written | `encoder_fast.onnx`, `decoder_fast.onnx` ({megabytes(made.glob("*_fast.onnx*"))}) |
| precision | {PRECISIONS[precision]} |

## How far the outputs moved

The logits after given tokens, against the export's: with the tokens at once, and the same one by one after the first four.

| sound | tokens | at once | one by one | largest logit | same best token | alignment heads |
| --- | --- | --- | --- | --- | --- | --- |
{_rows(found)}

Made-up sound and tokens are noise from a seed, which no model was trained on. This is no measure of word errors.
"""
