"""The encoder: features of a window to the keys and values of the decoder's cross attention.

It computes the states at some places of the window. Each key or value of another state is the one of a window of padding alone, which
the caller computed once, plus the difference that the nearest computed state shows.

In: `input_features` [1, bins, frames], an even number of frames, at most 2 * states, of which the last ones stand for all later ones;
`places` [computed] and, for each place of the window, the index of the `nearest` of them [states]; `padding_key.N`, `padding_value.N`
[1, states, width] for each layer N of the encoder and `padding_cross_key.N`, `padding_cross_value.N` for each layer of the decoder:
what the network returned as `key.N` and so on for a window of padding whose states were all computed. If all are computed, they have
no effect, but must be finite.
Out: `cross_key.N` [1, heads, head width, states], already transposed for the product with queries, and `cross_value.N` [1, heads,
states, head width] for each layer N of the decoder; `key.N`, `value.N` [1, states, width] for each layer N of the encoder.
"""

from onnx import TensorProto

from folder import Sizes
from graph import Graph
from layers import Layers, Matrices, Weights

NAME = "model.encoder"


PLACES, NEAREST = "places", "nearest"


def _at_places(graph: Graph, x: str) -> str:
    """The rows of `x` at the places of the computed states; after its end, the last row."""
    one = graph.numbers(1)
    last = graph.node("Sub", graph.node("Gather", graph.node("Shape", x), one), one)
    return graph.node("Gather", x, graph.node("Min", PLACES, last), axis=1)


def _whole(graph: Graph, x: str, name: str, shape: tuple[int, ...], axis: int) -> str:
    """The output `name`, for all places: the input `padding_{name}`, plus its difference at the nearest computed state."""
    padding = graph.input(f"padding_{name}", TensorProto.FLOAT, shape)
    difference = graph.node("Sub", x, graph.node("Gather", padding, PLACES, axis=axis))
    difference = graph.node("Gather", difference, NEAREST, axis=axis)
    return graph.node("Add", padding, difference, into=graph.output(name, shape))


def _convolutions(layers: Layers) -> str:
    graph, x = layers.graph, "input_features"
    for part, stride in (("conv1", 1), ("conv2", 2)):
        inputs = (x, layers.constant(f"{NAME}.{part}.weight"), layers.constant(f"{NAME}.{part}.bias"))
        x = graph.node("Gelu", graph.node("Conv", *inputs, kernel_shape=[3], pads=[1, 1], strides=[stride]))
    return graph.node("Transpose", x, perm=[0, 2, 1])


def _attention(layers: Layers, x: str, layer: int, sizes: Sizes) -> str:
    name = f"{NAME}.layers.{layer}.self_attn"
    query, key, value = (layers.linear(x, f"{name}.{part}_proj") for part in "qkv")
    shape = (1, sizes.states, sizes.width)
    key = _whole(layers.graph, key, f"key.{layer}", shape, 1)
    value = _whole(layers.graph, value, f"value.{layer}", shape, 1)
    mixed = layers.graph.node("MultiHeadAttention", query, key, value, num_heads=sizes.encoder_heads)
    return layers.linear(mixed, f"{name}.out_proj")


def _cross(layers: Layers, x: str, layer: int, sizes: Sizes) -> None:
    graph, heads, width = layers.graph, sizes.decoder_heads, sizes.head_width
    split = graph.numbers(0, 0, heads, width)
    for part, order, shape, axis in (
        ("key", [0, 2, 3, 1], (width, sizes.states), 3),
        ("value", [0, 2, 1, 3], (sizes.states, width), 2),
    ):
        y = layers.linear(x, f"model.decoder.layers.{layer}.encoder_attn.{part[0]}_proj")
        y = graph.node("Transpose", graph.node("Reshape", y, split), perm=order)
        _whole(graph, y, f"cross_{part}.{layer}", (1, heads, *shape), axis)


def encoder(sizes: Sizes, weights: Weights, matrices: Matrices) -> Graph:
    """The network; its convolutions are of 32 bits in any precision."""
    graph = Graph()
    layers = Layers(graph, weights, matrices)
    graph.input("input_features", TensorProto.FLOAT, (1, sizes.bins, "frames"))
    graph.input(PLACES, TensorProto.INT64, ("computed",))
    graph.input(NEAREST, TensorProto.INT64, (sizes.states,))
    stream = _at_places(graph, _convolutions(layers))
    positions = graph.node("Gather", layers.constant(f"{NAME}.embed_positions.weight"), PLACES)
    stream = graph.node("Add", stream, positions)
    for layer in range(sizes.encoder_layers):
        name = f"{NAME}.layers.{layer}"
        normed = layers.norm(stream, f"{name}.self_attn_layer_norm")
        stream = layers.add(stream, _attention(layers, normed, layer, sizes))
        stream = layers.add(stream, layers.inner(layers.norm(stream, f"{name}.final_layer_norm"), name))
    states = layers.norm(stream, f"{NAME}.layer_norm")
    for layer in range(sizes.decoder_layers):
        _cross(layers, states, layer, sizes)
    return graph
