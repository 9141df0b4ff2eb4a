"""The encoder: features of a window to the keys and values of the decoder's cross attentions.

`input_features` [1, bins, 2 * states] to `cross_key.N` [1, heads, head width, states], transposed as the product with a query
wants them, and `cross_value.N` [1, heads, states, head width], for each layer N of the decoder: computed once for a window.
"""

from onnx import TensorProto

from folder import Sizes
from graph import Graph
from layers import Layers, Matrices, Weights

NAME = "model.encoder"


def _convolutions(layers: Layers) -> str:
    graph, x = layers.graph, "input_features"
    for part, stride in (("conv1", 1), ("conv2", 2)):
        inputs = (x, layers.constant(f"{NAME}.{part}.weight"), layers.constant(f"{NAME}.{part}.bias"))
        x = graph.node("Gelu", graph.node("Conv", *inputs, kernel_shape=[3], pads=[1, 1], strides=[stride]))
    return graph.node("Add", graph.node("Transpose", x, perm=[0, 2, 1]), layers.constant(f"{NAME}.embed_positions.weight"))


def _attention(layers: Layers, x: str, name: str, heads: int) -> str:
    graph = layers.graph
    parts = [layers.linear(x, f"{name}.{part}_proj") for part in "qkv"]
    mixed = graph.node("MultiHeadAttention", *parts, num_heads=heads)
    return layers.linear(mixed, f"{name}.out_proj")


def _cross(layers: Layers, x: str, layer: int, sizes: Sizes) -> None:
    graph, heads, width = layers.graph, sizes.decoder_heads, sizes.head_width
    split = graph.numbers(0, 0, heads, width)
    for part, order, shape in (("key", [0, 2, 3, 1], (width, sizes.states)), ("value", [0, 2, 1, 3], (sizes.states, width))):
        y = layers.linear(x, f"model.decoder.layers.{layer}.encoder_attn.{part[0]}_proj")
        name = graph.output(f"cross_{part}.{layer}", (1, heads, *shape))
        graph.node("Transpose", graph.node("Reshape", y, split), perm=order, into=name)


def encoder(sizes: Sizes, weights: Weights, matrices: Matrices) -> Graph:
    """The network; its convolutions are of 32 bits in any precision."""
    graph = Graph()
    layers = Layers(graph, weights, matrices)
    graph.input("input_features", TensorProto.FLOAT, (1, sizes.bins, 2 * sizes.states))
    stream = _convolutions(layers)
    for layer in range(sizes.encoder_layers):
        name = f"{NAME}.layers.{layer}"
        normed = layers.norm(stream, f"{name}.self_attn_layer_norm")
        stream = layers.add(stream, _attention(layers, normed, f"{name}.self_attn", sizes.encoder_heads))
        stream = layers.add(stream, layers.inner(layers.norm(stream, f"{name}.final_layer_norm"), name))
    states = layers.norm(stream, f"{NAME}.layer_norm")
    for layer in range(sizes.decoder_layers):
        _cross(layers, states, layer, sizes)
    return graph
