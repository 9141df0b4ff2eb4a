"""Training: batches made up as they are needed, each from the seed and its number alone, so that a run can stop and go on."""

from dataclasses import dataclass
import math
from pathlib import Path
import time

import numpy as np
import torch
from torch import nn

import augment
from digits import compose, network
from digits.compose import LENGTH, Noises, Said, Stock
from digits.corpus import RATE
from features import LogMel

SEED = 1
RATE_OF_LEARNING = 2e-3
WARM_UP = 100
LATE = RATE // 5
"""A word may come out until so long after its end, and not before a good part of it."""
FORBIDDEN = -20.0
NEW_NOISES = 200
"""After so many steps there are other noises."""


@dataclass
class Plan:
    """How long to train, on how much at once."""

    steps: int
    batch: int = 16


class Batches:
    """Makes batch number `step`: features, targets, and when each token may come out."""

    def __init__(self, stock: Stock, device: torch.device):
        self.stock = stock
        self.device = device
        self.noises: tuple[int, Noises] | None = None
        self.features = LogMel(RATE, network.FIRST, network.LAST).to(device)

    def batch(self, step: int, count: int) -> tuple[torch.Tensor, list[list[Said]]]:
        """Features `[count, bands, frames]`, and what is said in each."""
        random = np.random.default_rng((SEED, 1, step))
        turn = step // NEW_NOISES
        if self.noises is None or self.noises[0] != turn:
            self.noises = turn, Noises(self.stock, np.random.default_rng((SEED, 0, turn)))
        made = [compose.stretch(self.stock, random) for _ in range(count)]
        noise = np.stack([self.noises[1].cut(random) for _ in range(count)])
        noise *= compose.noise_levels(count, random)[:, None].astype(np.float32)
        both = torch.from_numpy(np.concatenate([np.stack([sound for sound, _ in made]), noise])).to(self.device)
        heard = augment.through(both, augment.channel(2 * count, LENGTH, RATE, random).to(self.device))
        sounds = augment.convert(heard[:count] + heard[count:], random)
        return augment.hide(augment.warp(self.features(sounds), random), random), [said for _, said in made]


def targets(said: list[list[Said]], frames: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All digits, how many each has, and what to add to log-probabilities: tokens come out when their word is heard."""
    known = np.array([network.known_at(frame) * RATE // 16000 for frame in range(frames)])
    bias = np.full((len(said), frames, network.BLANK + 1), FORBIDDEN, np.float32)
    bias[:, :, network.BLANK] = 0
    for row, spoken in zip(bias, said):
        for one in spoken:
            early = one.start + 0.4 * (one.end - one.start)
            row[(known >= early) & (known <= one.end + LATE), one.digit] = 0
    tokens = [one.digit for spoken in said for one in spoken]
    counts = [len(spoken) for spoken in said]
    return torch.tensor(tokens, dtype=torch.long), torch.tensor(counts), torch.from_numpy(bias)


def learning_rate(step: int, steps: int) -> float:
    """Rises, then falls to nothing along a cosine."""
    return RATE_OF_LEARNING * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def train(stock: Stock, plan: Plan, folder: Path) -> network.Digits:
    """Trains, from the last checkpoint if there is one; returns the network ready for use."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Convolutions in 16 bit where the processor has them.
    short = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    model = network.Digits().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    checkpoint = folder / "checkpoint.pt"
    step = 0
    if checkpoint.exists():
        stored = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(stored["model"])
        optimizer.load_state_dict(stored["optimizer"])
        step = stored["step"]
        print(f"{folder.name}: on from step {step}", flush=True)
    if step < plan.steps:
        batches = Batches(stock, device)
    saved = time.monotonic()
    losses = []
    while step < plan.steps:
        model.train()
        features, said = batches.batch(step, plan.batch)
        torch.manual_seed(step)
        with torch.autocast(device.type, torch.bfloat16, enabled=short):
            log_probs, _, _ = model(features, *model.silence(len(features)))
        tokens, counts, bias = targets(said, log_probs.shape[1])
        frames = torch.full_like(counts, log_probs.shape[1])
        loss = nn.functional.ctc_loss(
            (log_probs + bias.to(device)).transpose(0, 1), tokens.to(device), frames, counts, network.BLANK, reduction="sum"
        )
        loss = loss / (counts.sum() + 5 * plan.batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, plan.steps)
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if step % 25 == 0:
            now, loss = time.strftime("%H:%M:%S"), np.mean(losses)
            print(f"{now} {folder.name}: step {step}/{plan.steps}, loss {loss:.4f}", flush=True)
            losses = []
        if time.monotonic() - saved > 60 or step == plan.steps:
            unfinished = checkpoint.with_suffix(".part")
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, unfinished)
            unfinished.rename(checkpoint)
            saved = time.monotonic()
    return model.cpu().eval()
