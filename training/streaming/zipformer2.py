"""A streaming zipformer 2 as icefall exports it for sherpa-onnx: its inputs, outputs, states and metadata to the letter.

The graph is of the same kinds of operations as the real one, not the same graph; its weights are random.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streaming.graph import INT64, Graph

BINS = 80
# The convolutions in front make 128 channels of 19 lines, and keep three frames of them.
CHANNELS, LINES, KEPT = 128, 19, 3
# Frames that the convolutions in front look beyond a chunk.
PAD = 13


@dataclass(frozen=True)
class Size:
    """Of each stack: its layers, width, feed-forward width, heads and kernel; and of all."""

    layers: tuple[int, ...]
    dims: tuple[int, ...]
    feed_forward: tuple[int, ...]
    heads: tuple[int, ...]
    kernels: tuple[int, ...]
    downsampling: tuple[int, ...] = (1, 2, 4, 8, 4, 2)
    # Frames of 20 ms in a chunk, and how many of them attention looks back.
    chunk: int = 16
    left: int = 128
    query_dim: int = 32
    value_dim: int = 12
    position_dim: int = 4
    positions: int = 48
    # Channels of the convolutions in front, but for the one that makes `CHANNELS`.
    early: tuple[int, int] = (8, 32)
    late: tuple[int, int] = (384, 128)
    joiner: int = 512

    @property
    def window(self) -> int:
        return 2 * self.chunk + PAD


def swoosh(graph: Graph, x: str, offset: float, scale: float, shift: float) -> str:
    y = graph.op("Softplus", graph.op("Sub", x, graph.number(offset)))
    return graph.op("Sub", graph.op("Sub", y, graph.op("Mul", x, graph.number(scale))), graph.number(shift))


def swoosh_right(graph: Graph, x: str) -> str:
    return swoosh(graph, x, 1.0, 0.08, 0.313261687)


def swoosh_left(graph: Graph, x: str) -> str:
    return swoosh(graph, x, 4.0, 0.08, 0.035)


def bias_norm(graph: Graph, x: str, dim: int) -> str:
    y = graph.op("Sub", x, graph.weights(dim, fan=1e4))
    power = graph.op("ReduceMean", graph.op("Mul", y, y), axes=[-1], keepdims=1)
    scale = graph.op("Reciprocal", graph.op("Sqrt", graph.op("Add", power, graph.number(1e-6))))
    return graph.op("Mul", x, scale)


def bypass(graph: Graph, old: str, new: str, dim: int) -> str:
    """Half way from the old to the new."""
    change = graph.op("Mul", graph.op("Sub", new, old), graph.constant(np.full(dim, 0.5, np.float32)))
    return graph.op("Add", old, change)


class Layer:
    """One layer; its six states are inputs and outputs of the graph."""

    def __init__(self, graph: Graph, size: Size, stack: int, number: int) -> None:
        self.graph, self.number = graph, number
        self.dim, self.heads = size.dims[stack], size.heads[stack]
        self.left = size.left // size.downsampling[stack]
        self.frames = size.chunk // size.downsampling[stack]
        self.kernel, self.feed_forward = size.kernels[stack], size.feed_forward[stack]
        self.query, self.value = size.query_dim, size.value_dim
        self.position_dim, self.positions = size.position_dim, size.positions
        self.nonlin = 3 * self.dim // 4
        keys, values = self.query * self.heads, self.value * self.heads
        attended, convolved = (self.left, "N"), ("N", self.dim, self.kernel // 2)
        self.state("cached_key", (*attended, keys))
        self.state("cached_nonlin_attn", (1, "N", self.left, self.nonlin))
        self.state("cached_val1", (*attended, values))
        self.state("cached_val2", (*attended, values))
        self.state("cached_conv1", convolved)
        self.state("cached_conv2", convolved)

    def state(self, name: str, shape: tuple[int | str, ...]) -> None:
        self.graph.input(f"{name}_{self.number}", shape)
        self.graph.output(f"new_{name}_{self.number}", shape)

    def remember(self, name: str, x: str, axis: int, length: int) -> str:
        """What was before `x`, and `x`; the end of it is kept."""
        whole = self.graph.op("Concat", f"{name}_{self.number}", x, axis=axis)
        self.graph.slice(whole, -length, 1 << 30, axis, into=f"new_{name}_{self.number}")
        return whole

    def attention(self, x: str, mask: str) -> str:
        """Weights [heads, N, frames, left + frames]."""
        graph, heads, seen = self.graph, self.heads, self.left + self.frames
        keys = self.query * heads
        projected = graph.linear(x, self.dim, 2 * keys + self.position_dim * heads)
        query = graph.slice(projected, 0, keys, 2)
        key = self.remember("cached_key", graph.slice(projected, keys, 2 * keys, 2), 0, self.left)
        position = graph.slice(projected, 2 * keys, 1 << 30, 2)
        query = graph.op("Transpose", graph.reshape(query, self.frames, -1, heads, self.query), perm=[2, 1, 0, 3])
        key = graph.op("Transpose", graph.reshape(key, seen, -1, heads, self.query), perm=[2, 1, 3, 0])
        position = graph.reshape(position, self.frames, -1, heads, self.position_dim)
        position = graph.op("Transpose", position, perm=[2, 1, 0, 3])
        scores = graph.op("Mul", graph.op("MatMul", query, key), graph.number(self.query**-0.5))
        scores = graph.op("Add", scores, self.relative(position))
        return graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)

    def relative(self, position: str) -> str:
        """Scores of how far back each frame lies."""
        graph, heads, seen = self.graph, self.heads, self.left + self.frames
        reach = seen + self.frames - 1
        far = np.outer(np.arange(reach) - (seen - 1), np.exp(-np.arange(self.positions) / 6))
        waves = graph.constant(np.cos(far).astype(np.float32))
        waves = graph.op("MatMul", waves, graph.weights(self.positions, heads * self.position_dim, fan=self.positions))
        waves = graph.op("Transpose", graph.reshape(waves, 1, reach, heads, self.position_dim), perm=[2, 0, 3, 1])
        scores = graph.op("MatMul", position, waves)
        # Frame f sees the distances that begin with the `frames - 1 - f`th.
        shift = np.arange(self.frames - 1, -1, -1)[:, None] + np.arange(seen)[None]
        shape = graph.op("Concat", graph.slice(graph.op("Shape", scores), 0, 3, 0), graph.integers(seen), axis=0)
        index = graph.op("Expand", graph.constant(shift[None, None].astype(np.int64)), shape)
        return graph.op("GatherElements", scores, index, axis=3)

    def fed_forward(self, x: str, width: int) -> str:
        graph = self.graph
        y = swoosh_left(graph, graph.linear(x, self.dim, width, gain=2))
        return graph.op("Add", x, graph.linear(y, width, self.dim, gain=1.5))

    def nonlin_attended(self, x: str, weights: str) -> str:
        graph = self.graph
        parts = graph.integers(self.nonlin, self.nonlin, self.nonlin)
        gate, y, after = graph.ops("Split", 3, graph.linear(x, self.dim, 3 * self.nonlin), parts, axis=-1)
        y = graph.op("Mul", y, graph.op("Tanh", gate))
        y = graph.op("Unsqueeze", graph.op("Transpose", y, perm=[1, 0, 2]), graph.integers(0))
        y = self.remember("cached_nonlin_attn", y, 2, self.left)
        y = graph.op("Squeeze", graph.op("MatMul", graph.slice(weights, 0, 1, 0), y), graph.integers(0))
        y = graph.op("Mul", graph.op("Transpose", y, perm=[1, 0, 2]), after)
        return graph.op("Add", x, graph.linear(y, self.nonlin, self.dim))

    def attended(self, x: str, weights: str, name: str) -> str:
        graph, width = self.graph, self.value * self.heads
        y = self.remember(name, graph.linear(x, self.dim, width), 0, self.left)
        y = graph.reshape(y, self.left + self.frames, -1, self.heads, self.value)
        y = graph.op("MatMul", weights, graph.op("Transpose", y, perm=[2, 1, 0, 3]))
        y = graph.reshape(graph.op("Transpose", y, perm=[2, 1, 0, 3]), self.frames, -1, width)
        return graph.op("Add", x, graph.linear(y, width, self.dim))

    def convolved(self, x: str, name: str) -> str:
        """A convolution that looks back, beside one within the chunk."""
        graph, dim, kernel = self.graph, self.dim, self.kernel
        y = graph.linear(x, dim, 2 * dim)
        y = graph.op("Mul", graph.slice(y, 0, dim, 2), graph.op("Sigmoid", graph.slice(y, dim, 1 << 30, 2)))
        y = graph.op("Transpose", y, perm=[1, 2, 0])
        whole = self.remember(name, y, 2, kernel // 2)
        half = (kernel + 1) // 2
        weights = [graph.weights(dim, 1, half, fan=kernel / 4), graph.weights(dim, fan=100)]
        causal = graph.op("Conv", whole, *weights, kernel_shape=[half], group=dim)
        weights = [graph.weights(dim, 1, kernel, fan=kernel / 2), graph.weights(dim, fan=100)]
        within = graph.op("Conv", y, *weights, kernel_shape=[kernel], pads=[kernel // 2, kernel // 2], group=dim)
        scale = graph.op("Add", graph.weights(1, dim, self.frames, fan=100), graph.number(1.0))
        y = graph.op("Transpose", graph.op("Add", causal, graph.op("Mul", within, scale)), perm=[2, 0, 1])
        return graph.op("Add", x, graph.linear(swoosh_right(graph, y), dim, dim, gain=1.5))

    def build(self, x: str, mask: str) -> str:
        graph, before = self.graph, x
        weights = self.attention(x, mask)
        x = self.fed_forward(x, self.feed_forward * 3 // 4)
        x = self.nonlin_attended(x, weights)
        x = self.convolved(self.attended(x, weights, "cached_val1"), "cached_conv1")
        x = bypass(graph, before, self.fed_forward(x, self.feed_forward), self.dim)
        x = self.convolved(self.attended(x, weights, "cached_val2"), "cached_conv2")
        x = self.fed_forward(x, self.feed_forward * 5 // 4)
        return bypass(graph, before, bias_norm(graph, x, self.dim), self.dim)


def front(graph: Graph, size: Size) -> str:
    """Features [N, window, 80] to [N, chunk, dims[0]]."""
    x = graph.op("Mul", graph.op("Add", "x", graph.number(9.0)), graph.number(0.3))
    x = graph.op("Unsqueeze", x, graph.integers(1))
    first, second = size.early
    early = [(1, first, [1, 1], [0, 1, 0, 1]), (first, second, [2, 2], [0] * 4), (second, CHANNELS, [1, 2], [0] * 4)]
    for inputs, outputs, strides, pads in early:
        weights = [graph.weights(outputs, inputs, 3, 3, fan=4 * inputs + 1), graph.weights(outputs, fan=100)]
        x = swoosh_right(graph, graph.op("Conv", x, *weights, kernel_shape=[3, 3], strides=strides, pads=pads))
    kept = graph.slice(x, 0, size.chunk, 2)
    x = graph.op("Concat", "embed_states", x, axis=2)
    graph.slice(x, size.chunk, size.chunk + KEPT, 2, into="new_embed_states")
    weights = [graph.weights(CHANNELS, 1, 7, 7, fan=49), graph.weights(CHANNELS, fan=100)]
    x = graph.op("Conv", x, *weights, kernel_shape=[7, 7], pads=[0, 3, 0, 3], group=CHANNELS)
    wide, narrow = size.late
    weights = [graph.weights(wide, CHANNELS, 1, 1, fan=CHANNELS / 3), graph.weights(wide, fan=100)]
    x = swoosh_left(graph, graph.op("Conv", x, *weights, kernel_shape=[1, 1]))
    weights = [graph.weights(narrow, wide, 1, 1, fan=wide / 4), graph.weights(narrow, fan=100)]
    x = graph.op("Conv", x, *weights, kernel_shape=[1, 1])
    if narrow == CHANNELS:
        x = graph.op("Add", kept, x)
    x = graph.reshape(graph.op("Transpose", x, perm=[0, 2, 1, 3]), 0, size.chunk, narrow * LINES)
    return bias_norm(graph, graph.linear(x, narrow * LINES, size.dims[0]), size.dims[0])


def resized(graph: Graph, x: str, old: int, new: int) -> str:
    """Channels cut off, or zeros added."""
    if new <= old:
        return x if new == old else graph.slice(x, 0, new, 2)
    pads = graph.integers(0, 0, 0, 0, 0, new - old)
    return graph.op("Pad", x, pads)


def stacks(graph: Graph, size: Size, x: str) -> str:
    """[chunk, N, dims[0]] to [chunk, N, the greatest width]: of each channel the last stack that has it."""
    # A frame of the past that was not there is masked.
    age = np.arange(size.left, dtype=np.int64)[::-1].copy()
    missing = graph.op("LessOrEqual", graph.op("Unsqueeze", "processed_lens", graph.integers(1)), graph.constant(age[None]))
    missing = graph.op("Cast", missing, to=1)
    now = graph.op("Mul", graph.slice(missing, 0, size.chunk, 1), graph.number(0.0))
    missing = graph.op("Concat", missing, now, axis=1)
    number, dim, outputs = 0, size.dims[0], []
    for stack, (layers, width, factor) in enumerate(zip(size.layers, size.dims, size.downsampling, strict=True)):
        x, dim = resized(graph, x, dim, width), width
        before, mask = x, missing
        if factor > 1:
            share = np.exp(graph.random.standard_normal(factor) * 0.1)
            share = (share / share.sum()).astype(np.float32).reshape(1, factor, 1, 1)
            x = graph.op("Mul", graph.reshape(x, size.chunk // factor, factor, -1, dim), graph.constant(share))
            x = graph.op("ReduceSum", x, graph.integers(1), keepdims=0)
            mask = graph.slice(missing, 0, 1 << 30, 1, step=factor)
        mask = graph.op("Unsqueeze", graph.op("Mul", mask, graph.number(-1000.0)), graph.integers(0, 2))
        for _ in range(layers):
            x = Layer(graph, size, stack, number).build(x, mask)
            number += 1
        if factor > 1:
            times = graph.integers(1, factor, 1, 1)
            x = graph.op("Tile", graph.op("Unsqueeze", x, graph.integers(1)), times)
            x = bypass(graph, before, graph.reshape(x, size.chunk, -1, dim), dim)
        outputs.append((x, dim))
    whole, dim = outputs[-1]
    for x, width in reversed(outputs[:-1]):
        if width > dim:
            whole, dim = graph.op("Concat", whole, graph.slice(x, dim, width, 2), axis=2), width
    return whole


def metadata(size: Size) -> dict[str, object]:
    def listed(values: tuple[int, ...] | list[int]) -> str:
        return ",".join(map(str, values))

    count = len(size.dims)
    return {
        "model_type": "zipformer2",
        "version": "1",
        "model_author": "auricle",
        "comment": "streaming zipformer2, random weights",
        "decode_chunk_len": 2 * size.chunk,
        "T": size.window,
        "num_encoder_layers": listed(size.layers),
        "encoder_dims": listed(size.dims),
        "cnn_module_kernels": listed(size.kernels),
        "left_context_len": listed([size.left // factor for factor in size.downsampling]),
        "query_head_dims": listed([size.query_dim] * count),
        "value_head_dims": listed([size.value_dim] * count),
        "num_heads": listed(size.heads),
    }


def encoder(path: Path, size: Size, symbols: int | None, seed: int) -> None:
    """Writes the network: with log-probabilities of so many symbols (CTC), or without number, for a transducer."""
    graph = Graph(seed)
    graph.input("x", ["N", size.window, BINS])
    name, width = ("encoder_out", size.joiner) if symbols is None else ("log_probs", symbols)
    graph.output(name, ["N", size.chunk // 2, width])
    x = stacks(graph, size, graph.op("Transpose", front(graph, size), perm=[1, 0, 2]))
    for state, shape, kind in [("embed_states", ["N", CHANNELS, KEPT, LINES], 1), ("processed_lens", ["N"], INT64)]:
        graph.input(state, shape, kind)
        graph.output(f"new_{state}", shape, kind)
    graph.op("Add", "processed_lens", graph.integers(size.chunk), into="new_processed_lens")
    widest = max(size.dims)
    x = graph.op("Mul", graph.reshape(x, size.chunk // 2, 2, -1, widest), graph.number(0.5))
    x = graph.op("Transpose", graph.op("ReduceSum", x, graph.integers(1), keepdims=0), perm=[1, 0, 2])
    if symbols is None:
        y = graph.op("MatMul", x, graph.weights(widest, width, fan=widest))
        graph.op("Add", y, graph.weights(width, fan=100), into=name)
    else:
        graph.op("LogSoftmax", graph.logits(x, widest, width), axis=-1, into=name)
    graph.save(path, metadata(size))
