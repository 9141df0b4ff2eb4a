"""The encoder: features of a window to the keys and values of the decoder's cross attention.

It computes the states of the first frames only, if silence follows: these attend to the keys and values of the remaining places in
a window of silence, which the caller computed once, and the outputs are those of the whole window.

In: `input_features` [1, bins, frames], an even number of frames, at most 2 * states; `silence_key.N`, `silence_value.N` [1, states,
width] for each layer N of the encoder and `silence_cross_key.N`, `silence_cross_value.N` for each layer of the decoder: what the
network returned as `key.N` and so on for a whole window of silence. With features of a whole window they are not used.
Out: `cross_key.N` [1, heads, head width, states], already transposed for the product with queries, and `cross_value.N` [1, heads,
states, head width] for each layer N of the decoder; `key.N`, `value.N` [1, states, width] for each layer N of the encoder.
"""

from onnx import TensorProto

from folder import Sizes
from graph import Graph
from layers import Layers, Matrices, Weights

NAME = "model.encoder"


class _Window:
    """Joins computed states and those of silence to a whole window."""

    def __init__(self, graph: Graph, x: str, sizes: Sizes) -> None:
        self.graph, self.none, self.states = graph, graph.numbers(0), graph.numbers(sizes.states)
        self.computed = graph.node("Gather", graph.node("Shape", x), graph.numbers(1))

    def start(self, x: str) -> str:
        """The rows of `x` at the places of the computed states."""
        return self.graph.node("Slice", x, self.none, self.computed, self.none)

    def fill(self, x: str, name: str, shape: tuple[int, ...], axis: int) -> str:
        """The output `name`: `x`, followed by the rest of the input `silence_{name}`. The states are on `axis`."""
        silence = self.graph.input(f"silence_{name}", TensorProto.FLOAT, shape)
        rest = self.graph.node("Slice", silence, self.computed, self.states, self.graph.numbers(axis))
        return self.graph.node("Concat", x, rest, axis=axis, into=self.graph.output(name, shape))


def _convolutions(layers: Layers) -> str:
    graph, x = layers.graph, "input_features"
    for part, stride in (("conv1", 1), ("conv2", 2)):
        inputs = (x, layers.constant(f"{NAME}.{part}.weight"), layers.constant(f"{NAME}.{part}.bias"))
        x = graph.node("Gelu", graph.node("Conv", *inputs, kernel_shape=[3], pads=[1, 1], strides=[stride]))
    return graph.node("Transpose", x, perm=[0, 2, 1])


def _attention(layers: Layers, x: str, layer: int, sizes: Sizes, window: _Window) -> str:
    name = f"{NAME}.layers.{layer}.self_attn"
    query, key, value = (layers.linear(x, f"{name}.{part}_proj") for part in "qkv")
    shape = (1, sizes.states, sizes.width)
    key, value = window.fill(key, f"key.{layer}", shape, 1), window.fill(value, f"value.{layer}", shape, 1)
    mixed = layers.graph.node("MultiHeadAttention", query, key, value, num_heads=sizes.encoder_heads)
    return layers.linear(mixed, f"{name}.out_proj")


def _cross(layers: Layers, x: str, layer: int, sizes: Sizes, window: _Window) -> None:
    graph, heads, width = layers.graph, sizes.decoder_heads, sizes.head_width
    split = graph.numbers(0, 0, heads, width)
    for part, order, shape, axis in (
        ("key", [0, 2, 3, 1], (width, sizes.states), 3),
        ("value", [0, 2, 1, 3], (sizes.states, width), 2),
    ):
        y = layers.linear(x, f"model.decoder.layers.{layer}.encoder_attn.{part[0]}_proj")
        y = graph.node("Transpose", graph.node("Reshape", y, split), perm=order)
        window.fill(y, f"cross_{part}.{layer}", (1, heads, *shape), axis)


def encoder(sizes: Sizes, weights: Weights, matrices: Matrices) -> Graph:
    """The network; its convolutions are of 32 bits in any precision."""
    graph = Graph()
    layers = Layers(graph, weights, matrices)
    graph.input("input_features", TensorProto.FLOAT, (1, sizes.bins, "frames"))
    stream = _convolutions(layers)
    window = _Window(graph, stream, sizes)
    stream = graph.node("Add", stream, window.start(layers.constant(f"{NAME}.embed_positions.weight")))
    for layer in range(sizes.encoder_layers):
        name = f"{NAME}.layers.{layer}"
        normed = layers.norm(stream, f"{name}.self_attn_layer_norm")
        stream = layers.add(stream, _attention(layers, normed, layer, sizes, window))
        stream = layers.add(stream, layers.inner(layers.norm(stream, f"{name}.final_layer_norm"), name))
    states = layers.norm(stream, f"{NAME}.layer_norm")
    for layer in range(sizes.decoder_layers):
        _cross(layers, states, layer, sizes, window)
    return graph
