"""A conversion is there whole, with its figures, or not at all."""

import json
from pathlib import Path
import tempfile
import unittest
from unittest import mock
import wave

import numpy as np

import stock  # first: it says where the converter is
import check
import convert
import folder
import graph
from check import Distance
from environment import ROOT
from folder import Refusal
from logmel import features, samples
from networks import Fast

NEAR = Distance("a", 8, at_once=5e-4, one_by_one=5e-4, largest=9.0, same=1.0, alignment=None)


class Convert(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.source, self.target = self.work / "small", self.work / "made"
        stock.export(self.source, 64, 2)

    def convert(self, precision: str = "int8", audio: Path | None = None) -> list[str]:
        said = []
        convert.convert(self.source, self.target, precision, audio, said.append)
        return said

    def test_the_folder_has_networks_settings_and_a_card_with_what_was_measured(self):
        said = self.convert(audio=ROOT / "fixtures/digits.wav")
        names = {file.name for file in self.target.iterdir()}
        settings = {"config.json", "generation_config.json", "tokenizer.json"}
        self.assertEqual(names, settings | {"encoder_fast.onnx", "decoder_fast.onnx", "README.md"})
        for name in settings:
            self.assertEqual((self.target / name).read_bytes(), (self.source / name).read_bytes())
        card = (self.target / "README.md").read_text()
        for sound in ("made-up sound and tokens", "digits.wav"):
            (figures,) = [line for line in said if line.startswith(f"{sound}: logits within ")]
            at_once = figures.split("within ")[1].split(" at once")[0]
            self.assertRegex(card, rf"\| {sound} \| \d+ \| {at_once} \|")

    def test_a_conversion_is_replaced_and_nothing_else_is(self):
        self.convert("int8")
        (self.target / "old").touch()
        self.convert("fp32")
        self.assertFalse((self.target / "old").exists())
        self.target = self.source
        with self.assertRaisesRegex(Refusal, "name another folder"):
            self.convert()
        self.assertTrue((self.source / "encoder_model.onnx").exists())

    def test_what_is_too_far_is_not_written(self):
        with mock.patch.object(check, "CLOSE", 0), self.assertRaisesRegex(Refusal, "nothing was written"):
            self.convert("fp32")
        self.assertEqual([file.name for file in self.work.iterdir()], ["small"])

    def test_large_networks_have_their_constants_outside(self):
        with mock.patch.object(graph, "LARGEST", 1000):
            self.convert("fp32")
        self.assertTrue((self.target / "decoder_fast.onnx_data").exists())
        fast = Fast(self.target, folder.read(self.source).sizes)
        self.assertEqual(fast.decoder.get_modelmeta().custom_metadata_map["auricle.layout"], "whisper-fast-3")

    def test_what_is_too_far(self):
        check.judge([NEAR], exact=True)
        for field, value in (("at_once", 2e-3), ("one_by_one", float("nan"))):
            with self.subTest(field=field), self.assertRaisesRegex(Refusal, "the logits moved by"):
                check.judge([NEAR, Distance(**vars(NEAR) | {field: value})], exact=True)
        rounded = Distance(**vars(NEAR) | {"at_once": 1.0, "same": 0.5})
        check.judge([rounded], exact=False)
        with self.assertRaisesRegex(Refusal, "only 49%"):
            check.judge([Distance(**vars(rounded) | {"same": 0.49})], exact=False)


class Features(unittest.TestCase):
    def test_are_the_references(self):
        golden = json.loads((ROOT / "plugins/whisper/testdata/nano.json").read_text())
        sizes = folder.read(ROOT / "plugins/whisper/testdata/nano").sizes
        for recording in golden["recordings"]:
            found = features(samples(ROOT / "fixtures" / recording["file"]), sizes)
            self.assertEqual(found.shape, (1, sizes.bins, 2 * sizes.states))
            for band, frame, value in recording["features"]["spots"]:
                self.assertAlmostEqual(float(found[0, band, frame]), value, delta=1e-4)

    def test_other_recordings_are_refused(self):
        with tempfile.TemporaryDirectory() as work:
            file = Path(work) / "stereo.wav"
            with self.assertRaisesRegex(Refusal, "cannot be read"):
                samples(file)
            with wave.open(str(file), "wb") as audio:
                audio.setparams((2, 2, 16000, 0, "NONE", ""))
                audio.writeframes(np.zeros(8, np.int16).tobytes())
            with self.assertRaisesRegex(Refusal, "2 channels"):
                samples(file)


if __name__ == "__main__":
    unittest.main()
