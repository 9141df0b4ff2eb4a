"""The classes as the server uses them."""

import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "my-engine"))

from my_engine import Loader  # noqa: E402


def stream(words):
    opened, _ = Loader().load(SimpleNamespace(options={"words": words}))
    opened.init(0.0)
    return opened


def segment(text):
    word = SimpleNamespace(start=0.0, end=0.5, text="Anna")
    return SimpleNamespace(event="segment", start=0.0, end=1.0, text=text, words=[word])


class Stage(unittest.TestCase):
    def test_words_are_replaced_and_all_else_stays(self):
        told = stream({"anna": "Hannah"}).event(segment("Anna said"))
        self.assertEqual((told.text, told.words[0].text, told.end), ("Hannah said", "Hannah", 1.0))

    def test_without_words_nothing_changes(self):
        self.assertEqual(stream({}).event(segment("Anna said")), segment("Anna said"))

    def test_other_events_pass(self):
        event = SimpleNamespace(event="endpoint", time=1.0)
        self.assertIs(stream({"anna": "Hannah"}).event(event), event)


if __name__ == "__main__":
    unittest.main()
