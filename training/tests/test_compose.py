"""Stretches of sound and what is to be learned from them agree."""

from pathlib import Path
import sys
import unittest

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from digits.compose import LENGTH, Stock, stretch
from digits.corpus import PEOPLE, RATE, Clips
from digits.network import BLANK
from digits.train import targets


def clips(speaker: str, kinds: list[tuple[str, str]]) -> Clips:
    """A third of a second of a tone for each digit."""
    sounds = [np.full(RATE // 3 * max(1, len(digits)), 1000, np.int16) for _, digits in kinds]
    return Clips(
        samples=np.concatenate(sounds),
        starts=np.cumsum([0] + [len(sound) for sound in sounds]),
        speaker=np.array([speaker] * len(kinds)),
        manner=np.zeros(len(kinds), int),
        kind=np.array([kind for kind, _ in kinds]),
        digits=np.array([digits for _, digits in kinds]),
        take=np.arange(len(kinds)) if speaker in PEOPLE else np.full(len(kinds), -1),
    )


SPOKEN = [("word", str(digit)) for digit in range(10)] + [("phrase", "4711"), ("other", "")]


class Compose(unittest.TestCase):
    def setUp(self):
        sources = {person: clips(person, SPOKEN[:10]) for person in ("george", "theo")}
        sources |= {"flite": clips("flite-rms", SPOKEN), "festival": clips("festival-slt", SPOKEN)}
        self.whole, self.fold = Stock(sources, None), Stock(sources, "theo")

    def test_a_fold_does_not_hear_who_is_left_out(self):
        self.assertEqual(self.whole.people, ["george", "theo"])
        self.assertEqual(self.fold.people, ["george"])
        words = [clip for group in self.fold.words.values() for speaker in group.values() for clip in speaker]
        heard = [*words, *self.fold.phrases, *self.fold.others]
        self.assertEqual({source for source, _ in heard}, {"george", "flite"})

    def test_takes_that_are_left_out_are_not_heard(self):
        sources = {"george": clips("george", SPOKEN[:10]), "flite": clips("flite-rms", SPOKEN)}
        stock = Stock(sources, None, range(5))
        words = [clip for group in stock.words.values() for speaker in group.values() for clip in speaker]
        self.assertEqual(sorted(clip for source, clip in words if source == "george"), [5, 6, 7, 8, 9])
        self.assertEqual(len([clip for source, clip in words if source == "flite"]), 10)

    def test_every_digit_may_come_out(self):
        made = [stretch(self.whole, np.random.default_rng(seed)) for seed in range(50)]
        frames = LENGTH * 25 // RATE - 3
        tokens, counts, bias = targets([said for _, said in made], frames)
        self.assertGreater(len(tokens), 300)
        self.assertEqual(len(tokens), counts.sum())
        for (sound, said), row in zip(made, bias):
            self.assertEqual(len(sound), LENGTH)
            self.assertTrue((row[:, BLANK] == 0).all())
            for one in said:
                self.assertTrue((row[:, one.digit] == 0).any())

    def test_the_same_seed_makes_the_same(self):
        first, second = (stretch(self.whole, np.random.default_rng(5)) for _ in range(2))
        self.assertTrue(np.array_equal(first[0], second[0]))
        self.assertEqual(first[1], second[1])


if __name__ == "__main__":
    unittest.main()
