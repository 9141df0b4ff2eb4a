"""Weights of CTranslate2's Whisper in OpenAI's form, which SimulStreaming reads.

Source: the format of `model.bin` as `plugins/whisper/convert` describes it; the names of OpenAI's module.
"""

from pathlib import Path
import struct

import numpy as np

TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read(file: Path) -> dict[str, np.ndarray]:
    """The variables of a model.bin."""
    data, at = file.read_bytes(), 0

    def number(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize(form)
        return value

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return data[at - length : at - 1].decode()

    number("I"), text(), number("I")
    variables = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        variables[name] = np.frombuffer(data, TYPES[kind], size // TYPES[kind]().itemsize, at).reshape(shape)
        at += size
    for _ in range(number("I")):
        alias, name = text(), text()
        variables[alias] = variables[name]
    return variables


def write(source: Path, target: Path) -> dict[str, int]:
    """Writes the checkpoint, and returns the sizes of the model."""
    import torch

    found = {name: value.astype(np.float32) for name, value in read(source).items() if value.dtype == np.float16}
    tensors = {}

    def norm(name: str, variable: str) -> None:
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = found[f"{variable}/gamma"], found[f"{variable}/beta"]

    def linear(variable: str, *names: str) -> None:
        weights = np.split(found[f"{variable}/weight"], len(names))
        biases = np.split(found[f"{variable}/bias"], len(names))
        for name, weight, bias in zip(names, weights, biases):
            tensors[f"{name}.weight"] = weight
            if not name.endswith(".key"):
                tensors[f"{name}.bias"] = bias

    def attention(name: str, variable: str, crossing: bool) -> None:
        norm(f"{name}_ln", f"{variable}/layer_norm")
        if crossing:
            linear(f"{variable}/linear_0", f"{name}.query")
            linear(f"{variable}/linear_1", f"{name}.key", f"{name}.value")
            linear(f"{variable}/linear_2", f"{name}.out")
        else:
            linear(f"{variable}/linear_0", f"{name}.query", f"{name}.key", f"{name}.value")
            linear(f"{variable}/linear_1", f"{name}.out")

    layers = {}
    for side in ("encoder", "decoder"):
        tensors[f"{side}.positional_embedding"] = found[f"{side}/position_encodings/encodings"]
        norm(f"{side}.ln_post" if side == "encoder" else "decoder.ln", f"{side}/layer_norm")
        layers[side] = 0
        while f"{side}/layer_{layers[side]}/ffn/linear_0/weight" in found:
            variable, name = f"{side}/layer_{layers[side]}", f"{side}.blocks.{layers[side]}"
            attention(f"{name}.attn", f"{variable}/self_attention", False)
            if side == "decoder":
                attention(f"{name}.cross_attn", f"{variable}/attention", True)
            norm(f"{name}.mlp_ln", f"{variable}/ffn/layer_norm")
            linear(f"{variable}/ffn/linear_0", f"{name}.mlp.0")
            linear(f"{variable}/ffn/linear_1", f"{name}.mlp.2")
            layers[side] += 1
    for conv in ("conv1", "conv2"):
        linear(f"encoder/{conv}", f"encoder.{conv}")
    tensors["decoder.token_embedding.weight"] = found["decoder/embeddings/weight"]
    states, width = tensors["encoder.positional_embedding"].shape
    sizes = {
        "n_mels": tensors["encoder.conv1.weight"].shape[1], "n_audio_ctx": states, "n_audio_state": width,
        "n_audio_head": width // 64, "n_audio_layer": layers["encoder"],
        "n_vocab": len(tensors["decoder.token_embedding.weight"]), "n_text_ctx": len(tensors["decoder.positional_embedding"]),
        "n_text_state": width, "n_text_head": width // 64, "n_text_layer": layers["decoder"],
    }  # fmt: skip
    torch.save({"dims": sizes, "model_state_dict": {name: torch.tensor(value) for name, value in tensors.items()}}, target)
    return sizes
