"""The features are those of sherpa-onnx's own extractor."""

from pathlib import Path
import sys
import unittest

import kaldi_native_fbank as knf
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from audio import read_wav, resample
from features import LogMel

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


def reference(samples: np.ndarray) -> np.ndarray:
    """kaldi-native-fbank with the options sherpa-onnx 2.0.1 sets for this kind of model."""
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.frame_opts.samp_freq = 16000
    options.frame_opts.window_type = "hann"
    options.frame_opts.remove_dc_offset = False
    options.mel_opts.num_bins = 80
    options.mel_opts.low_freq = 0
    options.mel_opts.is_librosa = True
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(16000, samples.tolist())
    return np.stack([computer.get_frame(frame) for frame in range(computer.num_frames_ready)], 1)


class Features(unittest.TestCase):
    def test_equal_to_the_reference(self):
        samples, _ = read_wav(FIXTURES / "report.wav")
        expected = reference(samples)
        found = LogMel()(torch.from_numpy(samples)[None])[0].numpy()
        self.assertLess(abs(found - expected[:, : found.shape[1]]).max(), 1e-3)
        self.assertLess(abs(found - expected[:, : found.shape[1]]).mean(), 1e-5)
        self.assertEqual(found.shape[1], expected.shape[1])

    def test_at_8_khz_the_lower_bands_are_the_same(self):
        narrow, _ = read_wav(FIXTURES / "welcome_8k.wav")
        wide = LogMel()(torch.from_numpy(resample(narrow, 8000, 16000))[None])[0, 3:60]
        found = LogMel(8000, 3, 60)(torch.from_numpy(narrow)[None])[0]
        frames = min(wide.shape[1], found.shape[1])
        difference = (wide[:, :frames] - found[:, :frames]).abs()
        self.assertLess(difference.mean(), 0.02)


if __name__ == "__main__":
    unittest.main()
