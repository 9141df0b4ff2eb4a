"""The network: log-mel frames to the ten digits and a blank, every 40 ms, from what has been heard so far.

Two convolutions without padding shorten four frames into one; a stack of causal convolutions with residual connections
follows, whose left contexts are the caches of streaming. Whole and in steps it computes the same.
"""

import torch
from torch import nn

FIRST, LAST = 3, 60
"""The bands it hears: 0.1 to 3.7 kHz, which sound at 8 kHz has as well."""
MEAN, SCALE = -12.0, 0.25
WIDTH = 128
KERNEL = 5
DILATIONS = (1, 1, 1, 1, 2, 2, 2, 2)
CONTEXT = (KERNEL - 1) * max(DILATIONS)
SUBSAMPLING = 4
OVERLAP = 9
"""Frames that a window has beyond those it moves on by."""
BLANK = 10


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
    """`[B, bands, frames]` of features from `FIRST` to `LAST`, and caches, to log-probabilities and the next caches."""

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

    def forward(self, features: torch.Tensor, caches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.front((features - MEAN) * SCALE)
        after = []
        for number, block in enumerate(self.blocks):
            x, cache = block(x, caches[:, number])
            after.append(cache)
        return self.head(x).float().transpose(1, 2).log_softmax(2), torch.stack(after, 1)

    def silence(self, count: int) -> torch.Tensor:
        """The caches before anything was heard."""
        return self.head.weight.new_zeros(count, len(DILATIONS), WIDTH, CONTEXT)


def known_at(frame: int) -> int:
    """How many samples at 16 kHz output `frame` rests on."""
    return 160 * (SUBSAMPLING * frame + 12) + 280
