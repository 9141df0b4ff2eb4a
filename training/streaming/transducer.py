"""What a transducer has besides its encoder: a predictor (the file `decoder`) and a joiner, in both families' layouts.

The joiner's constants `weights` and `bias` are made to suit by `calibrate`.
"""

from pathlib import Path

import numpy as np

from streaming.graph import INT32, INT64, Graph

# Tokens that the stateless predictor sees.
CONTEXT = 2


def icefall(decoder: Path, joiner: Path, symbols: int, width: int, seed: int) -> None:
    """The stateless predictor, whose token -1 is none, and its joiner."""
    graph = Graph(seed)
    y = graph.input("y", ["N", CONTEXT], INT64)
    graph.output("decoder_out", ["N", width])
    table = graph.weights(symbols, width, fan=1)
    embedded = graph.op("Gather", table, graph.op("Max", y, graph.integers(0)), axis=0)
    there = graph.op("Cast", graph.op("GreaterOrEqual", y, graph.integers(0)), to=1)
    embedded = graph.op("Mul", embedded, graph.op("Unsqueeze", there, graph.integers(2)))
    embedded = graph.op("Transpose", embedded, perm=[0, 2, 1])
    weights = graph.weights(width, 4, CONTEXT, fan=2 * CONTEXT)
    x = graph.op("Conv", embedded, weights, kernel_shape=[CONTEXT], group=width // 4)
    x = graph.op("Relu", graph.op("Squeeze", x, graph.integers(2)))
    x = graph.op("MatMul", x, graph.weights(width, width, fan=width))
    graph.op("Add", x, graph.weights(width, fan=100), into="decoder_out")
    graph.save(decoder, {"context_size": CONTEXT, "vocab_size": symbols})

    graph = Graph(seed + 1)
    x = graph.op("Add", graph.input("encoder_out", ["N", width]), graph.input("decoder_out", ["N", width]))
    graph.output("logit", ["N", symbols])
    graph.op("Identity", graph.logits(graph.op("Tanh", x), width, symbols), into="logit")
    graph.save(joiner, {"joiner_dim": width})


def nemo(decoder: Path, joiner: Path, symbols: int, size: tuple[int, int, int, int], seed: int) -> None:
    """The predictor of LSTM layers, and its joiner; the last of the symbols is the blank, whose embedding is zero.

    `size` is the encoder's width, the predictor's layers and width, and the joiner's width.
    """
    dim, layers, hidden, width = size
    graph = Graph(seed)
    targets = graph.input("targets", ["B", 1], INT32)
    length = graph.input("target_length", ["B"], INT32)
    names = ["states.1", "onnx::LSTM_3"]
    graph.output("outputs", ["B", hidden, 1])
    graph.output("prednet_lengths", ["B"], INT32)
    for name, after in zip(names, ["states", "162"], strict=True):
        graph.input(name, [layers, "B", hidden])
        graph.output(after, [layers, "B", hidden])
    table = graph.random.standard_normal((symbols, hidden)).astype(np.float32)
    table[-1] = 0
    x = graph.op("Gather", graph.constant(table), targets, axis=0)
    x = graph.op("Transpose", x, perm=[1, 0, 2])
    after: tuple[list[str], list[str]] = ([], [])
    for number in range(layers):
        states = [graph.slice(name, number, number + 1, 0) for name in names]
        weights = [graph.weights(1, 4 * hidden, hidden, fan=hidden / 4) for _ in range(2)]
        bias = graph.weights(1, 8 * hidden, fan=100)
        x, *new = graph.ops("LSTM", 3, x, *weights, bias, "", *states, hidden_size=hidden)
        x = graph.op("Squeeze", x, graph.integers(1))
        after[0].append(new[0])
        after[1].append(new[1])
    graph.op("Transpose", x, perm=[1, 2, 0], into="outputs")
    graph.op("Identity", length, into="prednet_lengths")
    graph.op("Concat", *after[0], axis=0, into="states")
    graph.op("Concat", *after[1], axis=0, into="162")
    graph.save(decoder, {})

    graph = Graph(seed + 1)
    heard = graph.op("Transpose", graph.input("encoder_outputs", ["B", dim, "T"]), perm=[0, 2, 1])
    said = graph.op("Transpose", graph.input("decoder_outputs", ["B", hidden, "U"]), perm=[0, 2, 1])
    graph.output("joint", ["B", "T", "U", symbols])
    heard = graph.op("Unsqueeze", graph.linear(heard, dim, width), graph.integers(2))
    said = graph.op("Unsqueeze", graph.linear(said, hidden, width, gain=4.0), graph.integers(1))
    x = graph.op("Relu", graph.op("Add", heard, said))
    graph.op("Identity", graph.logits(x, width, symbols), into="joint")
    graph.save(joiner, {})
