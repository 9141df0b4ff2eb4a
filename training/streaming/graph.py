"""Building an ONNX graph a node at a time, with random weights."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32
Shape = Sequence[int | str]


class Graph:
    """Nodes, weights, inputs and outputs; values go by their names."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._names = 0

    def input(self, name: str, shape: Shape, kind: int = FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, shape: Shape, kind: int = FLOAT) -> str:
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def op(self, kind: str, *inputs: str, into: str | None = None, **attributes: object) -> str:
        """A node with one output, called `into`."""
        name = into or self._name()
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def ops(self, kind: str, count: int, *inputs: str, **attributes: object) -> list[str]:
        """A node with several outputs."""
        names = [self._name() for _ in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def constant(self, value: NDArray[np.generic], name: str | None = None) -> str:
        value = np.asarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        if name is None and key in self._known:
            return self._known[key]
        named = name or self._name()
        self._constants.append(numpy_helper.from_array(value, named))
        if name is None:
            self._known[key] = named
        return named

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.float32(value))

    def weights(self, *shape: int, fan: float, gain: float = 1.0, name: str | None = None) -> str:
        """Normal numbers that keep the size of what they are summed with over `fan` inputs."""
        return self.constant((self.random.standard_normal(shape) * gain / np.sqrt(fan)).astype(np.float32), name)

    def linear(self, x: str, inputs: int, outputs: int, gain: float = 1.0) -> str:
        y = self.op("MatMul", x, self.weights(inputs, outputs, fan=inputs, gain=gain))
        return self.op("Add", y, self.weights(outputs, fan=100))

    def logits(self, x: str, inputs: int, symbols: int) -> str:
        """A linear layer whose constants `weights` and `bias` can be adjusted."""
        y = self.op("MatMul", x, self.weights(inputs, symbols, fan=inputs, name="weights"))
        return self.op("Add", y, self.constant(np.zeros(symbols, np.float32), "bias"))

    def slice(self, x: str, first: int, end: int, axis: int, step: int = 1, into: str | None = None) -> str:
        bounds = [self.integers(first), self.integers(end), self.integers(axis), self.integers(step)]
        return self.op("Slice", x, *bounds, into=into)

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.integers(*shape))

    def save(self, path: Path, metadata: Mapping[str, object]) -> None:
        graph = helper.make_graph(self._nodes, path.stem, self.inputs, self.outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="auricle")
        helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
        onnx.checker.check_model(model)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"


def adjust(path: Path, changes: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]]) -> None:
    """Changes named constants of a saved model."""
    model = onnx.load(path)
    for constant in model.graph.initializer:
        if change := changes.get(constant.name):
            constant.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(constant)).astype(np.float32), constant.name))
    onnx.save(model, path)
