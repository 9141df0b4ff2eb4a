"""The trained network as ONNX, in the layout that sherpa-onnx reads as a streaming NeMo CTC model."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from digits import network
from digits.corpus import NAMES
from digits.network import CONTEXT, DILATIONS, FIRST, LAST, MEAN, OVERLAP, SCALE, SUBSAMPLING, WIDTH
from features import BANDS

STEP = 16
"""Frames from one window to the next: 160 ms, four outputs."""

METADATA = {
    "window_size": STEP + OVERLAP,
    "chunk_shift": STEP,
    "subsampling_factor": SUBSAMPLING,
    "vocab_size": network.BLANK,
    "cache_last_channel_dim1": 1,
    "cache_last_channel_dim2": 1,
    "cache_last_channel_dim3": 1,
    "cache_last_time_dim1": len(DILATIONS),
    "cache_last_time_dim2": WIDTH,
    "cache_last_time_dim3": CONTEXT,
    "normalize_type": "",
    "model_type": "digits",
    "version": 1,
    "model_author": "Auricle",
    "comment": "English digits; CC BY-SA 4.0",
}


class _Graph:
    def __init__(self):
        self.nodes = []
        self.constants = []

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes) -> str:
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def slice(self, x: str, start: int, end: int, axis: int) -> str:
        return self.add("Slice", x, self.integers(start), self.integers(end), self.integers(axis))

    def convolution(self, x: str, conv: nn.Conv1d, norm: nn.BatchNorm1d) -> str:
        """A convolution, the normalisation after it as part of it, and what is below zero cut off."""
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        weight = (conv.weight * factor[:, None, None]).detach().numpy()
        bias = (norm.bias - norm.running_mean * factor).detach().numpy()
        x = self.add("Conv", x, self.constant(weight), self.constant(bias), strides=conv.stride, dilations=conv.dilation)
        return self.add("Relu", x)


def export(model: network.Digits, folder: Path) -> None:
    """Writes `model.onnx` and `tokens.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(model), folder / "model.onnx")
    tokens = [f"\u2581{name}" for name in NAMES] + ["<blk>"]
    (folder / "tokens.txt").write_text("".join(f"{token} {number}\n" for number, token in enumerate(tokens)), encoding="utf-8")


def _model(model: network.Digits) -> onnx.ModelProto:
    graph = _Graph()
    x = graph.slice("audio_signal", FIRST, LAST, 1)
    x = graph.add("Mul", graph.add("Sub", x, graph.constant(np.float32(MEAN))), graph.constant(np.float32(SCALE)))
    x = graph.convolution(x, model.front[0], model.front[1])
    x = graph.convolution(x, model.front[3], model.front[4])
    caches = []
    for number, block in enumerate(model.blocks):
        cache = graph.add("Gather", "cache_last_time", graph.constant(np.int64(number)), axis=1)
        heard = graph.add("Concat", cache, x, axis=2)
        after = graph.slice(heard, -CONTEXT, np.iinfo(np.int64).max, 2)
        caches.append(graph.add("Unsqueeze", after, graph.integers(1)))
        if block.reach < CONTEXT:
            heard = graph.slice(heard, CONTEXT - block.reach, np.iinfo(np.int64).max, 2)
        x = graph.add("Add", x, graph.convolution(heard, block.conv, block.norm))
    head = [graph.constant(values.detach().numpy()) for values in (model.head.weight, model.head.bias)]
    x = graph.add("Transpose", graph.add("Conv", x, *head), perm=[0, 2, 1])
    graph.add("LogSoftmax", x, axis=2, output="logprobs")
    beyond = graph.add("Sub", "length", graph.integers(OVERLAP))
    graph.add("Div", beyond, graph.integers(SUBSAMPLING), output="encoded_lengths")
    # The layout has caches of attention; they go through as they came.
    graph.add("Identity", "cache_last_channel", output="cache_last_channel_next")
    graph.add("Concat", *caches, axis=1, output="cache_last_time_next")
    graph.add("Identity", "cache_last_channel_len", output="cache_last_channel_next_len")

    def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    channel, time = ["B", 1, 1, 1], ["B", len(DILATIONS), WIDTH, CONTEXT]
    number, real = TensorProto.INT64, TensorProto.FLOAT
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "digits",
            [
                value("audio_signal", real, "B", BANDS, "T"),
                value("length", number, "B"),
                value("cache_last_channel", real, *channel),
                value("cache_last_time", real, *time),
                value("cache_last_channel_len", number, "B"),
            ],
            [
                value("logprobs", real, "B", "frames", network.BLANK + 1),
                value("encoded_lengths", number, "B"),
                value("cache_last_channel_next", real, *channel),
                value("cache_last_time_next", real, *time),
                value("cache_last_channel_next_len", number, "B"),
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="auricle",
    )
    helper.set_model_props(made, {key: str(text) for key, text in METADATA.items()})
    onnx.checker.check_model(made, full_check=True)
    return made
