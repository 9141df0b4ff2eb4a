"""Weights by the names of transformers' state dict, to a model of CTranslate2.

CTranslate2 has a converter of its own, which wants the checkpoint, PyTorch and transformers; this one gives the same file
(compared once, byte by byte) and wants the weights alone.
"""

import json
from pathlib import Path
import shutil

from ctranslate2 import specs
import numpy as np
from tokenizers import Tokenizer

Tensors = dict[str, np.ndarray]
TIMESTAMP = "<|{:.2f}|>"


def _norm(spec, tensors: Tensors, name: str) -> None:
    spec.gamma, spec.beta = tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _linear(spec, tensors: Tensors, *names: str) -> None:
    """Of several matrices one; a missing bias counts as none."""
    weights = [tensors[f"{name}.weight"] for name in names]
    spec.weight = np.concatenate(weights)
    spec.bias = np.concatenate(
        [tensors.get(f"{name}.bias", np.zeros(len(weight), np.float32)) for name, weight in zip(names, weights)]
    )


def _attention(spec, tensors: Tensors, name: str, together: tuple[str, ...]) -> None:
    """The projections, those that are read at once `together` in one matrix; and the norm before them."""
    for linear, parts in zip(spec.linear, (*together, "o"), strict=True):
        _linear(linear, tensors, *(f"{name}.{'out' if part == 'o' else part}_proj" for part in parts))
    _norm(spec.layer_norm, tensors, f"{name}_layer_norm")


def _feed_forward(spec, tensors: Tensors, name: str) -> None:
    _linear(spec.linear_0, tensors, f"{name}.fc1")
    _linear(spec.linear_1, tensors, f"{name}.fc2")
    _norm(spec.layer_norm, tensors, f"{name}.final_layer_norm")


def _spec(config: dict, tensors: Tensors) -> specs.WhisperSpec:
    sizes = [config[f"{side}_{what}"] for side in ("encoder", "decoder") for what in ("layers", "attention_heads")]
    spec = specs.WhisperSpec(*sizes)
    for side, part in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        name = f"model.{side}"
        part.position_encodings.encodings = tensors[f"{name}.embed_positions.weight"]
        _norm(part.layer_norm, tensors, f"{name}.layer_norm")
        for number, layer in enumerate(part.layer):
            place = f"{name}.layers.{number}"
            _attention(layer.self_attention, tensors, f"{place}.self_attn", ("qkv",))
            if side == "decoder":
                _attention(layer.attention, tensors, f"{place}.encoder_attn", ("q", "kv"))
            _feed_forward(layer.ffn, tensors, place)
    for number in (1, 2):
        conv, name = getattr(spec.encoder, f"conv{number}"), f"model.encoder.conv{number}"
        conv.weight, conv.bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    spec.decoder.embeddings.weight = spec.decoder.projection.weight = tensors["model.decoder.embed_tokens.weight"]
    return spec


def _vocabulary(folder: Path, size: int) -> list[str]:
    """Tokens by number; the last ones, where the tokenizer does not name them, are times."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    named = tokenizer.get_vocab_size()
    return [tokenizer.id_to_token(token) if token < named else TIMESTAMP.format((token - named) * 0.02) for token in range(size)]


def convert(folder: Path, tensors: Tensors, target: Path, precision: str) -> None:
    """Writes a folder that CTranslate2 and faster-whisper open; `folder` has the JSON files."""
    config = json.loads((folder / "config.json").read_text())
    generation = json.loads((folder / "generation_config.json").read_text())
    # Copies: CTranslate2 quantises in place.
    spec = _spec(config, {name: values.copy() for name, values in tensors.items()})
    spec.config.suppress_ids = generation["suppress_tokens"]
    spec.config.suppress_ids_begin = generation["begin_suppress_tokens"]
    spec.config.alignment_heads = generation["alignment_heads"]
    spec.config.lang_ids = sorted(generation.get("lang_to_id", {}).values())
    spec.register_vocabulary(_vocabulary(folder, config["vocab_size"]))
    spec.validate()
    spec.optimize(quantization=precision)
    target.mkdir()
    spec.save(str(target))
    for name in ("tokenizer.json", "preprocessor_config.json"):
        shutil.copy(folder / name, target)
