"""Weights come out of an export as they were, however they are stored; what cannot be read is refused by its name."""

import json
from pathlib import Path
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

import stock  # first: it says where the converter is
import folder
import weights
from environment import ROOT
from folder import Refusal

REAL = ROOT / "target/whisper/nano"
"""What the exporter itself writes: `python -m whisper.make --size nano`, in training/."""


def checkpoint(file: Path) -> dict[str, np.ndarray]:
    """A file of safetensors, whose numbers have 32 bits."""
    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    fields = json.loads(data[8:start])
    fields.pop("__metadata__", None)
    part = lambda field: data[start + field["data_offsets"][0] : start + field["data_offsets"][1]]
    return {name: np.frombuffer(part(field), np.float32).reshape(field["shape"]) for name, field in fields.items()}


class Weights(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.path = Path(work.name)

    def assert_same(self, expected: dict[str, np.ndarray]):
        found = weights.read(folder.read(self.path))
        self.assertEqual(found.keys(), expected.keys())
        for name, values in expected.items():
            self.assertEqual(found[name].dtype, np.float32)
            np.testing.assert_array_equal(found[name], values, name)

    def refusal(self) -> str:
        with self.assertRaises(Refusal) as refused:
            weights.read(folder.read(self.path))
        self.assertNotIn("\n", str(refused.exception))
        return str(refused.exception)

    def change(self, file: str, change) -> None:
        model = onnx.load(self.path / file)
        change(model.graph)
        onnx.save(model, self.path / file)

    def test_of_a_merged_decoder(self):
        self.assert_same(stock.export(self.path, 24, 2))

    def test_of_a_separate_decoder(self):
        self.assert_same(stock.export(self.path, 24, 2, merged=False))

    def test_stored_with_16_bits_behind_casts(self):
        for merged in (True, False):
            with self.subTest(merged=merged):
                self.assert_same(stock.export(self.path, 24, 2, merged=merged, half=True))

    def test_outside_of_the_file_and_in_the_subfolder(self):
        found = stock.export(self.path, 64, 2)
        (self.path / "onnx").mkdir()
        for name in ("encoder_model.onnx", "decoder_model_merged.onnx"):
            (self.path / name).rename(self.path / "onnx" / name)
            outside = {"save_as_external_data": True, "location": f"{name}_data", "size_threshold": 0}
            onnx.save(onnx.load(self.path / "onnx" / name), self.path / "onnx" / name, **outside)
        self.assertTrue((self.path / "onnx/decoder_model_merged.onnx_data").exists())
        self.assert_same(found)
        (self.path / "onnx/decoder_model_merged.onnx_data").unlink()
        self.assertIn("decoder_model_merged.onnx cannot be read", self.refusal())

    def test_of_files_with_16_bits_only(self):
        found = stock.export(self.path, 24, 2)
        for name in ("encoder_model", "decoder_model_merged"):
            model = onnx.load(self.path / f"{name}.onnx")
            for constant in model.graph.initializer:
                if constant.data_type == TensorProto.FLOAT:
                    values = onnx.numpy_helper.to_array(constant).astype(np.float16)
                    constant.CopyFrom(onnx.numpy_helper.from_array(values, constant.name))
            onnx.save(model, self.path / f"{name}_fp16.onnx")
            (self.path / f"{name}.onnx").unlink()
        self.assertTrue(folder.read(self.path).half)
        self.assert_same(found)

    def test_what_is_missing_is_named(self):
        stock.export(self.path, 24, 2, merged=False)

        def rename(graph):
            for node in graph.node:
                if node.name == "/model/decoder/layers.1/encoder_attn/k_proj/MatMul":
                    node.name = "node_linear_7"

        self.change("decoder_model.onnx", rename)
        self.assertIn("model.decoder.layers.1.encoder_attn.k_proj.weight was not found", self.refusal())

    def test_what_has_another_shape_is_named(self):
        stock.export(self.path, 24, 2)
        (self.path / "config.json").write_text(json.dumps(stock.config(24, 2) | {"decoder_ffn_dim": 96}))
        self.assertRegex(self.refusal(), r"model\.decoder\.layers\.0\.fc1\.weight is \[48, 24\]; .* \[96, 24\]")

    def test_logits_of_a_matrix_of_their_own_are_refused(self):
        stock.export(self.path, 24, 2, merged=False)

        def part(graph):
            (turned,) = [node for node in graph.node if node.name == "/proj_out/Transpose"]
            other = np.zeros((stock.VOCABULARY, 24), np.float32)
            graph.initializer.append(onnx.numpy_helper.from_array(other, "other"))
            turned.input[0] = "other"

        self.change("decoder_model.onnx", part)
        self.assertIn("proj_out.weight is not embed_tokens.weight", self.refusal())

    def test_8_bits_are_refused(self):
        stock.export(self.path, 24, 2)
        node = helper.make_node("DynamicQuantizeLinear", ["input_features"], ["a", "b", "c"])
        self.change("encoder_model.onnx", lambda graph: graph.node.insert(0, node))
        self.assertIn("give the fp32 export", self.refusal())
        (self.path / "encoder_model.onnx").rename(self.path / "encoder_model_int8.onnx")
        self.assertIn("holds only encoder_model_int8.onnx: give the fp32 export", self.refusal())

    @unittest.skipUnless((REAL / "transformers").exists(), f"{REAL} is not there: python -m whisper.make makes it, in training/")
    def test_of_the_exporter_itself(self):
        self.path = REAL
        self.assert_same(checkpoint(REAL / "transformers/model.safetensors"))


class Settings(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.path = Path(work.name)
        stock.export(self.path, 24, 2)

    def test_without_alignment_heads_the_upper_half_of_the_layers_is_taken(self):
        self.assertEqual(folder.read(self.path).alignment, ((1, 0), (1, 1)))

    def test_settings_that_no_decoder_has_are_refused(self):
        (self.path / "generation_config.json").write_text('{"alignment_heads": [[0, 0], [2, 0]]}')
        with self.assertRaisesRegex(Refusal, r"`alignment_heads` has \[2, 0\]"):
            folder.read(self.path)
        for field, value in (("d_model", 25), ("vocab_size", "many"), ("eos_token_id", 50), ("activation_function", "relu")):
            (self.path / "config.json").write_text(json.dumps(stock.config(24, 2) | {field: value}))
            with self.subTest(field=field), self.assertRaisesRegex(Refusal, field):
                folder.read(self.path)


if __name__ == "__main__":
    unittest.main()
