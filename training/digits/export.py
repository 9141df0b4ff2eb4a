"""The trained network as ONNX, in the layout that sherpa-onnx reads as a streaming NeMo CTC model."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from digits import network
from digits.corpus import NAMES
from digits.network import CONTEXT, DECAY, DEPTH, DILATIONS, FIRST, LAST, LOWEST, OVERLAP, SUBSAMPLING, WIDTH
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
    "cache_last_time_dim2": CONTEXT,
    "cache_last_time_dim3": WIDTH,
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

    def convolution(self, x: str, frames: int, conv: nn.Conv1d, norm: nn.BatchNorm1d | None = None) -> tuple[str, int]:
        """A convolution of `[B, frames, channels]`, with the normalisation after it as part of it: the frames that an output
        rests on are put side by side, for one product of matrices. A runtime's own convolution takes three times as long
        for the few frames of a step."""
        weight, bias = conv.weight, conv.bias
        if norm is not None:
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            weight, bias = weight * factor[:, None, None], norm.bias - norm.running_mean * factor
        outputs, inputs, kernel = weight.shape
        (stride,), (dilation,) = conv.stride, conv.dilation
        left = (frames - dilation * (kernel - 1) - 1) // stride + 1
        seen = np.arange(left)[:, None] * stride + np.arange(kernel)[None] * dilation
        x = self.add("Gather", x, self.constant(seen), axis=1)
        x = self.add("Reshape", x, self.integers(-1, kernel * inputs))
        matrix = weight.permute(2, 1, 0).reshape(kernel * inputs, outputs).detach().numpy()
        x = self.add("Gemm", x, self.constant(matrix), self.constant(bias.detach().numpy()))
        if norm is not None:
            x = self.add("Relu", x)
        return self.add("Reshape", x, self.integers(-1, left, outputs)), left


def export(model: network.Digits, folder: Path) -> None:
    """Writes `model.onnx` and `tokens.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(model), folder / "model.onnx")
    tokens = [f"\u2581{name}" for name in NAMES] + ["<blk>"]
    (folder / "tokens.txt").write_text("".join(f"{token} {number}\n" for number, token in enumerate(tokens)), encoding="utf-8")


def _levelled(graph: _Graph, x: str) -> tuple[str, str]:
    """`network.levelled` for a window: the features beside the level, and the level before the next window."""
    frames = np.arange(STEP + OVERLAP)
    passed = frames[:, None] - frames[None]
    falls = np.where(passed >= 0, -DECAY * passed, -1e9).astype(np.float32)
    peaks = graph.add("Unsqueeze", graph.add("ReduceMax", x, axes=[1], keepdims=0), graph.integers(1))
    heard = graph.add("ReduceMax", graph.add("Add", peaks, graph.constant(falls)), axes=[2], keepdims=0)
    before = graph.add("Reshape", "cache_last_channel", graph.integers(-1, 1))
    before = graph.add("Add", before, graph.constant((LOWEST - DECAY * (frames[None] + 1)).astype(np.float32)))
    levels = graph.add("Max", heard, before, graph.constant(np.float32(LOWEST)))
    after = graph.add("Gather", levels, graph.integers(STEP - 1), axis=1)
    after = graph.add("Sub", after, graph.constant(np.float32(LOWEST)))
    x = graph.add("Sub", x, graph.add("Unsqueeze", levels, graph.integers(1)))
    x = graph.add("Softplus", graph.add("Add", x, graph.constant(np.float32(DEPTH))))
    x = graph.add("Sub", x, graph.constant(np.float32(3)))
    return graph.add("Mul", x, graph.constant(np.float32(0.5))), after


def _model(model: network.Digits) -> onnx.ModelProto:
    graph = _Graph()
    x = graph.add("Slice", "audio_signal", graph.integers(FIRST), graph.integers(LAST), graph.integers(1))
    x, level = _levelled(graph, x)
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    x, frames = graph.convolution(x, STEP + OVERLAP, model.front[0], model.front[1])
    x, frames = graph.convolution(x, frames, model.front[3], model.front[4])
    caches = []
    for number, block in enumerate(model.blocks):
        cache = graph.add("Gather", "cache_last_time", graph.constant(np.int64(number)), axis=1)
        heard = graph.add("Concat", cache, x, axis=1)
        after = graph.add("Slice", heard, graph.integers(frames), graph.integers(frames + CONTEXT), graph.integers(1))
        caches.append(graph.add("Unsqueeze", after, graph.integers(1)))
        if block.reach < CONTEXT:
            within = graph.integers(CONTEXT - block.reach), graph.integers(CONTEXT + frames)
            heard = graph.add("Slice", heard, *within, graph.integers(1))
        y, _ = graph.convolution(heard, block.reach + frames, block.conv, block.norm)
        x = graph.add("Add", x, y)
    x, _ = graph.convolution(x, frames, model.head)
    graph.add("LogSoftmax", x, axis=2, output="logprobs")
    beyond = graph.add("Sub", "length", graph.integers(OVERLAP))
    graph.add("Div", beyond, graph.integers(SUBSAMPLING), output="encoded_lengths")
    # The layout's place for caches of attention has the level; that of their length goes through as it came.
    graph.add("Reshape", level, graph.integers(-1, 1, 1, 1), output="cache_last_channel_next")
    graph.add("Concat", *caches, axis=1, output="cache_last_time_next")
    graph.add("Identity", "cache_last_channel_len", output="cache_last_channel_next_len")

    def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    channel, time = ["B", 1, 1, 1], ["B", len(DILATIONS), CONTEXT, WIDTH]
    number, real = TensorProto.INT64, TensorProto.FLOAT
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "digits",
            [
                value("audio_signal", real, "B", BANDS, STEP + OVERLAP),
                value("length", number, "B"),
                value("cache_last_channel", real, *channel),
                value("cache_last_time", real, *time),
                value("cache_last_channel_len", number, "B"),
            ],
            [
                value("logprobs", real, "B", STEP // SUBSAMPLING, network.BLANK + 1),
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
