"""Small exports as Optimum writes them, with weights from a seed: its files, its nodes' names, matrices named by number.

Computed in ONNX's own operators, one after the other: what the converter makes must give the same. The part of a decoder that
goes on from a past is left out, and so are the caches among the outputs: the converter reads neither.
"""

import json
from pathlib import Path
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import folder
import weights

STATES, POSITIONS, BINS, VOCABULARY = 30, 20, 8, 50
START, END = 40, 39


def config(width: int, heads: int, layers: int = 2) -> dict:
    """The fields of config.json that are read."""
    fields = {"d_model": width, "num_mel_bins": BINS, "max_source_positions": STATES, "max_target_positions": POSITIONS}
    for part in ("encoder", "decoder"):
        fields |= {f"{part}_layers": layers, f"{part}_attention_heads": heads, f"{part}_ffn_dim": 2 * width}
    return fields | {"vocab_size": VOCABULARY, "decoder_start_token_id": START, "eos_token_id": END}


def tensors(fields: dict, seed: int = 1) -> dict[str, np.ndarray]:
    """Weights that 16 bits hold exactly."""
    chance = np.random.default_rng(seed)
    sizes = folder.Sizes(**{name: fields[field] for name, field in folder.FIELDS.items()})
    found = {}
    for name, shape in weights.shapes(sizes).items():
        values = chance.normal(0, 1, shape) * (0.3 if len(shape) == 1 else 1.5 / np.sqrt(np.prod(shape[1:])))
        found[name] = (values + name.endswith("norm.weight")).astype(np.float16).astype(np.float32)
    return found


