"""Makes random networks say something: random logits favour the same symbols in every frame, so they are levelled over a
recording, and the blank is raised until it is the best in most frames."""

from pathlib import Path

import numpy as np

from streaming.graph import adjust
from streaming.run import Floats, Transducer, heard

# The standard deviation of a symbol's logits.
SPREAD = 3.0
# What a layer tells apart by less than this share of its greatest is noise.
LEAST = 0.01
# Of the frames, those that are to be blank.
BLANK = 0.75
# How many frames, and contexts of how many tokens, a joiner is looked at with.
SOME, MEMORY = 64, 4
HALVINGS = 12


def level(model: Path, logits: Floats) -> None:
    """Makes the logits [frames, symbols] a random mixture, of mean 0 and a certain spread, of all that a layer before them can
    tell apart, in equal parts."""
    logits = logits - logits.mean(axis=1, keepdims=True)
    mean = logits.mean(axis=0)
    _, sizes, directions = np.linalg.svd((logits - mean).astype(np.float64), full_matrices=False)
    told = sizes > sizes[0] * LEAST
    sizes, directions = sizes[told] / np.sqrt(len(logits)), directions[told]
    mixture = np.random.default_rng(2).standard_normal((len(sizes), len(mean))) * SPREAD / np.sqrt(len(sizes))
    mixed = (directions.T / sizes) @ mixture
    adjust(
        model,
        {
            "weights": lambda weights: (weights - weights.mean(axis=1, keepdims=True)) @ mixed,
            "bias": lambda bias: (bias - bias.mean() - mean) @ mixed,
        },
    )


def ctc(model: Path, recording: Path, blank: int) -> None:
    level(model, heard(model, recording))
    logprobs = heard(model, recording)
    raised = np.quantile(np.delete(logprobs, blank, axis=1).max(axis=1) - logprobs[:, blank], BLANK)
    adjust(model, {"bias": lambda bias: bias + raised * (np.arange(len(bias)) == blank)})


def transducer(folder: Path, recording: Path, blank: int) -> None:
    """Levels the joiner over frames of the recording after many different tokens, and raises the blank until the best tokens
    are few enough."""
    frames = heard(folder / "encoder.onnx", recording)
    random = np.random.default_rng(1)
    model = Transducer(folder / "decoder.onnx", folder / "joiner.onnx")
    some = frames[random.integers(0, len(frames), SOME)]
    contexts = [list(random.integers(0, model.symbols, MEMORY)) for _ in range(SOME)]
    level(folder / "joiner.onnx", np.concatenate([model.logits(some, model.after(tokens)) for tokens in contexts]))
    model = Transducer(folder / "decoder.onnx", folder / "joiner.onnx")
    low, high = 0.0, 20 * SPREAD
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        few = sum(len(tokens) for tokens, _ in model.greedy(frames, blank, middle)) < (1 - BLANK) * len(frames)
        low, high = (low, middle) if few else (middle, high)
    adjust(folder / "joiner.onnx", {"bias": lambda bias: bias + high * (np.arange(len(bias)) == blank)})
