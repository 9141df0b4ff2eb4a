"""Weights read out of ONNX files: by the names that transformers' state dict has, as arrays of 32 bits.

An exporter keeps a module's place in its nodes' names (`/model/decoder/layers.0/self_attn/k_proj/MatMul`), while matrices are
named by number, and what is equal may be stored once: so a tensor is found by the node that takes it, and by its own name only
where no node tells. Weights may stand in the branches of a merged file, behind a Cast, and outside the file.

    weights.read(folder.read(Path("whisper-tiny")))  # {"model.encoder.conv1.weight": ..., ...}
"""

from collections.abc import Callable, Iterator
from pathlib import Path
import re

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, NodeProto, helper, numpy_helper

from folder import Folder, Refusal, Sizes

QUANTIZED = re.compile(r"Dequantize|DynamicQuantize|QLinear|MatMulInteger|ConvInteger|NBits|BnB4|^QGemm$|^QAttention$")
"""Operators whose weights are not what was trained."""

Constants = dict[str, Callable[[], np.ndarray]]


def _attention(name: str, width: int) -> dict[str, tuple[int, ...]]:
    shapes = {f"{name}.{part}_proj.weight": (width, width) for part in ("q", "k", "v", "out")}
    return shapes | {f"{name}.{part}_proj.bias": (width,) for part in ("q", "v", "out")}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _layer(name: str, width: int, inner: int, attentions: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes = {f"{name}.fc1.weight": (inner, width), f"{name}.fc1.bias": (inner,)}
    shapes |= {f"{name}.fc2.weight": (width, inner), f"{name}.fc2.bias": (width,)}
    for attention in attentions:
        shapes |= _attention(f"{name}.{attention}", width) | _norm(f"{name}.{attention}_layer_norm", width)
    return shapes | _norm(f"{name}.final_layer_norm", width)


def shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """All tensors of a Whisper. The matrix of the logits is that of the tokens, and not among them."""
    width, encoder, decoder = sizes.width, "model.encoder", "model.decoder"
    found = {
        f"{encoder}.conv1.weight": (width, sizes.bins, 3),
        f"{encoder}.conv1.bias": (width,),
        f"{encoder}.conv2.weight": (width, width, 3),
        f"{encoder}.conv2.bias": (width,),
        f"{encoder}.embed_positions.weight": (sizes.states, width),
        f"{decoder}.embed_tokens.weight": (sizes.vocabulary, width),
        f"{decoder}.embed_positions.weight": (sizes.positions, width),
    }
    found |= _norm(f"{encoder}.layer_norm", width) | _norm(f"{decoder}.layer_norm", width)
    for layer in range(sizes.encoder_layers):
        found |= _layer(f"{encoder}.layers.{layer}", width, sizes.encoder_inner, ("self_attn",))
    for layer in range(sizes.decoder_layers):
        found |= _layer(f"{decoder}.layers.{layer}", width, sizes.decoder_inner, ("self_attn", "encoder_attn"))
    return found


def _module(place: str, separator: str) -> tuple[str, str]:
    """The module that a name tells, below the encoder or decoder, and what is said after it."""
    *parts, last = place.strip(separator).split(separator)
    while parts and parts[0] in ("model", "encoder", "decoder"):
        del parts[0]
    return ".".join(parts), last


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def _constant(node: NodeProto, constants: Constants) -> Callable[[], np.ndarray] | None:
    """What a node gives, where that is known beforehand."""
    if node.op_type == "Constant":
        value = next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
        return None if value is None else lambda: numpy_helper.to_array(value)
    source = constants.get(node.input[0]) if node.input else None
    if source is None:
        return None
    if node.op_type == "Identity":
        return source
    if node.op_type == "Cast":
        kind = helper.tensor_dtype_to_np_dtype(_attribute(node, "to", onnx.TensorProto.FLOAT))
        return lambda: source().astype(kind)
    if node.op_type == "Transpose":
        order = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), None)
        return lambda: source().transpose(order)
    return None


