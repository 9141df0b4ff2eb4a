"""A cache-aware streaming FastConformer as NeMo exports it for sherpa-onnx: its inputs, outputs, caches and metadata to the
letter.

The graph is of the same kinds of operations as the real one, not the same graph; its weights are random.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streaming.graph import INT64, Graph

SUBSAMPLING = 8
# Frames of features that a window has before its chunk, and the frames of output that are dropped for them.
BEFORE, DROPPED = 9, 2


@dataclass(frozen=True)
class Size:
    """Width, layers, heads, and channels of the convolutions in front."""

    dim: int
    layers: int
    heads: int
    channels: int
    bins: int = 80
    kernel: int = 9
    # Frames that attention looks back, and ahead.
    left: int = 70
    ahead: int = 6
    # Of the predictor of a transducer: layers and width; and the width of its joiner.
    predictor: tuple[int, int] = (1, 640)
    joiner: int = 640

    @property
    def shift(self) -> int:
        return SUBSAMPLING * (self.ahead + 1)

    @property
    def window(self) -> int:
        return self.shift + BEFORE


def norm(graph: Graph, x: str, dim: int) -> str:
    ones, zeros = graph.constant(np.ones(dim, np.float32)), graph.constant(np.zeros(dim, np.float32))
    return graph.op("LayerNormalization", x, ones, zeros, axis=-1, epsilon=1e-5)


def swish(graph: Graph, x: str) -> str:
    return graph.op("Mul", x, graph.op("Sigmoid", x))


def front(graph: Graph, size: Size) -> str:
    """Features [B, bins, window] to [B, frames, dim]."""
    channels = size.channels
    x = graph.op("Transpose", "audio_signal", perm=[0, 2, 1])
    x = graph.op("Mul", graph.op("Add", x, graph.number(9.0)), graph.number(0.3))
    x = graph.op("Unsqueeze", x, graph.integers(1))
    halved = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [2, 2, 1, 1]}
    weights = [graph.weights(channels, 1, 3, 3, fan=5), graph.weights(channels, fan=100)]
    x = graph.op("Relu", graph.op("Conv", x, *weights, **halved))
    for _ in range(2):
        weights = [graph.weights(channels, 1, 3, 3, fan=5), graph.weights(channels, fan=100)]
        x = graph.op("Conv", x, *weights, **halved, group=channels)
        weights = [graph.weights(channels, channels, 1, 1, fan=channels / 2), graph.weights(channels, fan=100)]
        x = graph.op("Relu", graph.op("Conv", x, *weights, kernel_shape=[1, 1]))
    lines = size.bins
    for _ in range(3):
        lines = lines // 2 + 1
    x = graph.reshape(graph.op("Transpose", x, perm=[0, 2, 1, 3]), 0, -1, channels * lines)
    return graph.linear(graph.slice(x, DROPPED, 1 << 30, 1), channels * lines, size.dim)


def layer(graph: Graph, size: Size, number: int, x: str, mask: str) -> tuple[str, str, str]:
    """One layer, and what its attention and its convolution keep."""
    dim, heads, left = size.dim, size.heads, size.left
    head = dim // heads

    def fed_forward(x: str) -> str:
        y = swish(graph, graph.linear(norm(graph, x, dim), dim, 4 * dim))
        return graph.op("Add", x, graph.op("Mul", graph.linear(y, 4 * dim, dim, gain=0.7), graph.number(0.5)))

    def split(x: str, perm: list[int]) -> str:
        return graph.op("Transpose", graph.reshape(graph.linear(x, dim, dim), 0, -1, heads, head), perm=perm)

    x = fed_forward(x)
    past = graph.reshape(graph.slice("cache_last_channel", number, number + 1, 1), 0, left, dim)
    y = norm(graph, x, dim)
    seen = graph.op("Concat", past, y, axis=1)
    channel = graph.op("Unsqueeze", graph.slice(seen, -left, 1 << 30, 1), graph.integers(1))
    scores = graph.op("MatMul", split(y, [0, 2, 1, 3]), split(seen, [0, 2, 3, 1]))
    scores = graph.op("Add", graph.op("Mul", scores, graph.number(head**-0.5)), mask)
    y = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), split(seen, [0, 2, 1, 3]))
    y = graph.reshape(graph.op("Transpose", y, perm=[0, 2, 1, 3]), 0, -1, dim)
    x = graph.op("Add", x, graph.linear(y, dim, dim))
    y, gate = graph.ops("Split", 2, graph.linear(norm(graph, x, dim), dim, 2 * dim), graph.integers(dim, dim), axis=-1)
    y = graph.op("Transpose", graph.op("Mul", y, graph.op("Sigmoid", gate)), perm=[0, 2, 1])
    kept = size.kernel - 1
    past = graph.reshape(graph.slice("cache_last_time", number, number + 1, 1), 0, dim, kept)
    y = graph.op("Concat", past, y, axis=2)
    time = graph.op("Unsqueeze", graph.slice(y, -kept, 1 << 30, 2), graph.integers(1))
    weights = [graph.weights(dim, 1, size.kernel, fan=size.kernel / 2), graph.weights(dim, fan=100)]
    y = graph.op("Conv", y, *weights, kernel_shape=[size.kernel], group=dim)
    y = swish(graph, norm(graph, graph.op("Transpose", y, perm=[0, 2, 1]), dim))
    x = fed_forward(graph.op("Add", x, graph.linear(y, dim, dim)))
    return norm(graph, x, dim), channel, time


def metadata(size: Size, symbols: int) -> dict[str, object]:
    """The symbols are counted without the blank."""
    return {
        "vocab_size": symbols,
        "window_size": size.window,
        "chunk_shift": size.shift,
        "subsampling_factor": SUBSAMPLING,
        "normalize_type": "",
        "cache_last_channel_dim1": size.layers,
        "cache_last_channel_dim2": size.left,
        "cache_last_channel_dim3": size.dim,
        "cache_last_time_dim1": size.layers,
        "cache_last_time_dim2": size.dim,
        "cache_last_time_dim3": size.kernel - 1,
        "version": "1",
        "model_author": "auricle",
        "comment": "cache-aware streaming, random weights",
    }


def encoder(path: Path, size: Size, symbols: int, transducer: bool, seed: int) -> None:
    """Writes the network: with log-probabilities (CTC), or for a transducer."""
    graph = Graph(seed)
    frames = size.ahead + 1
    caches = [
        ("cache_last_channel", ["B", size.layers, size.left, size.dim], 1),
        ("cache_last_time", ["B", size.layers, size.dim, size.kernel - 1], 1),
        ("cache_last_channel_len", ["B"], INT64),
    ]
    graph.input("audio_signal", ["B", size.bins, "T"])
    graph.input("length", ["B"], INT64)
    graph.output(*(("outputs", ["B", size.dim, "F"]) if transducer else ("logprobs", ["B", "F", symbols + 1])))
    graph.output("encoded_lengths", ["B"], INT64)
    after = ["cache_last_channel_next", "cache_last_time_next", "cache_last_channel_next_len"]
    for (name, shape, kind), next_name in zip(caches, after, strict=True):
        graph.input(name, shape, kind)
        graph.output(next_name, shape, kind)
    x = front(graph, size)
    first = graph.op("Unsqueeze", graph.op("Sub", graph.integers(size.left), "cache_last_channel_len"), graph.integers(1))
    missing = graph.op("Less", graph.constant(np.arange(size.left + frames, dtype=np.int64)[None]), first)
    mask = graph.op("Where", missing, graph.number(-10000.0), graph.number(0.0))
    mask = graph.op("Unsqueeze", mask, graph.integers(1, 2))
    channels, times = [], []
    for number in range(size.layers):
        x, channel, time = layer(graph, size, number, x, mask)
        channels.append(channel)
        times.append(time)
    if transducer:
        graph.op("Transpose", x, perm=[0, 2, 1], into="outputs")
    else:
        graph.op("LogSoftmax", graph.logits(x, size.dim, symbols + 1), axis=-1, into="logprobs")
    rounded = graph.op("Div", graph.op("Add", "length", graph.integers(SUBSAMPLING - 1)), graph.integers(SUBSAMPLING))
    graph.op("Sub", rounded, graph.integers(DROPPED), into="encoded_lengths")
    graph.op("Concat", *channels, axis=1, into="cache_last_channel_next")
    graph.op("Concat", *times, axis=1, into="cache_last_time_next")
    length = graph.op("Add", "cache_last_channel_len", graph.integers(frames))
    graph.op("Min", length, graph.integers(size.left), into="cache_last_channel_next_len")
    told = metadata(size, symbols)
    if transducer:
        layers, hidden = size.predictor
        told |= {"model_type": "EncDecRNNTBPEModel", "pred_rnn_layers": layers, "pred_hidden": hidden}
    else:
        told["model_type"] = "EncDecHybridRNNTCTCBPEModel"
    graph.save(path, told)
