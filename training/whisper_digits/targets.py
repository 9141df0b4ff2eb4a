"""What a window's text is, in Whisper's form, and what else is known of it: where tokens' sounds lie, and what each frame is.

Segments are words without a pause amid them, and few: `<|0.20|> one two<|1.24|><|2.00|> three<|2.60|><|endoftext|>`. A decoder
this small finds its place by the last timestamp, and not far from it. Where nobody says a digit, `<|nospeech|>` comes after the
start, and the text is empty.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import WhisperTokenizerFast

from digits.corpus import NAMES, OTHER_WORDS
from whisper.tokens import END
from whisper_digits.windows import Window, Word

PAUSE = 0.3
"""Seconds, from which on another segment begins."""
MOST = 4
"""Words of a segment, but for those that are said in one breath."""
STEP = 0.02
"""Seconds of a frame of the encoder, and between timestamps."""
REACH = 0.3
"""How much of the silence beside speech belongs to a timestamp."""
UNTIMED = 0.35
"""How many rows have no timestamps: harder, as there is less to find the place by."""
IGNORED = -100
FIRST = 50
"""The last timestamp that other programs let a text begin with: so some do that begin later."""
UNKNOWN = (0, 0)
"""Of a token whose sound is not known."""
CLASSES = 1 + 2 * len(NAMES)
"""Of frames: no digit, and the first and the second half of each."""


@dataclass
class Row:
    """The decoder's tokens, what is to follow each, and the frames to look at for that."""

    tokens: list[int]
    next: list[int]
    frames: list[tuple[int, int]]


def segments(words: list[Word]) -> list[list[Word]]:
    """Words that follow one another closely are together, a few at a time; nothing ends between words with supposed places."""
    found: list[list[Word]] = []
    for word in words:
        last = found[-1][-1] if found else None
        if last and word.start - last.end < PAUSE and (len(found[-1]) < MOST or not (word.exact and last.exact)):
            found[-1].append(word)
        else:
            found.append([word])
    return found


class Writer:
    """Writes rows with a tokenizer; `shift` is where a window's first frame lies, in frames."""

    def __init__(self, tokens: WhisperTokenizerFast):
        number = tokens.convert_tokens_to_ids
        self.digits = [tokens.encode(f" {name}", add_special_tokens=False) for name in NAMES]
        assert all(len(ids) == 1 for ids in self.digits), "a digit is a token"
        self.end, self.start, self.previous = number(END), number("<|startoftranscript|>"), number("<|startofprev|>")
        self.silence, self.untimed, self.zero = number("<|nospeech|>"), number("<|notimestamps|>"), number("<|0.00|>")
        self.others = [tokens.encode(f" {word}", add_special_tokens=False) for word in OTHER_WORDS[:60]]

    def prompt(self, window: Window, random: np.random.Generator) -> list[int]:
        """Mostly none; else the words before, or any others."""
        kind = random.random()
        if kind < (0.35 if window.before else 0.6):
            return []
        if kind < 0.75 and window.before:
            text = [self.digits[digit] for digit in window.before]
        elif kind < 0.95:
            text = [self.digits[random.integers(len(NAMES))] for _ in range(random.integers(1, 40))]
        else:
            text = [self.others[random.integers(len(self.others))] for _ in range(random.integers(1, 8))]
        return [self.previous, *(token for word in text for token in word)]

    def row(self, window: Window, frames: int, shift: int, random: np.random.Generator) -> Row:
        """What is written for a window of this many frames."""
        prompt, timed = self.prompt(window, random), random.random() >= UNTIMED
        row = Row(prompt + [self.start], [IGNORED] * len(prompt), [UNKNOWN] * len(prompt))
        at = lambda seconds: min(max(round(seconds / STEP), 0), frames)

        def add(token: int, look: tuple[float, float], exact: bool = True, said: int | None = None) -> None:
            first, last = at(look[0]), at(look[1])
            first, last = (first, last) if last - first > 1 else (max(0, first - 1), min(frames, first + 2))
            row.next.append(token if said is None else said)
            row.frames.append((first, last) if exact else UNKNOWN)
            row.tokens.append(token)

        groups = segments(window.words)
        first = at(groups[0][0].start) if groups else 0
        first = self.zero + shift + (FIRST if first > FIRST and not shift and random.random() < 0.3 else first)
        opening = first if groups or random.random() < 0.15 else self.silence
        if not timed:
            row.tokens.append(self.untimed)
            row.next.append(opening)
            row.frames.append(UNKNOWN)
        last = 0.0
        for group in groups:
            start, end = group[0].start, group[-1].end
            if timed:
                begun = first if group is groups[0] else self.zero + shift + at(start)
                add(begun, (max(last, start - REACH), start), group[0].exact)
            for word in group:
                add(self.digits[word.digit][0], (word.start, word.end), word.exact)
            last = (end + min(window.seconds, end + 2 * REACH)) / 2
            if timed:
                add(self.zero + shift + at(end), (end, last), group[-1].exact)
        if not groups and timed:
            add(first, (0.0, REACH), False, opening)
        row.next.append(self.end)
        row.frames.append((at(last), max(at(last) + 2, at(last + REACH))) if groups and groups[-1][-1].exact else UNKNOWN)
        return row


def classes(windows: list[Window], frames: int) -> torch.Tensor:
    """What each frame is, `[windows, frames]`."""
    found = torch.zeros(len(windows), frames, dtype=torch.long)
    for row, window in zip(found, windows):
        for word in window.words:
            first, last = (max(0, round(seconds / STEP)) for seconds in (word.start, word.end))
            middle = (first + last) // 2
            row[first:middle] = 1 + 2 * word.digit if word.exact else IGNORED
            row[middle:last] = 2 + 2 * word.digit if word.exact else IGNORED
    return found


def looks(rows: list[Row], length: int, frames: int) -> torch.Tensor:
    """How each token is to look at frames, `[rows, length, frames]`: evenly at its sound, or nowhere if that is not known."""
    spans = torch.zeros(len(rows), length, 2)
    for span, row in zip(spans, rows):
        span[: len(row.frames)] = torch.tensor(row.frames, dtype=torch.float32)
    first, last = spans[..., :1], spans[..., 1:]
    at = torch.arange(frames)
    return ((at >= first) & (at < last)) / (last - first).clamp(min=1)


def padded(lists: list[list[int]], value: int) -> torch.Tensor:
    """Lists as a tensor."""
    longest = max(map(len, lists))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in lists])
