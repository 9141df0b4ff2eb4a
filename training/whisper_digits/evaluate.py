"""What the trained Whisper gets right, read as transformers reads it: greedily, a window at a time.

The digits recipe's measures are used for words; here are those that only a Whisper has: words by themselves in a window that is
mostly silence, rows without timestamps, and whether words lie where attention says.
"""

from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np
import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizerFast

from audio import resample
from digits.corpus import NAMES, RATE as CLIP_RATE, natural
from digits.evaluate import SEED, connected, rate_of
from whisper_digits.mel import RATE

WINDOW = 30 * RATE
BATCH = 8
SHORT = 0.5
"""Seconds of a word below which it is short."""


class Whisper:
    """A checkpoint, reading many recordings at once; with timestamps if it is `timed`."""

    def __init__(self, checkpoint: Path, timed: bool = True):
        self.timed = timed
        self.model = WhisperForConditionalGeneration.from_pretrained(checkpoint, attn_implementation="eager").eval()
        tokens = WhisperTokenizerFast.from_pretrained(checkpoint)
        self.extractor = WhisperFeatureExtractor.from_pretrained(checkpoint)
        self.names = {tokens.encode(f" {name}", add_special_tokens=False)[0]: digit for digit, name in enumerate(NAMES)}

    def _windows(self, sounds: list[np.ndarray], **options) -> list[tuple[list[int], list[float]]]:
        """The tokens of each window, and when they are said, if that is asked for."""
        heard = self.extractor(sounds, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
        found = self.model.generate(
            heard.input_features,
            attention_mask=heard.attention_mask,
            return_timestamps=self.timed,
            return_dict_in_generate=True,
            force_unique_generate_call=True,
            **options,
        )
        times = found.get("token_timestamps")
        times = found["sequences"].float() * 0 if times is None else times
        return list(zip(found["sequences"].tolist(), times.tolist()))

    def digits(self, recordings: list[np.ndarray]) -> list[list[tuple[int, int]]]:
        """For each 16 kHz recording its digits, each with the number of samples to the end of its window."""
        pieces = [
            (number, start, recording[start : start + WINDOW])
            for number, recording in enumerate(recordings)
            for start in range(0, len(recording), WINDOW)
        ]
        found: list[list[tuple[int, int]]] = [[] for _ in recordings]
        for first in range(0, len(pieces), BATCH):
            batch = pieces[first : first + BATCH]
            for (number, start, sound), (tokens, _) in zip(batch, self._windows([sound for _, _, sound in batch])):
                end = start + len(sound)
                found[number] += [(self.names[token], end) for token in tokens if token in self.names]
        return found

    def words(self, recording: np.ndarray) -> list[tuple[int, float, float]]:
        """The digits of a recording of one window, each with the seconds between which attention finds it.

        A token's time in transformers is the one at which the decoder goes on from it, so the token before has a word's start;
        transformers' tokenizer tells words' times so, and the engine."""
        ((tokens, times),) = self._windows([recording], return_token_timestamps=True)
        return [(self.names[token], *span) for token, *span in zip(tokens, [0.0, *times], times) if token in self.names]


def others(
    reader: Whisper, untimed: Whisper, recordings: Path, people: Iterable[str], takes: Container[int] | None
) -> dict[str, tuple[int, int]]:
    """Word errors and words, by person: of words by themselves, of the short ones among these, and of rows without timestamps."""
    found: dict[str, tuple[int, int]] = {}
    for name in people:
        words = natural(recordings, name, takes)
        alone = [([digit], sound) for digit, sound in words]
        found[f"{name}, alone"] = rate_of(reader, alone)
        found[f"{name}, short"] = rate_of(reader, [one for one in alone if len(one[1]) < SHORT * CLIP_RATE])
        rows = [(said, sound) for said, sound, _ in connected(words, np.random.default_rng(SEED))]
        found[f"{name}, untimed"] = rate_of(untimed, rows)
    return found


def distances(reader: Whisper, recordings: Path, people: Iterable[str], takes: Container[int] | None) -> dict[str, list[float]]:
    """In rows that are read without error: how far off words are by attention, in seconds.

    The first word's start is apart: by the reference's rules attention begins at the window's start, whatever it looks at."""
    found: dict[str, list[float]] = {"starts": [], "ends": [], "first starts": []}
    for name in people:
        for said, sound, places in connected(natural(recordings, name, takes), np.random.default_rng(SEED)):
            heard = reader.words(resample(sound, CLIP_RATE, RATE))
            if [digit for digit, _, _ in heard] != said:
                continue
            for number, ((_, start, end), (first, last)) in enumerate(zip(heard, places)):
                found["starts" if number else "first starts"].append(abs(start - first / CLIP_RATE))
                found["ends"].append(abs(end - last / CLIP_RATE))
    return found
