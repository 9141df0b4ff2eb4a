"""A model's folder: its settings, and where its networks are.

Source: the layout of Optimum's export and of the `onnx-community` models. Networks stand in the folder or in its subfolder
`onnx`; of several precisions, the plain one is read, or else `_fp16`.
"""

from dataclasses import dataclass
import json
from pathlib import Path

READABLE = ("", "_fp16")
"""Ends of the files' names, by preference."""
JSON_FILES = ("config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json")


class Refusal(Exception):
    """What is wrong, where, and what to do: one line."""


@dataclass(frozen=True)
class Sizes:
    """What config.json says of the networks' sizes."""

    width: int
    bins: int
    states: int
    """Of the encoder, for a window."""
    positions: int
    """Tokens that the decoder holds at most."""
    vocabulary: int
    encoder_layers: int
    encoder_heads: int
    encoder_inner: int
    decoder_layers: int
    decoder_heads: int
    decoder_inner: int

    @property
    def head_width(self) -> int:
        """Of the decoder's heads."""
        return self.width // self.decoder_heads


FIELDS = {
    "width": "d_model",
    "bins": "num_mel_bins",
    "states": "max_source_positions",
    "positions": "max_target_positions",
    "vocabulary": "vocab_size",
    "encoder_layers": "encoder_layers",
    "encoder_heads": "encoder_attention_heads",
    "encoder_inner": "encoder_ffn_dim",
    "decoder_layers": "decoder_layers",
    "decoder_heads": "decoder_attention_heads",
    "decoder_inner": "decoder_ffn_dim",
}


@dataclass(frozen=True)
class Folder:
    """A folder to convert."""

    path: Path
    sizes: Sizes
    alignment: tuple[tuple[int, int], ...]
    """Layer and head of the cross attentions that follow the sound."""
    start: int
    """The token that every text begins with."""
    end: int
    """The token that every text ends with."""
    encoder: Path
    decoder: Path
    """The network that takes the prompt: it has all weights."""
    half: bool
    """Whether the files are those of 16 bits."""


def _read(file: Path) -> dict:
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Refusal(f"{file} is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise Refusal(f"{file} is not a JSON object")
    return fields


def _sizes(file: Path, fields: dict) -> Sizes:
    sizes = {}
    for name, field in FIELDS.items():
        value = fields.get(field)
        if not isinstance(value, int) or value < 1:
            raise Refusal(f"{file}: `{field}` must be a number above 0, it is {value!r}")
        sizes[name] = value
    for heads in ("encoder_heads", "decoder_heads"):
        if sizes["width"] % sizes[heads]:
            raise Refusal(f"{file}: d_model {sizes['width']} is not a multiple of {FIELDS[heads]} {sizes[heads]}")
    if fields.get("activation_function", "gelu") != "gelu" or fields.get("scale_embedding"):
        raise Refusal(f"{file}: only `activation_function` gelu without `scale_embedding` is known: what every Whisper has")
    return Sizes(**sizes)


def _token(file: Path, fields: dict, sizes: Sizes, name: str) -> int:
    token = fields.get(name)
    if not isinstance(token, int) or not 0 <= token < sizes.vocabulary:
        raise Refusal(f"{file}: `{name}` is {token!r}, which is no token")
    return token


def _alignment(file: Path, sizes: Sizes) -> tuple[tuple[int, int], ...]:
    """Of generation_config.json; where it has none, all heads of the upper half of the decoder's layers."""
    heads = _read(file).get("alignment_heads") if file.exists() else None
    if not heads:
        upper = range(sizes.decoder_layers // 2, sizes.decoder_layers)
        return tuple((layer, head) for layer in upper for head in range(sizes.decoder_heads))
    for pair in heads:
        if len(pair) != 2 or not (0 <= pair[0] < sizes.decoder_layers and 0 <= pair[1] < sizes.decoder_heads):
            raise Refusal(f"{file}: `alignment_heads` has {pair}, which is no layer and head of this decoder")
    return tuple((layer, head) for layer, head in heads)


def _network(folder: Path, names: tuple[str, ...]) -> tuple[Path, str]:
    """The first of `names` that is there in a readable precision, and the end of its name."""
    places = (folder, folder / "onnx")
    for end in READABLE:
        for name in names:
            for place in places:
                if (file := place / f"{name}{end}.onnx").is_file():
                    return file, end
    there = sorted(file.name for place in places for file in place.glob(f"{names[0].split('_')[0]}_*.onnx"))
    if there:
        raise Refusal(f"{folder} holds only {', '.join(there)}: give the fp32 export, {names[0]}.onnx")
    raise Refusal(f"{folder} holds no {' nor '.join(f'{name}.onnx' for name in names)} (nor does its subfolder onnx)")


def read(path: Path) -> Folder:
    """Looks into a folder, or refuses it."""
    fields = _read(path / "config.json")
    sizes = _sizes(path / "config.json", fields)
    start, end = (_token(path / "config.json", fields, sizes, name) for name in ("decoder_start_token_id", "eos_token_id"))
    encoder, _ = _network(path, ("encoder_model",))
    decoder, suffix = _network(path, ("decoder_model_merged", "decoder_model"))
    return Folder(
        path=path,
        sizes=sizes,
        alignment=_alignment(path / "generation_config.json", sizes),
        start=start,
        end=end,
        encoder=encoder,
        decoder=decoder,
        half=suffix == "_fp16",
    )
