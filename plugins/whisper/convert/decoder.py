"""The decoder: tokens after those in the caches to logits.

In: `input_ids` [batch, tokens]; `position_ids` [tokens]; `seqlens_k` [batch], the length after this call less 1;
`total_sequence_length` [1], that length; `logits_at` [rows], which of the call's tokens get logits; `past_key.N`, `past_value.N`
[batch, heads, positions, head width]; the encoder's `cross_key.N` and `cross_value.N`.
Out: `logits` [batch, rows, vocabulary]; `present_key.N`, `present_value.N`, the caches with the call's tokens: bound to the very
buffers of the past they are written in place; `alignment` [alignment heads, batch * tokens, states], the cross attentions'
probabilities of those heads, in their order.

All of a batch hear the same: their queries are rows of one product with the encoder's keys, which are read once. All of a batch
are equally far.
"""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from folder import Sizes
from graph import Graph
from layers import Layers, Matrices, Weights

NAME = "model.decoder"
EIGHTS = 8
"""The runtime's own attention wants heads of a multiple of this width."""
FORBIDDEN = -1e30
"""A score that no probability is left of."""


def _inputs(graph: Graph, sizes: Sizes) -> None:
    graph.input("input_ids", TensorProto.INT64, ("batch", "tokens"))
    graph.input("position_ids", TensorProto.INT64, ("tokens",))
    graph.input("seqlens_k", TensorProto.INT32, ("batch",))
    graph.input("total_sequence_length", TensorProto.INT32, (1,))
    graph.input("logits_at", TensorProto.INT64, ("rows",))
    heads, width = sizes.decoder_heads, sizes.head_width
    cache = ("batch", heads, sizes.positions, width)
    for layer in range(sizes.decoder_layers):
        for part, shape in (("key", (width, sizes.states)), ("value", (sizes.states, width))):
            graph.input(f"past_{part}.{layer}", TensorProto.FLOAT, cache)
            graph.input(f"cross_{part}.{layer}", TensorProto.FLOAT, (1, heads, *shape))
            graph.output(f"present_{part}.{layer}", cache)


class _Steps:
    """Self attention in single steps, over the same caches, for heads of any width."""

    def __init__(self, layers: Layers, sizes: Sizes) -> None:
        self.graph, self.sizes = layers.graph, sizes
        node, numbers = self.graph.node, self.graph.numbers
        size = node("Concat", node("Shape", "input_ids"), numbers(sizes.decoder_heads, sizes.head_width), axis=0)
        column = node("Reshape", "position_ids", numbers(-1, 1))
        self.places = node("Expand", column, node("Gather", size, numbers(0, 2, 1, 3)))
        total = node("Cast", node("Squeeze", "total_sequence_length"), to=TensorProto.INT64)
        zero, one = (self.graph.constant(f"int64.at.{number}", np.array(number)) for number in (0, 1))
        self.allowed = node("GreaterOrEqual", column, node("Range", zero, total, one))
        self.forbidden = self.graph.constant("forbidden", np.float32(FORBIDDEN))

    def __call__(self, x: str, layer: int) -> str:
        node, numbers = self.graph.node, self.graph.numbers
        heads, width = self.sizes.decoder_heads, self.sizes.head_width
        parts = {}
        for part, y in zip(("query", "key", "value"), self.graph.split(x, 3)):
            parts[part] = node("Transpose", node("Reshape", y, numbers(0, 0, heads, width)), perm=[0, 2, 1, 3])
        seen = {}
        for part in ("key", "value"):
            caches = (f"past_{part}.{layer}", self.places, parts[part])
            all_ = node("ScatterElements", *caches, axis=2, into=f"present_{part}.{layer}")
            # What is behind the last token was never written, and may be no number.
            ends = (numbers(0, kind=np.int32), "total_sequence_length", numbers(2, kind=np.int32))
            seen[part] = node("Slice", all_, *ends)
        query = node("Mul", parts["query"], self.graph.constant("scale", np.float32(width**-0.5)))
        scores = node("MatMul", query, node("Transpose", seen["key"], perm=[0, 1, 3, 2]))
        shares = node("Softmax", node("Where", self.allowed, scores, self.forbidden), axis=-1)
        mixed = node("Transpose", node("MatMul", shares, seen["value"]), perm=[0, 2, 1, 3])
        return node("Reshape", mixed, numbers(0, 0, -1))


