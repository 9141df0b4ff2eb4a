"""Weights by the names of transformers' state dict, to the file that whisper.cpp reads.

The file: a mark, sizes, a filter bank, the tokens' bytes, then the tensors, each with its number of dimensions, the length of its
name, its kind (0: 32 bits, 1: 16), its dimensions from the innermost, its name and its values. Matrices and convolutions have
16 bits; what is added stays at 32. (whisper.cpp 1.8.5 stops at convolutions of 32 bits.)

Source: how whisper.cpp (`whisper_model_load`) reads it.
"""

import json
from pathlib import Path
import re
import struct

import numpy as np
from tokenizers import Tokenizer

MARK = 0x67676D6C
SIZES = (
    "vocab_size",
    "max_source_positions",
    "d_model",
    "encoder_attention_heads",
    "encoder_layers",
    "max_target_positions",
    "d_model",
    "decoder_attention_heads",
    "decoder_layers",
    "num_mel_bins",
)
"""Of config.json, as the file has them."""
BINS_OF_FFT = 201
HALF = 1
"""Kind of the file, and of tensors, of 16 bits."""
LONGEST = 128
"""Bytes of a token, for which `whisper-quantize` has room; longer ones are cut."""
NAMES = (
    (r"^model\.", ""),
    (r"\.layers\.", ".blocks."),
    (r"self_attn_layer_norm", "attn_ln"),
    (r"encoder_attn_layer_norm", "cross_attn_ln"),
    (r"final_layer_norm", "mlp_ln"),
    (r"self_attn\.", "attn."),
    (r"encoder_attn\.", "cross_attn."),
    (r"q_proj", "query"),
    (r"k_proj", "key"),
    (r"v_proj", "value"),
    (r"out_proj", "out"),
    (r"fc1", "mlp.0"),
    (r"fc2", "mlp.2"),
    (r"encoder\.layer_norm", "encoder.ln_post"),
    (r"decoder\.layer_norm", "decoder.ln"),
    (r"embed_positions\.weight", "positional_embedding"),
    (r"embed_tokens", "token_embedding"),
)
"""What becomes of a name, in this order."""


def _name(name: str) -> str:
    for there, here in NAMES:
        name = re.sub(there, here, name)
    return name


def _tokens(folder: Path, end: int) -> list[bytes]:
    """The bytes of the tokens of text. A byte-level vocabulary writes each byte as a letter."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = (byte for byte in range(256) if byte not in printable)
    letters = {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [bytes(letters[letter] for letter in tokenizer.id_to_token(token))[:LONGEST] for token in range(end)]


def convert(folder: Path, tensors: dict[str, np.ndarray], target: Path) -> None:
    """Writes the file; `folder` has the JSON files."""
    config = json.loads((folder / "config.json").read_text())
    sizes = (config[name] for name in SIZES)
    with target.open("wb") as file:
        file.write(struct.pack("<12i", MARK, *sizes, HALF))
        # The benchmark hands over features: the filter bank is not used.
        bank = np.zeros((config["num_mel_bins"], BINS_OF_FFT), np.float32)
        file.write(struct.pack("<2i", *bank.shape) + bank.tobytes())
        tokens = _tokens(folder, config["eos_token_id"])
        file.write(struct.pack("<i", len(tokens)))
        for token in tokens:
            file.write(struct.pack("<i", len(token)) + token)
        for name, values in tensors.items():
            if re.search(r"conv\d\.bias", name):
                values = values[:, None]
            small = values.ndim > 1 and not re.search(r"embed_positions|conv\d\.bias", name)
            label = _name(name).encode()
            file.write(struct.pack(f"<{3 + values.ndim}i", values.ndim, len(label), HALF if small else 0, *reversed(values.shape)))
            file.write(label + np.ascontiguousarray(values, np.float16 if small else np.float32).tobytes())
