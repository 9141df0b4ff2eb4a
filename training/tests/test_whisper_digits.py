"""What a Whisper of digits is taught agrees with what is said in its windows."""

from pathlib import Path
import sys
import tempfile
from types import SimpleNamespace
import unittest
from unittest import mock

import numpy as np

try:
    import torch
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration
    from transformers.generation.utils import GenerateEncoderDecoderOutput

    sys.path.insert(0, str(Path(__file__).parent.parent))

    from whisper_digits import network
    from whisper_digits.mel import Mel
    from whisper_digits.targets import CLASSES, IGNORED, UNKNOWN, Writer, classes, looks, segments
    from whisper_digits.windows import Window, Word, alone, composed, cut
except ModuleNotFoundError as missing:
    raise unittest.SkipTest(f"{missing.name} is in the environment of training/whisper only") from missing

from digits.compose import LAST, Said
from digits.corpus import RATE


def word(digit: int, start: float, end: float, exact: bool = True) -> Word:
    return Word(digit, start, end, exact)


ONE_TWO_THREE = Window([word(1, 0.2, 0.6), word(2, 0.7, 1.24), word(3, 2.0, 2.6)], [], 4.0)


class Rows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokens = network.tokenizer()
        cls.writer = Writer(cls.tokens)

    def rows(self, window: Window, shift: int = 0, count: int = 200) -> list:
        return [self.writer.row(window, 200, shift, np.random.default_rng(seed)) for seed in range(count)]

    def text(self, ids: list[int]) -> str:
        return self.tokens.convert_tokens_to_string(self.tokens.convert_ids_to_tokens(ids))

    def test_segments_and_times_are_written_as_whisper_writes_them(self):
        begun = [row for row in self.rows(ONE_TWO_THREE) if row.tokens[0] == self.writer.start]
        timed = [row for row in begun if row.tokens[1] != self.writer.untimed]
        expected = "<|startoftranscript|><|0.20|> one two<|1.24|><|2.00|> three<|2.60|>"
        self.assertGreater(len(timed), 50)
        for row in timed:
            self.assertEqual(self.text(row.tokens), expected)
            self.assertEqual(row.next, [*row.tokens[1:], self.writer.end])
            self.assertEqual(len(row.frames), len(row.tokens))

    def test_some_rows_have_no_times_and_some_a_prompt(self):
        rows = self.rows(ONE_TWO_THREE)
        untimed = [row for row in rows if self.writer.untimed in row.tokens]
        prompted = [row for row in rows if row.tokens[0] == self.writer.previous]
        self.assertTrue(45 < len(untimed) < 95)
        self.assertTrue(40 < len(prompted) < 120)
        for row in untimed:
            begin = row.tokens.index(self.writer.start)
            self.assertEqual(self.text(row.tokens[begin:]), "<|startoftranscript|><|notimestamps|> one two three")
        for row in prompted:
            begin = row.tokens.index(self.writer.start)
            self.assertEqual(set(row.next[:begin]), {IGNORED})

    def test_a_silent_window_has_no_text(self):
        for row in self.rows(Window([], [4], 4.0)):
            begin = row.tokens.index(self.writer.start)
            self.assertIn(row.next[begin], (self.writer.silence, self.writer.zero))
            self.assertEqual(row.next[-1], self.writer.end)
            self.assertFalse(set(row.tokens[begin:]) & {ids[0] for ids in self.writer.digits})

    def test_a_window_that_lies_later_has_later_times(self):
        timed = next(row for row in self.rows(ONE_TWO_THREE, 500) if row.tokens[0] == self.writer.start and len(row.tokens) > 6)
        self.assertEqual(self.text(timed.tokens[1:2]), "<|10.20|>")

    def test_a_token_looks_at_its_word(self):
        row = next(row for row in self.rows(ONE_TWO_THREE) if row.tokens[0] == self.writer.start and len(row.tokens) > 6)
        looked = looks([row], len(row.tokens), 200)[0]
        two = row.next.index(self.writer.digits[2][0])
        self.assertEqual(looked[two].nonzero().flatten().tolist(), list(range(35, 62)))
        self.assertAlmostEqual(float(looked[two].sum()), 1.0, places=5)

    def test_attention_as_it_is_taught_tells_words_times(self):
        row = next(row for row in self.rows(ONE_TWO_THREE) if row.tokens[0] == self.writer.start and len(row.tokens) > 6)
        # No softmax is nothing anywhere.
        attention = looks([row], len(row.tokens), 200) + 1e-3 * torch.rand(1, len(row.tokens), 200)
        layers = (attention[:, None].expand(-1, network.SIZE.heads, -1, -1),) * network.SIZE.decoder_layers
        sequence = [*row.tokens, self.writer.end]
        found = GenerateEncoderDecoderOutput(sequences=torch.tensor([sequence]), cross_attentions=(layers,))
        times = network.Learner().whisper._extract_token_timestamps(found, network.ALIGNMENT, num_frames=400, num_input_ids=1)
        heard = {"tokens": np.array([sequence]), "token_timestamps": times.numpy()}
        options = {"return_timestamps": "word", "return_language": False, "time_precision": 0.02}
        words = self.tokens._decode_asr([heard], **options)[1]["chunks"]
        self.assertEqual([word["text"] for word in words], [" one", " two", " three"])
        # Attention has to begin with the window, and goes on to a word of the same breath when it comes.
        for word, (start, end) in zip(words, [(0.0, 0.7), (0.7, 1.24), (2.0, 2.6)]):
            self.assertAlmostEqual(word["timestamp"][0], start, delta=0.1)
            self.assertAlmostEqual(word["timestamp"][1], end, delta=0.1)

    def test_a_supposed_place_is_not_taught(self):
        window = Window([word(5, 0.2, 0.6, exact=False)], [], 4.0)
        row = next(row for row in self.rows(window) if row.tokens[0] == self.writer.start)
        self.assertEqual(row.frames[row.next.index(self.writer.digits[5][0])], UNKNOWN)
        self.assertEqual(set(classes([window], 200)[0].tolist()), {0, IGNORED})

    def test_frames_are_halves_of_words(self):
        found = classes([ONE_TWO_THREE], 200)[0]
        self.assertEqual(found[10:30].tolist(), [3] * 10 + [4] * 10)
        self.assertTrue(((found >= 0) & (found < CLASSES)).all())

    def test_pauses_part_segments(self):
        self.assertEqual([len(group) for group in segments(ONE_TWO_THREE.words)], [2, 1])


