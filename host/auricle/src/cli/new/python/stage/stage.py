"""The stage `my-engine`: replaces words in texts, names that engines spell in their own way, or what must not be shown."""


# ANCHOR: loader
class Loader:
    """Made once for each model. A stage with weights reads them in the first `load` and keeps them here."""

    def load(self, config):
        words = getattr(config, "options", {}).get("words", {})
        return Replacer(words), {"changes_text": True}
# ANCHOR_END: loader


# ANCHOR: stream
class Replacer:
    """One stream. It holds nothing back, so it has nothing to save."""

    def __init__(self, words):
        self.words = {word.lower(): by for word, by in words.items()}

    def init(self, time):
        pass

    def event(self, event):
        if event.event in ("partial", "segment"):
            event.text = self.replaced(event.text)
            for word in event.words:
                word.text = self.replaced(word.text)
        return event

    def replaced(self, text):
        return " ".join(self.words.get(word.lower(), word) for word in text.split(" "))
# ANCHOR_END: stream
