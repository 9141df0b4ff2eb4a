"""A tiny cache-aware attention network as PyTorch's exporter writes one: `python -m streaming.exported`, in the folder `training`
and its environment.

Its graph is what `torch.onnx.export` makes of modules like NeMo's: caches with the layers in front inside, relative positions,
weights without names, shapes that are computed, and cached frames of which the last one is dropped again. Engine `onnx` looks for
keys and values in such graphs (`plugins/onnx/src/graph`); its tests have this one.
"""

import math
from pathlib import Path

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from streaming import nemo

OUT = Path(__file__).resolve().parents[2] / "plugins/onnx/tests/exported/nemo-ctc"
SIZE = nemo.Size(dim=32, layers=2, heads=2, channels=1, bins=16, kernel=3, left=6, ahead=1)
FRAMES = SIZE.ahead + 1
SYMBOLS = 12
# Frames at the end of a chunk that are not cached, as where a chunk's end is heard again.
DROPPED = 1


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(SIZE.dim, SIZE.dim) for _ in range(4))
        self.place = nn.Linear(SIZE.dim, SIZE.dim, bias=False)
        self.biases = nn.ParameterList(torch.randn(SIZE.heads, SIZE.dim // SIZE.heads) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor, places: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([cache, x], dim=1)
        kept = x.shape[1] - DROPPED
        cache = torch.cat([cache[:, kept:, :], x[:, :kept, :]], dim=1)

        def split(y: Tensor) -> Tensor:
            return y.view(y.size(0), -1, SIZE.heads, SIZE.dim // SIZE.heads)

        query, places = split(self.query(x)), split(self.place(places)).transpose(1, 2)
        keys, values = split(self.key(seen)).transpose(1, 2), split(self.value(seen)).transpose(1, 2)
        content, position = ((query + bias).transpose(1, 2) for bias in self.biases)
        far = position @ places.transpose(2, 3)
        streams, heads, frames, reach = far.size()
        far = nn.functional.pad(far, (1, 0)).view(streams, heads, -1, frames)[:, :, 1:].view(streams, heads, frames, reach)
        scores = content @ keys.transpose(2, 3)
        scores = (scores + far[:, :, :, : scores.size(3)]) / math.sqrt(SIZE.dim // SIZE.heads)
        mask = mask[:, None]
        shares = torch.softmax(scores.masked_fill(mask, -10000.0), 3).masked_fill(mask, 0.0)
        return self.out((shares @ values).transpose(1, 2).reshape(x.size(0), -1, SIZE.dim)), cache


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(SIZE.dim) for _ in range(2))
        self.attention = Attention()
        self.gated = nn.Conv1d(SIZE.dim, 2 * SIZE.dim, 1)
        self.convolution = nn.Conv1d(SIZE.dim, SIZE.dim, SIZE.kernel, groups=SIZE.dim)
        self.mixed = nn.Conv1d(SIZE.dim, SIZE.dim, 1)
        self.forward_part = nn.Sequential(nn.Linear(SIZE.dim, 2 * SIZE.dim), nn.SiLU(), nn.Linear(2 * SIZE.dim, SIZE.dim))

    def forward(self, x: Tensor, mask: Tensor, places: Tensor, channel: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, channel = self.attention(self.norms[0](x), mask, places, channel)
        x = x + y
        heard = torch.cat([time, nn.functional.glu(self.gated(x.transpose(1, 2)), 1)], 2)
        x = x + self.mixed(nn.functional.silu(self.convolution(heard))).transpose(1, 2)
        return x + self.forward_part(self.norms[1](x)), channel, heard[:, :, 1 - SIZE.kernel :]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Linear(nemo.SUBSAMPLING * SIZE.bins, SIZE.dim)
        self.layers = nn.ModuleList(Layer() for _ in range(SIZE.layers))
        self.head = nn.Linear(SIZE.dim, SYMBOLS + 1)
        self.register_buffer("places", torch.randn(1, 2 * (SIZE.left + FRAMES) - 1, SIZE.dim))

    def forward(
        self, audio_signal: Tensor, length: Tensor, channel: Tensor, time: Tensor, filled: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        channel, time = channel.transpose(0, 1), time.transpose(0, 1)
        x = (audio_signal.transpose(1, 2)[:, nemo.BEFORE :] + 9) * 0.3
        x = self.front(x.reshape(x.size(0), -1, nemo.SUBSAMPLING * SIZE.bins))
        frames = x.size(1)
        missing = torch.arange(SIZE.left + frames)[None] < (SIZE.left - filled)[:, None]
        mask = missing[:, None, :].expand(-1, frames, -1)
        channels, times = [], []
        for number, layer in enumerate(self.layers):
            x, *caches = layer(x, mask, self.places, channel[number], time[number])
            channels.append(caches[0])
            times.append(caches[1])
        filled = torch.clamp(filled + frames - DROPPED, max=SIZE.left)
        rest = torch.stack(channels).transpose(0, 1), torch.stack(times).transpose(0, 1), filled
        return torch.log_softmax(self.head(x), 2), (length + 7) // nemo.SUBSAMPLING - nemo.DROPPED, *rest


def main() -> None:
    torch.manual_seed(3)
    network = Network().eval()
    window = torch.randn(2, SIZE.bins, SIZE.window), torch.full((2,), SIZE.window)
    channel, time = torch.zeros(2, SIZE.layers, SIZE.left, SIZE.dim), torch.zeros(2, SIZE.layers, SIZE.dim, SIZE.kernel - 1)
    caches = ["cache_last_channel", "cache_last_time", "cache_last_channel_len"]
    inputs = ["audio_signal", "length", *caches]
    outputs = ["logprobs", "encoded_lengths", "cache_last_channel_next", "cache_last_time_next", "cache_last_channel_next_len"]
    OUT.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        (*window, channel, time, torch.zeros(2, dtype=torch.int64)),
        OUT / "model.onnx",
        input_names=inputs,
        output_names=outputs,
        dynamic_axes={name: {0: "batch"} for name in [*inputs, *outputs]},
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(OUT / "model.onnx")
    told = {**nemo.metadata(SIZE, SYMBOLS), "model_type": "EncDecHybridRNNTCTCBPEModel"}
    helper.set_model_props(model, {key: str(value) for key, value in told.items()})
    onnx.save(model, OUT / "model.onnx")
    symbols = [f"{chr(0x2581)}{chr(ord('a') + number)}" for number in range(SYMBOLS)]
    lines = [f"{symbol} {number}\n" for number, symbol in enumerate([*symbols, "<blk>"])]
    (OUT / "tokens.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
