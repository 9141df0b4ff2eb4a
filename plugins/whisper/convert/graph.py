"""A network under construction: nodes in the order they run, and their constants."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR = 9
CONTRIB = "com.microsoft"
CONTRIB_KINDS = {
    "FusedMatMul",
    "GatherBlockQuantized",
    "Gelu",
    "GroupQueryAttention",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "MultiHeadAttention",
}
"""Operators of ONNX Runtime's own."""
LARGEST = 1_500_000_000
"""Bytes of constants that still go into the file itself; a message of protobuf ends at 2 GB."""

Shape = Sequence[int | str]


class Graph:
    """Values are known by their names; what makes one gives its name back."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._made: dict[tuple, str] = {}
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: int, shape: Shape) -> str:
        """Declares what the network takes."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, shape: Shape) -> str:
        """Declares what the network gives: numbers of 32 bits."""
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def constant(self, name: str, values: np.ndarray) -> str:
        """Constants of a name are the same."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def numbers(self, *numbers: int, kind: type = np.int64) -> str:
        """A list of whole numbers, as shapes are."""
        return self.constant(f"{kind.__name__}.{'.'.join(map(str, numbers))}", np.array(numbers, kind))

    def node(self, kind: str, *inputs: str, into: Sequence[str] | str | None = None, **attributes: Any) -> str:
        """Adds a node, if the same is not there yet; its first output is `into`, or has a name of its own."""
        key = (kind, inputs, str(into), str(attributes))
        if key in self._made:
            return self._made[key]
        outputs = [into] if isinstance(into, str) else list(into or [f"{kind}.{len(self._nodes)}"])
        domain = CONTRIB if kind in CONTRIB_KINDS else ""
        name = f"{len(self._nodes)}.{kind}"
        self._nodes.append(helper.make_node(kind, list(inputs), outputs, name=name, domain=domain, **attributes))
        return self._made.setdefault(key, outputs[0])

    def split(self, x: str, parts: int) -> list[str]:
        """Equal parts of the last axis."""
        outputs = [f"{x}.{part}" for part in range(parts)]
        self.node("Split", x, into=outputs, axis=-1, num_outputs=parts)
        return outputs

    def save(self, file: Path, notes: dict[str, str]) -> None:
        """Writes the network, with `notes` as its metadata."""
        graph = helper.make_graph(self._nodes, "auricle", self._inputs, self._outputs, list(self._constants.values()))
        operators = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=operators, ir_version=IR, producer_name="auricle")
        helper.set_model_props(model, notes)
        if sum(len(constant.raw_data) for constant in self._constants.values()) > LARGEST:
            onnx.save(model, file, save_as_external_data=True, location=f"{file.name}_data")
        else:
            onnx.save(model, file)
