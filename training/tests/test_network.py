"""In steps, whole, exported, and in sherpa-onnx: always the same."""

from pathlib import Path
import sys
import tempfile
import unittest

import numpy as np
import onnxruntime
import sherpa_onnx
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from audio import read_wav
from digits import network
from digits.export import STEP, export
from digits.network import FIRST, LAST, OVERLAP
from digits.recognise import TAIL, Recogniser
from digits.corpus import NAMES

ROOT = Path(__file__).resolve().parent.parent.parent


def some_network() -> network.Digits:
    """Untrained, with norms that do something."""
    torch.manual_seed(3)
    model = network.Digits()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_(0, 0.2)
    return model.eval()


class Network(unittest.TestCase):
    def setUp(self):
        self.model = some_network()
        self.features = torch.randn(2, 80, OVERLAP + 20 * STEP) * 4 - 12
        with torch.no_grad():
            self.whole, _, _ = self.model(self.features[:, FIRST:LAST], *self.model.silence(2))

    def windows(self):
        for start in range(0, self.features.shape[2] - OVERLAP, STEP):
            yield self.features[:, :, start : start + STEP + OVERLAP]

    def test_steps_are_the_whole(self):
        (level, caches), parts = self.model.silence(2), []
        with torch.no_grad():
            for window in self.windows():
                log_probs, levels, caches = self.model(window[:, FIRST:LAST], level, caches)
                level = levels[:, STEP - 1 : STEP]
                parts.append(log_probs)
        self.assertLess((torch.cat(parts, 1) - self.whole).abs().max(), 1e-4)

    def test_exported_is_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            export(self.model, Path(folder))
            session = onnxruntime.InferenceSession(Path(folder) / "model.onnx", providers=["CPUExecutionProvider"])
        time = self.model.silence(2)[1].permute(0, 1, 3, 2).numpy()
        state = [np.zeros((2, 1, 1, 1), np.float32), time, np.zeros(2, np.int64)]
        parts = []
        for window in self.windows():
            inputs = [window.numpy(), np.full(2, STEP + OVERLAP, np.int64), *state]
            log_probs, lengths, *state = session.run(None, dict(zip([slot.name for slot in session.get_inputs()], inputs)))
            self.assertEqual(lengths.tolist(), [log_probs.shape[1]] * 2)
            parts.append(log_probs)
        self.assertLess(np.abs(np.concatenate(parts, 1) - self.whole.numpy()).max(), 1e-3)


class Committed(unittest.TestCase):
    """The model in `models/digits`."""

    def test_reads_the_fixture(self):
        samples, rate = read_wav(ROOT / "fixtures/digits.wav")
        self.assertEqual(rate, 16000)
        expected = (ROOT / "fixtures/digits.txt").read_text().split()
        own = [NAMES[digit] for digit, _ in Recogniser(ROOT / "models/digits").digits([samples])[0]]
        self.assertEqual(own, expected)

    def test_reads_as_in_sherpa_onnx(self):
        folder = ROOT / "models/digits"
        recogniser = sherpa_onnx.OnlineRecognizer.from_nemo_ctc(
            tokens=str(folder / "tokens.txt"), model=str(folder / "model.onnx"), num_threads=1
        )
        for name in ("digits", "report", "weather"):
            samples, rate = read_wav(ROOT / f"fixtures/{name}.wav")
            stream = recogniser.create_stream()
            stream.accept_waveform(rate, samples)
            stream.accept_waveform(rate, np.zeros(int(TAIL * rate), np.float32))
            stream.input_finished()
            while recogniser.is_ready(stream):
                recogniser.decode_stream(stream)
            own = [NAMES[digit] for digit, _ in Recogniser(folder).digits([samples])[0]]
            self.assertEqual(recogniser.get_result(stream).split(), own, name)


if __name__ == "__main__":
    unittest.main()
