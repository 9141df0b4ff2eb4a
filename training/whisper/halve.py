"""ONNX files of 16 bits, as those that are published beside the ones of 32: weights, what is computed, inputs and outputs.

Inputs and outputs of whole numbers and of truth values stay. What has no place in 16 bits, as the minus infinity of masks, becomes
the last number that has one.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

SINGLE, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
LARGEST = float(np.finfo(np.float16).max)


def _constant(constant: TensorProto) -> None:
    if constant.data_type == SINGLE:
        values = numpy_helper.to_array(constant).clip(-LARGEST, LARGEST).astype(np.float16)
        constant.CopyFrom(numpy_helper.from_array(values, constant.name))


def _node(node: NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR:
            _constant(attribute.t)
        elif attribute.type == onnx.AttributeProto.GRAPH:
            _graph(attribute.g)
        elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == SINGLE:
            attribute.i = HALF


def _graph(graph: GraphProto) -> None:
    for constant in graph.initializer:
        _constant(constant)
    for node in graph.node:
        _node(node)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if value.type.tensor_type.elem_type == SINGLE:
            value.type.tensor_type.elem_type = HALF


def halve(source: Path, target: Path) -> None:
    """Writes a file of 32 bits with 16."""
    model = onnx.load(source)
    _graph(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
