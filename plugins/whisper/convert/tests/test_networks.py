"""The fast networks: what they take and give, and that it is what the export gives."""

import json
from pathlib import Path
import tempfile
import unittest

import numpy as np

import stock  # first: it says where the converter is
import convert
import folder
from environment import ROOT
from networks import Fast, Stock

ALIGNMENT = [[1, 1], [0, 0], [1, 0]]
"""In an order that is not the layers'."""
SIZES = ((24, 2), (64, 2), (128, 2), (96, 3))
"""Heads of 12, 32, 64 and 32: the first is not for the runtime's own attention, nor is its width for blocks."""
COMMITTED = ROOT / "plugins/whisper/testdata"


class Networks(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.source, self.target = Path(work.name) / "stock", Path(work.name) / "fast"

    def made(self, width: int, heads: int, precision: str) -> tuple[folder.Folder, Fast]:
        stock.export(self.source, width, heads, alignment=ALIGNMENT)
        convert.convert(self.source, self.target, precision, None, lambda line: None)
        found = folder.read(self.source)
        return found, Fast(self.target, found.sizes)

    def texts(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """A sound, and different texts."""
        chance = np.random.default_rng(3)
        sound = chance.normal(0, 1, (1, stock.BINS, 2 * stock.STATES)).astype(np.float32)
        return sound, chance.integers(0, stock.VOCABULARY, (batch, stock.POSITIONS))

    def test_at_once_and_one_by_one_a_batch_gives_what_the_export_gives_each(self):
        for width, heads in SIZES:
            found, fast = self.made(width, heads, "fp32")
            sound, texts = self.texts(3)
            expected = [Stock(found).logits(sound, text) for text in texts]
            logits, attentions = np.stack([pair[0] for pair in expected]), [pair[1] for pair in expected]
            fast.hear(sound)
            for prompt in (stock.POSITIONS, 5, 1):
                with self.subTest(width=width, heads=heads, prompt=prompt):
                    fast.begin(batch=3)
                    calls = [fast.call(texts[:, :prompt])]
                    calls += [fast.call(texts[:, [at]]) for at in range(prompt, stock.POSITIONS)]
                    np.testing.assert_allclose(np.concatenate([call[0] for call in calls], axis=1), logits, atol=2e-5)
                    # Rows of the alignment: the first text's tokens, then the second's.
                    split = [call[1].reshape(len(ALIGNMENT), 3, -1, stock.STATES) for call in calls]
                    np.testing.assert_allclose(np.concatenate(split, axis=2), np.stack(attentions, axis=1), atol=2e-6)

    def test_padding_follows_the_start_of_a_window(self):
        _, fast = self.made(64, 2, "fp32")
        sound, texts = self.texts(1)
        every = list(range(stock.STATES))
        for frames in (6, 30):
            padded = np.concatenate([sound[:, :, :frames], np.zeros_like(sound[:, :, frames:])], axis=2)
            fast.hear(padded)
            fast.begin()
            expected, _ = fast.call(texts)
            # All states are computed, of the start's features and two frames of padding for each side of the convolutions.
            fast.hear(np.ascontiguousarray(padded[:, :, : frames + 6]), every, every)
            fast.begin()
            np.testing.assert_allclose(fast.call(texts)[0], expected, atol=1e-5)
            # Some are approximated.
            dense = frames // 2 + 4
            rest = range(dense, stock.STATES, 3)
            places = [*range(dense), *(min(at + 1, stock.STATES - 1) for at in rest)]
            nearest = [*range(dense), *(dense + (at - dense) // 3 for at in range(dense, stock.STATES))]
            fast.hear(np.ascontiguousarray(padded[:, :, : frames + 6]), places, nearest)
            fast.begin()
            difference = np.abs(fast.call(texts)[0] - expected).max()
            self.assertGreater(difference, 1e-6)
            self.assertLess(difference, 0.05 * np.abs(expected).max())

    def test_logits_are_of_the_wanted_tokens_only(self):
        _, fast = self.made(64, 2, "fp32")
        sound, texts = self.texts(2)
        fast.hear(sound)
        fast.begin(batch=2)
        every, _ = fast.call(texts)
        fast.begin(batch=2)
        some, _ = fast.call(texts, logits_at=[7, 0])
        self.assertEqual(some.shape, (2, 2, stock.VOCABULARY))
        np.testing.assert_allclose(some, every[:, [7, 0]], atol=1e-5)

    def test_rounded_networks_stay_near_and_are_not_the_same(self):
        for width, heads in SIZES:
            for precision in ("int8", "mixed"):
                with self.subTest(width=width, heads=heads, precision=precision):
                    found, fast = self.made(width, heads, precision)
                    sound, texts = self.texts(1)
                    expected, _ = Stock(found).logits(sound, texts[0])
                    fast.hear(sound)
                    fast.begin()
                    logits, _ = fast.call(texts)
                    difference = np.abs(logits[0] - expected).max()
                    self.assertLess(difference, 0.1 * np.abs(expected).max())
                    self.assertGreater(difference, 1e-3)

    def test_the_interface_is_the_layouts(self):
        for width, heads in ((24, 2), (128, 2)):
            for precision in convert.PRECISIONS:
                with self.subTest(width=width, precision=precision):
                    _, fast = self.made(width, heads, precision)
                    head, cross, own, caches = width // heads, {}, {}, {}
                    for layer in (0, 1):
                        for part in ("key", "value"):
                            own[f"{part}.{layer}"] = ("tensor(float)", [1, stock.STATES, width])
                        cross[f"cross_key.{layer}"] = ("tensor(float)", [1, heads, head, stock.STATES])
                        cross[f"cross_value.{layer}"] = ("tensor(float)", [1, heads, stock.STATES, head])
                        for part in ("key", "value"):
                            caches[f"{part}.{layer}"] = ("tensor(float)", ["batch", heads, stock.POSITIONS, head])
                    kinds = lambda values: {value.name: (value.type, value.shape) for value in values}
                    features = {
                        "input_features": ("tensor(float)", [1, stock.BINS, "frames"]),
                        "places": ("tensor(int64)", ["computed"]),
                        "nearest": ("tensor(int64)", [stock.STATES]),
                    }
                    padding = {f"padding_{name}": kind for name, kind in (own | cross).items()}
                    self.assertEqual(kinds(fast.encoder.get_inputs()), features | padding)
                    self.assertEqual(kinds(fast.encoder.get_outputs()), own | cross)
                    taken = {
                        "input_ids": ("tensor(int64)", ["batch", "tokens"]),
                        "position_ids": ("tensor(int64)", ["tokens"]),
                        "seqlens_k": ("tensor(int32)", ["batch"]),
                        "total_sequence_length": ("tensor(int32)", [1]),
                        "logits_at": ("tensor(int64)", ["rows"]),
                    }
                    taken |= cross | {f"past_{name}": kind for name, kind in caches.items()}
                    self.assertEqual(kinds(fast.decoder.get_inputs()), taken)
                    given = {
                        "logits": ("tensor(float)", ["batch", "rows", stock.VOCABULARY]),
                        "alignment": ("tensor(float)", [len(ALIGNMENT), "batch_tokens", stock.STATES]),
                    }
                    given |= {f"present_{name}": kind for name, kind in caches.items()}
                    self.assertEqual(kinds(fast.decoder.get_outputs()), given)
                    notes = {"auricle.layout": "whisper-fast-3", "auricle.precision": precision}
                    self.assertEqual(fast.encoder.get_modelmeta().custom_metadata_map, notes)
                    heads_note = {"auricle.alignment_heads": json.dumps(ALIGNMENT)}
                    self.assertEqual(fast.decoder.get_modelmeta().custom_metadata_map, notes | heads_note)

    def test_the_committed_one_is_the_committed_export(self):
        found = folder.read(COMMITTED / "nano")
        fast = Fast(COMMITTED / "nano.fast", found.sizes)
        chance = np.random.default_rng(4)
        sound = chance.normal(0, 0.5, (1, found.sizes.bins, 2 * found.sizes.states)).astype(np.float32)
        tokens = chance.integers(0, found.sizes.vocabulary, 30)
        expected, attentions = Stock(found).logits(sound, tokens)
        fast.hear(sound)
        fast.begin()
        logits, alignment = fast.call(tokens[None])
        np.testing.assert_allclose(logits[0], expected, atol=1e-3)
        np.testing.assert_allclose(alignment, attentions, atol=1e-4)


if __name__ == "__main__":
    unittest.main()
