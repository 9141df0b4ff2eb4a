"""Layers as the runtime computes them fastest, and the matrices' precisions.

A matrix is [out, in], as transformers keeps it. `PLAIN` has 32 bits. `DYNAMIC` rounds what comes in as well, relative to the
largest number of each row, and pays where there are many rows (the encoder). `BLOCKS` keeps the matrix alone in 8 bits, and pays where each row needs the whole of it (the
decoder); its embeddings are rows of the same bytes that the logits are computed with.

A bias goes with its product, and sums and norms are nodes apart: the runtime's operators that join a sum with what follows are
slower on a processor, several times over many rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graph import Graph

Weights = dict[str, np.ndarray]
Vector = np.ndarray | None

EPSILON = 1e-5
BLOCK = 128
"""Numbers of a row that share a scale: measured fastest at all sizes, from 32 to 256."""
LEAST = 1e-30
"""Where all is 0, so that a scale is neither 0 nor too small to be computed with as others are."""
NARROW = 32
"""Matrices with shorter rows are not worth 8 bits."""


@dataclass(frozen=True)
class Matrices:
    """A precision."""

    product: Callable[..., str]
    """Of a graph, a value, the matrix' name, the matrix, its bias or none, and the output's name or none."""
    rows: Callable[[Graph, str, str, np.ndarray], str]
    """Of a graph, indices, the matrix' name and the matrix: embeddings."""


def _rows(graph: Graph, at: str, name: str, matrix: np.ndarray) -> str:
    return graph.node("Gather", graph.constant(name, matrix), at)


def _product(graph: Graph, x: str, name: str, matrix: np.ndarray, bias: Vector = None, into: str | None = None) -> str:
    inputs = (x, graph.constant(name, matrix))
    if bias is None:
        return graph.node("FusedMatMul", *inputs, transB=1, into=into)
    return graph.node("Add", graph.node("FusedMatMul", *inputs, transB=1), graph.constant(f"{name}.bias", bias), into=into)


def _scales(matrix: np.ndarray) -> np.ndarray:
    """What 1 stands for in 8 bits with a sign, along the last axis."""
    return np.maximum(np.abs(matrix).max(axis=-1, keepdims=True), np.float32(LEAST)) / np.float32(127)


def _dynamic(graph: Graph, x: str, name: str, matrix: np.ndarray, bias: Vector = None, into: str | None = None) -> str:
    scales = _scales(matrix)
    rounded = graph.constant(f"{name}.bytes", np.round(matrix / scales).astype(np.int8).T)
    # The runtime has one scale for all rows, so each row is brought to the range -1 to 1 first.
    most = graph.node("ReduceMax", graph.node("Abs", x), graph.numbers(-1), keepdims=1)
    most = graph.node("Max", most, graph.constant("least", np.array([LEAST], np.float32)))
    whole, step, zero = (f"{x}.{part}" for part in ("bytes", "scale", "zero"))
    graph.node("DynamicQuantizeLinear", graph.node("Div", x, most), into=(whole, step, zero))
    product = graph.node("MatMulIntegerToFloat", whole, rounded, step, graph.constant(f"{name}.scales", scales[:, 0]), zero)
    if bias is None:
        return graph.node("Mul", product, most, into=into)
    return graph.node("Add", graph.node("Mul", product, most), graph.constant(f"{name}.bias", bias), into=into)


def in_blocks(matrix: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Bytes [rows, blocks, block], where 128 is nothing, and scales [rows, blocks, 1]."""
    rows, length = matrix.shape
    padded = np.pad(matrix, ((0, 0), (0, -length % block))).reshape(rows, -1, block)
    scales = _scales(padded)
    return (np.round(padded / scales) + 128).astype(np.uint8), scales


def _block_product(graph: Graph, x: str, name: str, matrix: np.ndarray, bias: Vector = None, into: str | None = None) -> str:
    rows, length = matrix.shape
    if length < NARROW:
        return _product(graph, x, name, matrix, bias, into)
    block = BLOCK if length >= BLOCK else NARROW
    whole, scales = in_blocks(matrix, block)
    inputs = [x, graph.constant(f"{name}.bytes", whole), graph.constant(f"{name}.scales", scales[:, :, 0])]
    if bias is not None:
        inputs += ["", "", graph.constant(f"{name}.bias", bias)]
    sizes = {"K": length, "N": rows, "bits": 8, "block_size": block}
    return graph.node("MatMulNBits", *inputs, **sizes, accuracy_level=4, into=into)


def _block_rows(graph: Graph, at: str, name: str, matrix: np.ndarray) -> str:
    if matrix.shape[1] % BLOCK:
        return _rows(graph, at, name, matrix)
    whole, scales = in_blocks(matrix, BLOCK)
    inputs = (graph.constant(f"{name}.bytes", whole), at, graph.constant(f"{name}.row_scales", scales))
    sizes = {"bits": 8, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 2}
    return graph.node("Reshape", graph.node("GatherBlockQuantized", *inputs, **sizes), graph.numbers(0, 0, -1))


PLAIN = Matrices(_product, _rows)
DYNAMIC = Matrices(_dynamic, _rows)
BLOCKS = Matrices(_block_product, _block_rows)


class Layers:
    """The layers of a network, by the names of their weights."""

    def __init__(self, graph: Graph, weights: Weights, matrices: Matrices) -> None:
        self.graph, self._weights, self._matrices = graph, weights, matrices

    def constant(self, name: str) -> str:
        """A tensor as it is."""
        return self.graph.constant(name, self._weights[name])

    def rows(self, at: str, name: str) -> str:
        """Embeddings."""
        return self._matrices.rows(self.graph, at, name, self._weights[name])

    def product(self, x: str, name: str, into: str) -> str:
        """A matrix alone."""
        return self._matrices.product(self.graph, x, name, self._weights[name], into=into)

    def linear(self, x: str, name: str, scale: float = 1.0) -> str:
        """A matrix, and its bias where it has one."""
        matrix, bias, scale = self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias"), np.float32(scale)
        scaled = None if bias is None else bias * scale
        return self._matrices.product(self.graph, x, f"{name}.weight", matrix * scale, scaled)

    def queries_keys_values(self, x: str, name: str) -> str:
        """The three matrices of an attention as one; keys have no bias."""
        matrix = np.concatenate([self._weights[f"{name}.{part}_proj.weight"] for part in "qkv"])
        query, value = (self._weights[f"{name}.{part}_proj.bias"] for part in "qv")
        bias = np.concatenate([query, np.zeros_like(query), value])
        return self._matrices.product(self.graph, x, f"{name}.qkv.weight", matrix, bias)

    def norm(self, x: str, name: str) -> str:
        """Layer norm."""
        inputs = (x, self.constant(f"{name}.weight"), self.constant(f"{name}.bias"))
        return self.graph.node("LayerNormalization", *inputs, axis=-1, epsilon=EPSILON)

    def add(self, x: str, y: str) -> str:
        """The sum of two values."""
        return self.graph.node("Add", x, y)

    def inner(self, x: str, name: str) -> str:
        """The two matrices behind the attentions."""
        return self.linear(self.graph.node("Gelu", self.linear(x, f"{name}.fc1")), f"{name}.fc2")
