"""ONNX files a quarter or half the size: matrices of `weights` as bytes, and short names inside; or numbers that fit 16 bits as
such, and the exporter's names.

Inputs, outputs, and every number that is computed stay what they were; the bytes, and the 16 bits, become matrices again when
the file is loaded.
"""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, helper, numpy_helper

SMALLEST = 256
"""Numbers that a constant has at least, to be packed."""


def _step(values: np.ndarray) -> float | None:
    """The power of two of which all are multiples by a byte with a sign, if there is one."""
    largest = float(np.abs(values).max())
    if largest == 0:
        return 1.0
    step = 2.0 ** math.ceil(math.log2(largest / 127))
    return step if np.array_equal(np.round(values / step) * step, values) else None


def _weights(graph: GraphProto) -> None:
    kept, nodes = [], []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        step = _step(values) if values.dtype == np.float32 and values.size >= SMALLEST else None
        if step is None:
            kept.append(constant)
            continue
        name = constant.name
        kept.append(numpy_helper.from_array(np.round(values / step).astype(np.int8), f"{name}.bytes"))
        kept.append(numpy_helper.from_array(np.float32(step), f"{name}.step"))
        nodes.append(helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.whole"], to=onnx.TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}.whole", f"{name}.step"], [name]))
    nodes += graph.node
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def _halves(graph: GraphProto) -> None:
    kept, nodes = [], []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        fits = values.dtype == np.float32 and values.size >= SMALLEST and np.array_equal(values.astype(np.float16), values)
        if not fits:
            kept.append(constant)
            continue
        name = constant.name
        kept.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], f"{name}.whole", to=onnx.TensorProto.FLOAT))
    nodes += graph.node
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def _rename(graph: GraphProto, names: dict[str, str]) -> None:
    """Short names for all that is not in `names` yet; branches see the names outside of them."""
    def short(name: str) -> str:
        return names.setdefault(name, f"v{len(names)}") if name else name

    del graph.value_info[:]
    for value in [*graph.input, *graph.output, *graph.initializer]:
        value.name = short(value.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _rename(attribute.g, dict(names))


def pack(source: Path, target: Path, halves: bool = False) -> None:
    """Writes a file packed: as bytes, or in `halves`, with the names that it has."""
    model = onnx.load(source)
    graph = model.graph
    if halves:
        _halves(graph)
    else:
        _weights(graph)
        _rename(graph, {value.name: value.name for value in [*graph.input, *graph.output]})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
