"""Training: first on short windows, which lie anywhere in Whisper's 30 s, then on whole ones.

Short windows teach the words at a fraction of the cost, whole ones the silence that follows. The matrices are learned with
Muon, the rest with AdamW.
"""

from dataclasses import dataclass
import math
from pathlib import Path
import time

import numpy as np
import torch
from torch import nn

from digits.compose import Stock
from whisper_digits import network
from whisper_digits.targets import IGNORED, STEP, Writer, classes, looks, padded
from whisper_digits.windows import SEED, Windows

SECONDS = 30
FRAMES = round(SECONDS / STEP)
MATRICES, REST = 4e-3, 2e-3
"""Rates of learning."""
WARM_UP = 60
FALL = 0.5
"""The part of the steps after which the rates fall."""
PLAIN = 0.16
"""The part of the steps that has no rooms and noise; in twice as many they become the rule."""
APART = 0.46
"""The part of the steps in which what the decoder does not know yet is no matter to the encoder. From there on the encoder learns
to be found, too: where to look is learned much sooner so."""
FRAMES_COUNT, LOOKS_COUNT = 0.5, 0.5
"""How much it counts what frames are, and where tokens look, beside the text."""


@dataclass
class Shape:
    """The windows of a step."""

    seconds: float
    count: int
    whole: bool


@dataclass
class Plan:
    """How long to train."""

    steps: int

    def shape(self, step: int) -> Shape:
        """Short windows, then longer ones in turn with them, then some whole ones, then whole ones alone."""
        part = step / self.steps
        if part >= 0.92 or (part >= 0.75 and step % 3 == 0):
            return Shape(SECONDS, 4, True)
        return Shape(10, 12, False) if part >= 0.75 or (part >= 0.35 and step % 2) else Shape(5, 24, False)

    def plain(self, step: int) -> float:
        """The share of windows without rooms and noise: all at first, so that words are learned soon, then few."""
        part = step / self.steps
        return 1 - 0.7 * min(1, max(0, (part - PLAIN) / (2 * PLAIN)))

    def rate(self, step: int) -> float:
        """Rises, stays, and falls to nothing."""
        falling = max(0.0, (step / self.steps - FALL) / (1 - FALL))
        return min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * falling))


class Teacher:
    """Makes the windows of a step, and says how wrong the learner is about them."""

    def __init__(self, stock: Stock):
        self.windows = Windows(stock)
        self.writer = Writer(network.tokenizer())

    def losses(self, learner: network.Learner, step: int, shape: Shape, apart: bool, plain: float) -> dict[str, torch.Tensor]:
        """Of the text, the frames and the looks."""
        features, windows = self.windows.batch(step, shape.count, shape.seconds, shape.whole, plain)
        random = np.random.default_rng((SEED, 2, step))
        frames = features.shape[2] // 2
        shift = 0 if shape.whole or random.random() < 0.8 else int(random.integers(FRAMES - frames))
        rows = [self.writer.row(window, frames, shift, random) for window in windows]
        ids, following = padded([row.tokens for row in rows], self.writer.end), padded([row.next for row in rows], IGNORED)
        with torch.autocast("cpu", torch.bfloat16, enabled=SHORT):
            logits, kinds, attention = learner(features, ids, shift, apart)
        looked = looks(rows, ids.shape[1], frames)
        known = looked.sum(2) > 0
        away = -(looked * torch.log(attention.float() + 1e-6)).sum(3).mean(0)
        return {
            "text": nn.functional.cross_entropy(logits.float().flatten(0, 1), following.flatten(), ignore_index=IGNORED),
            "frames": nn.functional.cross_entropy(
                kinds.float().flatten(0, 1), classes(windows, frames).flatten(), ignore_index=IGNORED
            ),
            "looks": (away * known).sum() / known.sum().clamp(min=1),
        }


SHORT = torch.cpu.get_capabilities().get("avx512_bf16", False)
"""Whether the processor is quicker with 16 bits."""


def _optimizers(learner: network.Learner) -> list[torch.optim.Optimizer]:
    matrices = [weight for name, weight in learner.named_parameters() if weight.dim() == 2 and ".layers." in name]
    chosen = {id(weight) for weight in matrices}
    rest = [weight for weight in learner.parameters() if weight.requires_grad and id(weight) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=MATRICES, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=REST, weight_decay=0.01, betas=(0.9, 0.98)),
    ]


def train(stock: Stock, plan: Plan, folder: Path) -> network.Learner:
    """Trains, from the last checkpoint if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    learner = network.Learner()
    optimizers = _optimizers(learner)
    checkpoint, step = folder / "checkpoint.pt", 0
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        learner.load_state_dict(stored["learner"])
        for optimizer, state in zip(optimizers, stored["optimizers"]):
            optimizer.load_state_dict(state)
        step = stored["step"]
        print(f"{folder.name}: on from step {step}", flush=True)
    teacher = Teacher(stock)
    saved, told = time.monotonic(), []
    while step < plan.steps:
        losses = teacher.losses(learner, step, plan.shape(step), step < APART * plan.steps, plan.plain(step))
        loss = losses["text"] + FRAMES_COUNT * losses["frames"] + LOOKS_COUNT * losses["looks"]
        for optimizer, rate in zip(optimizers, (MATRICES, REST)):
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = rate * plan.rate(step)
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        told.append([loss.item() for loss in losses.values()])
        if step % 25 == 0:
            means = ", ".join(f"{name} {value:.3f}" for name, value in zip(losses, np.mean(told, 0)))
            print(f"{time.strftime('%H:%M:%S')} {folder.name}: step {step}/{plan.steps}, {means}", flush=True)
            told = []
        if time.monotonic() - saved > 60 or step == plan.steps:
            unfinished = checkpoint.with_suffix(".part")
            states = [optimizer.state_dict() for optimizer in optimizers]
            torch.save({"learner": learner.state_dict(), "optimizers": states, "step": step}, unfinished)
            unfinished.rename(checkpoint)
            saved = time.monotonic()
    return learner.eval()