class Network:
    """A network under construction."""

    def __init__(self, found: dict[str, np.ndarray], fields: dict, half: bool) -> None:
        self.found, self.fields, self.half = found, fields, half
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.known: set[str] = set()

    def node(self, kind: str, name: str, *inputs: str, into: str = "", **attributes) -> str:
        into = into or f"{name}_output_0"
        self.nodes.append(helper.make_node(kind, inputs, [into], name=name, **attributes))
        return into

    def constant(self, name: str, values: np.ndarray) -> str:
        """In a file of 16 bits, large ones stand behind a Cast."""
        if name in self.known:
            return name
        self.known.add(name)
        if not self.half or values.dtype != np.float32 or values.ndim < 2:
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
            return name
        self.constants.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        return self.node("Cast", f"/{name}/Cast", f"{name}_half", into=name, to=TensorProto.FLOAT)

    def list(self, *numbers: int) -> str:
        return self.constant(f"list_{'_'.join(map(str, numbers))}", np.array(numbers))

    def linear(self, x: str, path: str, name: str) -> str:
        matrix = self.constant(f"onnx::MatMul_{len(self.constants)}", self.found[f"{name}.weight"].T)
        y = self.node("MatMul", f"{path}/MatMul", x, matrix)
        if f"{name}.bias" not in self.found:
            return y
        return self.node("Add", f"{path}/Add", self.constant(f"{name}.bias", self.found[f"{name}.bias"]), y)

    def norm(self, x: str, path: str, name: str, into: str = "") -> str:
        both = [self.constant(f"{name}.{part}", self.found[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.node("LayerNormalization", f"{path}/LayerNormalization", x, *both, axis=-1, epsilon=1e-5, into=into)

    def attention(self, x: str, states: str, path: str, name: str, causal: bool, shares: str = "") -> str:
        width, heads = self.fields["d_model"], self.fields["decoder_attention_heads"]
        split, order = self.list(0, 0, heads, width // heads), {"query": [0, 2, 1, 3], "key": [0, 2, 3, 1], "value": [0, 2, 1, 3]}
        parts = {}
        for part, of in (("query", x), ("key", states), ("value", states)):
            y = self.linear(of, f"{path}/{part[0]}_proj", f"{name}.{part[0]}_proj")
            y = self.node("Reshape", f"{path}/{part}/Reshape", y, split)
            parts[part] = self.node("Transpose", f"{path}/{part}/Transpose", y, perm=order[part])
        scale = self.constant(f"{name}.scale", np.float32((width // heads) ** -0.5))
        scores = self.node("MatMul", f"{path}/MatMul", self.node("Mul", f"{path}/Mul", parts["query"], scale), parts["key"])
        if causal:
            mask = self.constant("mask", np.triu(np.full((POSITIONS, POSITIONS), -1e4, np.float32), 1))
            count = self.node("Shape", f"{path}/Shape", x, start=1, end=2)
            ends = (self.list(0, 0), self.node("Concat", f"{path}/Concat", count, count, axis=0))
            scores = self.node("Add", f"{path}/Add", scores, self.node("Slice", f"{path}/Slice", mask, *ends))
        found = self.node("Softmax", f"{path}/Softmax", scores, axis=-1, into=shares)
        mixed = self.node("MatMul", f"{path}/MatMul_1", found, parts["value"])
        mixed = self.node("Transpose", f"{path}/Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", f"{path}/Reshape", mixed, self.list(0, 0, width))
        return self.linear(mixed, f"{path}/out_proj", f"{name}.out_proj")

    def layer(self, x: str, path: str, name: str, states: str = "", shares: str = "") -> str:
        y = self.norm(x, f"{path}/self_attn_layer_norm", f"{name}.self_attn_layer_norm")
        x = self.node("Add", f"{path}/Add", x, self.attention(y, y, f"{path}/self_attn", f"{name}.self_attn", bool(states)))
        if states:
            y = self.norm(x, f"{path}/encoder_attn_layer_norm", f"{name}.encoder_attn_layer_norm")
            y = self.attention(y, states, f"{path}/encoder_attn", f"{name}.encoder_attn", False, shares)
            x = self.node("Add", f"{path}/Add_1", x, y)
        y = self.linear(self.norm(x, f"{path}/final_layer_norm", f"{name}.final_layer_norm"), f"{path}/fc1", f"{name}.fc1")
        y = self.linear(self.node("Gelu", f"{path}/activation_fn/Gelu", y), f"{path}/fc2", f"{name}.fc2")
        return self.node("Add", f"{path}/Add_2", x, y)


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def encoder(found: dict[str, np.ndarray], fields: dict, half: bool = False) -> onnx.ModelProto:
    """encoder_model.onnx."""
    network, x, name = Network(found, fields, half), "input_features", "model.encoder"
    for number, stride in ((1, 1), (2, 2)):
        both = [network.constant(f"conv{number}.{part}", found[f"{name}.conv{number}.{part}"]) for part in ("weight", "bias")]
        shape = {"kernel_shape": [3], "pads": [1, 1], "strides": [stride]}
        x = network.node("Gelu", f"/Gelu_{number}", network.node("Conv", f"/conv{number}/Conv", x, *both, **shape))
    x = network.node("Transpose", "/Transpose", x, perm=[0, 2, 1])
    x = network.node("Add", "/Add_2", x, network.constant("onnx::Add_232", found[f"{name}.embed_positions.weight"]))
    for layer in range(fields["encoder_layers"]):
        x = network.layer(x, f"/layers.{layer}", f"{name}.layers.{layer}")
    network.norm(x, "/layer_norm", f"{name}.layer_norm", into="last_hidden_state")
    inputs = [_value("input_features", TensorProto.FLOAT, "batch_size", BINS, 2 * STATES)]
    outputs = [_value("last_hidden_state", TensorProto.FLOAT, "batch_size", STATES, fields["d_model"])]
    return _model(helper.make_graph(network.nodes, "main_graph", inputs, outputs, network.constants))


def decoder(found: dict[str, np.ndarray], fields: dict, merged: bool, half: bool = False) -> onnx.ModelProto:
    """decoder_model.onnx or decoder_model_merged.onnx, with the cross attentions as outputs."""
    network, name, width = Network(found, fields, half), "model.decoder", fields["d_model"]
    tokens = network.constant("model.decoder.embed_tokens.weight", found[f"{name}.embed_tokens.weight"])
    x = network.node("Gather", "/model/decoder/embed_tokens/Gather", tokens, "input_ids")
    count = network.node("Shape", "/model/decoder/Shape", "input_ids", start=1)
    places = network.constant("model.decoder.embed_positions.weight", found[f"{name}.embed_positions.weight"])
    places = network.node("Slice", "/model/decoder/embed_positions/Slice", places, network.list(0), count)
    x = network.node("Add", "/model/decoder/Add", x, places)
    outputs = [_value("logits", TensorProto.FLOAT, "batch_size", "tokens", VOCABULARY)]
    for layer in range(fields["decoder_layers"]):
        shares = f"cross_attentions.{layer}"
        x = network.layer(x, f"/model/decoder/layers.{layer}", f"{name}.layers.{layer}", "encoder_hidden_states", shares)
        outputs.append(_value(shares, TensorProto.FLOAT, "batch_size", "heads", "tokens", STATES))
    x = network.norm(x, "/model/decoder/layer_norm", f"{name}.layer_norm")
    turned = network.node("Transpose", "/proj_out/Transpose", tokens, perm=[1, 0])
    network.node("MatMul", "/proj_out/MatMul", x, turned, into="logits")
    inputs = [_value("input_ids", TensorProto.INT64, "batch_size", "tokens")]
    inputs.append(_value("encoder_hidden_states", TensorProto.FLOAT, "batch_size", STATES, width))
    if not merged:
        return _model(helper.make_graph(network.nodes, "main_graph", inputs, outputs, network.constants))
    heads = fields["decoder_attention_heads"]
    for constant in network.constants:
        if constant.name.startswith("onnx::"):
            old, constant.name = constant.name, f"{constant.name}_merged_0"
            for node in network.nodes:
                node.input[:] = [constant.name if name == old else name for name in node.input]
    branches = {f"{which}_branch": helper.make_graph(network.nodes, which, [], outputs) for which in ("then", "else")}
    names = [value.name for value in outputs]
    choice = helper.make_node("If", ["use_cache_branch"], names, name="optimum::if", **branches)
    inputs.append(_value("past_key_values.0.decoder.key", TensorProto.FLOAT, "batch_size", heads, "past", width // heads))
    inputs.append(_value("use_cache_branch", TensorProto.BOOL, 1))
    return _model(helper.make_graph([choice], "merged", inputs, outputs, network.constants))


def export(
    path: Path, width: int, heads: int, merged: bool = True, half: bool = False, alignment: list[list[int]] | None = None
) -> dict[str, np.ndarray]:
    """A folder; its weights."""
    path.mkdir(parents=True, exist_ok=True)
    fields = config(width, heads)
    found = tensors(fields)
    (path / "config.json").write_text(json.dumps(fields))
    (path / "generation_config.json").write_text(json.dumps({"alignment_heads": alignment}))
    (path / "tokenizer.json").write_text("{}")
    onnx.save(encoder(found, fields, half), path / "encoder_model.onnx")
    onnx.save(decoder(found, fields, merged, half), path / f"decoder_model{'_merged' if merged else ''}.onnx")
    return found