class _Fused:
    """Self attention in the runtime's own operator."""

    def __init__(self, layers: Layers, sizes: Sizes) -> None:
        self.graph, self.heads = layers.graph, sizes.decoder_heads

    def __call__(self, x: str, layer: int) -> str:
        mixed, caches = f"{NAME}.layers.{layer}.self_attn", [f"{part}.{layer}" for part in ("key", "value")]
        past, present = ([f"{when}_{cache}" for cache in caches] for when in ("past", "present"))
        inputs = (x, "", "", *past, "seqlens_k", "total_sequence_length")
        heads = {"num_heads": self.heads, "kv_num_heads": self.heads}
        return self.graph.node("GroupQueryAttention", *inputs, into=(mixed, *present), **heads)


class _CrossAttention:
    """Attention to the sound, whose probabilities are kept."""

    def __init__(self, layers: Layers, sizes: Sizes) -> None:
        self.layers, self.sizes = layers, sizes
        self.size = layers.graph.node("Concat", layers.graph.node("Shape", "input_ids"), layers.graph.numbers(-1), axis=0)
        self.shares: list[str] = []

    def __call__(self, x: str, layer: int) -> str:
        node, numbers = self.layers.graph.node, self.layers.graph.numbers
        heads, width = self.sizes.decoder_heads, self.sizes.head_width
        # The scale is the matrix's: as the product's own factor it would cost the runtime's code for single rows.
        query = self.layers.linear(x, f"{NAME}.layers.{layer}.encoder_attn.q_proj", scale=width**-0.5)
        query = node("Transpose", node("Reshape", query, numbers(1, -1, heads, width)), perm=[0, 2, 1, 3])
        shares = node("Softmax", node("MatMul", query, f"cross_key.{layer}"), axis=-1)
        self.shares.append(shares)
        mixed = node("Transpose", node("MatMul", shares, f"cross_value.{layer}"), perm=[0, 2, 1, 3])
        return node("Reshape", mixed, self.size)

    def alignment(self, wanted: Sequence[tuple[int, int]]) -> None:
        """The output of the wanted heads: layer by layer, then in their order."""
        graph = self.layers.graph
        by_layer = sorted(wanted, key=lambda pair: pair[0])
        taken = []
        for layer in sorted({layer for layer, _ in wanted}):
            heads = [head for at, head in by_layer if at == layer]
            taken.append(graph.node("Gather", self.shares[layer], graph.numbers(*heads), axis=1))
        found = graph.node("Concat", *taken, axis=1)
        if by_layer != list(wanted):
            found = graph.node("Gather", found, graph.numbers(*(by_layer.index(pair) for pair in wanted)), axis=1)
        name = graph.output("alignment", (len(wanted), "batch_tokens", self.sizes.states))
        graph.node("Squeeze", found, graph.numbers(0), into=name)


def decoder(sizes: Sizes, weights: Weights, matrices: Matrices, alignment: Sequence[tuple[int, int]]) -> Graph:
    """The network. Only the wanted rows go through the last norm and the matrix of the logits, which is the tokens'."""
    graph = Graph()
    layers = Layers(graph, weights, matrices)
    _inputs(graph, sizes)
    places = graph.node("Gather", layers.constant(f"{NAME}.embed_positions.weight"), "position_ids")
    stream = layers.add(layers.rows("input_ids", f"{NAME}.embed_tokens.weight"), places)
    own = (_Steps if sizes.head_width % EIGHTS else _Fused)(layers, sizes)
    cross = _CrossAttention(layers, sizes)
    for layer in range(sizes.decoder_layers):
        name = f"{NAME}.layers.{layer}"
        normed = layers.norm(stream, f"{name}.self_attn_layer_norm")
        mixed = own(layers.queries_keys_values(normed, f"{name}.self_attn"), layer)
        stream = layers.add(stream, layers.linear(mixed, f"{name}.self_attn.out_proj"))
        mixed = cross(layers.norm(stream, f"{name}.encoder_attn_layer_norm"), layer)
        stream = layers.add(stream, layers.linear(mixed, f"{name}.encoder_attn.out_proj"))
        stream = layers.add(stream, layers.inner(layers.norm(stream, f"{name}.final_layer_norm"), name))
    normed = layers.norm(graph.node("Gather", stream, "logits_at", axis=1), f"{NAME}.layer_norm")
    layers.product(normed, f"{NAME}.embed_tokens.weight", into=graph.output("logits", ("batch", "rows", sizes.vocabulary)))
    cross.alignment(alignment)
    return graph