def _of_node(node: NodeProto, constants: Constants) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """The tensors that a node takes, by their names below the encoder or decoder."""
    module, _ = _module(node.name or node.output[0], "/")
    taken = [constants.get(name) for name in node.input]

    def tensor(part: str, values: Callable[[], np.ndarray] | None, turned: bool = False):
        if values is not None:
            yield f"{module}.{part}".strip("."), (lambda: values().T) if turned else values

    match node.op_type:
        case "MatMul":
            yield from tensor("weight", taken[1], turned=True)
        case "Gemm":
            yield from tensor("weight", taken[1], turned=not _attribute(node, "transB", 0))
            yield from tensor("bias", taken[2] if len(taken) > 2 else None)
        case "Conv" | "LayerNormalization":
            yield from tensor("weight", taken[1])
            yield from tensor("bias", taken[2] if len(taken) > 2 else None)
        case "Gather":
            yield from tensor("weight", taken[0])
        case "Add":
            for values in taken:
                # At the top stands only what is added to the sound's frames.
                yield from tensor("bias" if module else "embed_positions.weight", values)
        case "Mul" if module.endswith("layer_norm"):
            # Exports for older runtimes have the norm in pieces.
            for values in taken:
                yield from tensor("weight", values)


def _tensors(graph: GraphProto, outer: Constants, file: Path) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """All that a graph and its branches tell, nodes first."""
    constants = dict(outer)
    for constant in graph.initializer:
        constants[constant.name] = lambda constant=constant: numpy_helper.to_array(constant)
    for node in graph.node:
        if QUANTIZED.search(node.op_type):
            raise Refusal(f"{file}: its weights were rounded to few bits ({node.op_type}); give the fp32 export")
        if (value := _constant(node, constants)) is not None:
            constants[node.output[0]] = value
            continue
        yield from _of_node(node, constants)
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _tensors(attribute.g, constants, file)
    for name in [name for name in constants if name not in outer]:
        module, part = _module(re.sub(r"_merged_\d+$", "", name), ".")
        yield f"{module}.{part}", constants[name]


def _of_file(file: Path, prefix: str, wanted: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    try:
        graph = onnx.load(file).graph
    except Exception as error:  # protobuf's errors have no class of their own, and the data outside may be missing
        raise Refusal(f"{file} cannot be read: {error}") from error
    found, other = {}, {}
    for name, values in _tensors(graph, {}, file):
        name = f"{prefix}.{name}" if name != "proj_out.weight" else name
        if name not in wanted or name in found:
            continue
        array = values()
        if array.dtype not in (np.float32, np.float16) or array.ndim == 0:
            continue
        if array.ndim == 3 and array.shape[0] == 1 and len(wanted[name]) == 2:
            array = array[0]
        if array.shape == wanted[name]:
            found[name] = np.ascontiguousarray(array, np.float32)
        else:
            other[name] = array.shape
    for name, shape in wanted.items():
        if name not in found and name in other:
            raise Refusal(f"{file}: {name} is {list(other[name])}; by config.json it is {list(shape)}")
        if name not in found:
            raise Refusal(f"{file}: {name} was not found; its nodes must have the names that Optimum's exporter gives them")
    return found


def read(folder: Folder) -> dict[str, np.ndarray]:
    """All weights of a model."""
    found = {}
    for file, prefix in ((folder.encoder, "model.encoder"), (folder.decoder, "model.decoder")):
        wanted = {name: shape for name, shape in shapes(folder.sizes).items() if name.startswith(prefix)}
        if prefix == "model.decoder":
            wanted["proj_out.weight"] = (folder.sizes.vocabulary, folder.sizes.width)
        found |= _of_file(file, prefix, wanted)
    if not np.array_equal(found.pop("proj_out.weight"), found["model.decoder.embed_tokens.weight"]):
        raise Refusal(f"{folder.decoder}: proj_out.weight is not embed_tokens.weight, as it is in every Whisper")
    return found
