"""How far the fast networks are from those they were made of.

Both get the same sound and the same tokens, and the logits after each are compared: the fast decoder takes the tokens at once,
and then again its first few at once and the others one by one. Where the tokens are made up, neither would have said them; of a
recording they are what the fast networks write.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from folder import Folder, Refusal
from logmel import features, samples
from networks import Fast, Stock

SEED = 20
TOKENS = 64
PROMPT = 4
"""Tokens that come at once before the others come one by one."""
CLOSE = 1e-3
"""What logits of 32 bits may differ by."""
HALF = 0.5
"""Of the best tokens, that must be the same in 8 bits."""


@dataclass(frozen=True)
class Distance:
    """What was measured on one sound."""

    sound: str
    tokens: int
    at_once: float
    """The largest difference of logits."""
    one_by_one: float
    largest: float
    """The largest logit, for comparison."""
    same: float
    """Share of the tokens after which both have the same best one."""
    alignment: float | None
    """The largest difference of the alignment heads' probabilities, where the export gives them."""


def _written(fast: Fast, folder: Folder) -> np.ndarray:
    """What the fast networks write by themselves, from the start on."""
    tokens = [folder.start]
    fast.begin()
    while len(tokens) < min(TOKENS, folder.sizes.positions):
        logits, _ = fast.call(np.array([tokens[-1:]]))
        best = int(logits[0, 0].argmax())
        if best == folder.end:
            break
        tokens.append(best)
    return np.array(tokens)


def _distance(sound: str, stock: Stock, fast: Fast, heard: np.ndarray, tokens: np.ndarray) -> Distance:
    expected, attentions = stock.logits(heard, tokens)
    fast.begin()
    found, alignment = fast.call(tokens[None])
    fast.begin()
    calls = [fast.call(tokens[None, :PROMPT])[0], *(fast.call(tokens[None, [at]])[0] for at in range(PROMPT, len(tokens)))]
    steps = np.concatenate(calls, axis=1)
    return Distance(
        sound=sound,
        tokens=len(tokens),
        at_once=float(np.abs(found[0] - expected).max()),
        one_by_one=float(np.abs(steps[0] - expected).max()),
        largest=float(np.abs(expected).max()),
        same=float(np.mean(steps[0].argmax(axis=1) == expected.argmax(axis=1))),
        alignment=None if attentions is None else float(np.abs(alignment - attentions).max()),
    )


def check(folder: Folder, made: Path, audio: Path | None) -> list[Distance]:
    """Measures the networks in `made`."""
    sizes, chance = folder.sizes, np.random.default_rng(SEED)
    stock, fast = Stock(folder), Fast(made, sizes)
    heard = chance.normal(0, 0.5, (1, sizes.bins, 2 * sizes.states)).astype(np.float32)
    tokens = np.concatenate([[folder.start], chance.integers(0, folder.start - 1, min(TOKENS, sizes.positions) - 1)])
    fast.hear(heard)
    found = [_distance("made-up sound and tokens", stock, fast, heard, tokens)]
    if audio:
        heard = features(samples(audio), sizes)
        fast.hear(heard)
        found.append(_distance(audio.name, stock, fast, heard, _written(fast, folder)))
    return found


def judge(found: list[Distance], exact: bool) -> None:
    """Refuses what is too far: where nothing was rounded, logits; otherwise, the best tokens."""
    for distance in found:
        for moved in (distance.at_once, distance.one_by_one):
            # Also where it is no number.
            if exact and not moved <= CLOSE:
                raise Refusal(f"{distance.sound}: the logits moved by {moved:.2g}, more than {CLOSE}; nothing was written")
        if not distance.same >= HALF:
            raise Refusal(f"{distance.sound}: only {distance.same:.0%} of the best tokens are the same; nothing was written")