class Windows(unittest.TestCase):
    def test_words_at_the_edges_are_left_out(self):
        said = [Said(digit, digit * RATE, digit * RATE + RATE // 2) for digit in range(6)]
        _, window = cut(np.zeros(8 * RATE, np.float32), said, RATE + RATE // 4, 4 * RATE)
        self.assertEqual([one.digit for one in window.words], [2, 3, 4])
        self.assertEqual(window.before, [0])
        self.assertAlmostEqual(window.words[0].start, 0.75)

    def test_a_word_by_itself_is_all_there_is_or_cut_short(self):
        sound = np.ones(3000, np.float32)
        stock = SimpleNamespace(speaker=lambda random: [("someone", 7)], sound=lambda clip: (sound, "4"))
        made = [alone(stock, np.random.default_rng(seed)) for seed in range(200)]
        whole = [window for _, window in made if window.words]
        self.assertTrue(100 < len(whole) < 200)
        for samples, window in made:
            self.assertAlmostEqual(window.seconds, len(samples) / RATE)
            self.assertEqual([word.digit for word in window.words], [4] * len(window.words))
            self.assertTrue(np.any(samples))
        self.assertLess(max(window.seconds for window in whole), 1.2)

    def test_many_windows_end_amid_a_word(self):
        def stretch(stock, random, length):
            said = [Said(1, start, start + 4000) for start in range(0, length - LAST - 4000, 5000)]
            sound = np.zeros(length, np.float32)
            for one in said:
                sound[one.start : one.end] = 1
            return sound, said

        stock = SimpleNamespace(other=lambda random: np.zeros(RATE, np.float32))
        with mock.patch("whisper_digits.windows.compose.stretch", stretch), mock.patch("whisper_digits.windows.ALONE", 0):
            made = [composed(stock, np.random.default_rng(seed), 5, False) for seed in range(200)]
        spoken = [(sound, window) for sound, window in made if window.words]
        amid = [window for sound, window in spoken if sound[-1] and window.words[-1].end < window.seconds - 0.05]
        self.assertTrue(0.15 < len(amid) / len(spoken) < 0.5)


class Network(unittest.TestCase):
    def test_features_are_those_of_whisper(self):
        random = np.random.default_rng(1)
        for count in (480_000, 479_900, 50_001):
            sound = (random.normal(0, 0.1, count) * np.linspace(0, 1, count)).astype(np.float32)
            expected = WhisperFeatureExtractor()(sound, sampling_rate=16_000, return_tensors="pt").input_features
            found = Mel()(torch.from_numpy(sound)[None], 3000)
            self.assertLess(float((found - expected).abs().max()), 1e-5)

    def test_what_is_saved_computes_what_was_learned(self):
        torch.manual_seed(1)
        learner = network.Learner().eval()
        # What 16 bits hold, so that saving rounds nothing away but in the timestamps.
        with torch.no_grad():
            for weight in learner.parameters():
                weight.copy_(weight.half().float())
        with tempfile.TemporaryDirectory() as folder:
            network.save(learner, Path(folder))
            model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
        features = torch.randn(1, 80, 3000)
        ids = torch.tensor([[model.generation_config.decoder_start_token_id, 3, 270, 401]])
        with torch.no_grad():
            expected, _, attention = learner(features, ids, 0)
            found = model(features, decoder_input_ids=ids).logits
        self.assertLess(float((found - expected).abs().max()), 1e-2)
        self.assertEqual(tuple(attention.shape), (2, 1, 4, 1500))


if __name__ == "__main__":
    unittest.main()
