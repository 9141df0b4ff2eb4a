"""The network: log-mel frames to the ten digits and a blank, every 40 ms, from what has been heard so far.

Two convolutions without padding shorten four frames into one; a stack of causal convolutions with residual connections
follows, whose left contexts are the caches of streaming. Whole and in steps it computes the same.
"""

import torch
from torch import nn

FIRST, LAST = 3, 60
"""The bands it hears: 0.1 to 3.7 kHz, which sound at 8 kHz has as well."""
DECAY = 0.023
"""How fast the level falls after a loud moment, in each frame: 10 dB a second (as all levels here, in natural logarithms)."""
LOWEST = -12.0
"""The level that nothing is below."""
DEPTH = 8.0
"""What is further below the level is not heard: 35 dB."""
WIDTH = 128
KERNEL = 5
DILATIONS = (1, 1, 1, 1, 2, 2, 2, 2)
CONTEXT = (KERNEL - 1) * max(DILATIONS)
SUBSAMPLING = 4
OVERLAP = 9
"""Frames that a window has beyond those it moves on by."""
BLANK = 10


def levelled(features: torch.Tensor, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features beside the level (the loudest band's peaks, slowly falling) and not far below it, so that gain and faint remains
    of noise make no difference; with the level after each frame above `LOWEST`. `level` is that before them, `[B, 1]`."""
    fall = DECAY * torch.arange(features.shape[2], device=features.device)
    before = level + LOWEST - DECAY
    peaks = torch.maximum(features.amax(1) + fall, before)
    levels = (torch.cummax(peaks, 1).values - fall).clamp(min=LOWEST)
    beside = nn.functional.softplus(features - levels[:, None] + DEPTH)
    return (beside - 3) / 2, levels - LOWEST


class Block(nn.Module):
    """A causal convolution around which the input is led."""

    def __init__(self, dilation: int):
        super().__init__()
        self.reach = (KERNEL - 1) * dilation
        self.conv = nn.Conv1d(WIDTH, WIDTH, KERNEL, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor, cache: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`[B, WIDTH, T]` and the `[B, WIDTH, CONTEXT]` before it; what comes out, and the context of what comes next."""
        heard = torch.cat([cache, x], 2)
        y = torch.relu(self.norm(self.conv(heard[:, :, CONTEXT - self.reach :])))
        return x + self.drop(y), heard[:, :, -CONTEXT:]


class Digits(nn.Module):
    """`[B, bands, frames]` of features from `FIRST` to `LAST`, the level and the caches before them, to log-probabilities, the
    level after each frame, and the next caches."""

    def __init__(self):
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv1d(LAST - FIRST, 96, 5, stride=2, bias=False),
            nn.BatchNorm1d(96),
            nn.ReLU(),
            nn.Conv1d(96, WIDTH, 5, stride=2, bias=False),
            nn.BatchNorm1d(WIDTH),
            nn.ReLU(),
        )
        self.blocks = nn.ModuleList(Block(dilation) for dilation in DILATIONS)
        self.head = nn.Conv1d(WIDTH, BLANK + 1, 1)
        with torch.no_grad():
            self.head.bias[BLANK] = 2

    def forward(
        self, features: torch.Tensor, level: torch.Tensor, caches: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x, levels = levelled(features, level)
        x = self.front(x)
        after = []
        for number, block in enumerate(self.blocks):
            x, cache = block(x, caches[:, number])
            after.append(cache)
        return self.head(x).float().transpose(1, 2).log_softmax(2), levels, torch.stack(after, 1)

    def silence(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The level and the caches before anything was heard."""
        zeros = self.head.weight.new_zeros
        return zeros(count, 1), zeros(count, len(DILATIONS), WIDTH, CONTEXT)


def known_at(frame: int) -> int:
    """How many samples at 16 kHz output `frame` rests on."""
    return 160 * (SUBSAMPLING * frame + 12) + 280
