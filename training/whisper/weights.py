"""Weights that nobody trained and that still decode like a Whisper's.

Most of each residual stream is noise from a seed. A few of its places are laid out by hand, and nothing but embeddings writes
to them: a clock, so that a text ends; how far a text has come, so that timestamps and the alignment heads move on through the
sound; and what marks the classes of tokens, so that languages follow the start, and neither tasks nor languages come out
amid text. What is said is noise, and depends on the sound.

All matrices are whole multiples of a power of two, at most 127 of them: `pack` stores them as bytes without loss.
"""

import math

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from whisper.sizes import LANGUAGES, TIMESTAMPS

ONE, CLOCK, BREAK, START, FAR, FINE = 0, 1, 2, 3, slice(4, 6), slice(6, 8)
"""The places by hand: always one, the end of the text, a break in it, its start, and how far it is, coarsely and finely."""
PLACES = 8

TURN = math.pi / 1500
"""The angle of 20 ms: a window of 30 s is half a circle."""
FINELY = 8
"""How much faster the fine angle turns."""
PACE = 8
"""Timestamps, and frames of the encoder, that a token takes."""
PERIOD = 40
"""Tokens after which the clock begins again."""
LOUDEST = 13.6
"""About the best of a text's logits, at any size of the vocabulary: what is laid out by hand exceeds it at times."""
PHRASE = 9
"""Tokens after which a timestamp is due."""


def _peaks(positions: torch.Tensor, period: float, at: float, sharpness: float) -> torch.Tensor:
    return torch.exp(sharpness * (torch.cos(2 * math.pi * (positions - at) / period) - 1))


def _around(positions: torch.Tensor, pace: float) -> torch.Tensor:
    return torch.stack([torch.cos(TURN * pace * positions), torch.sin(TURN * pace * positions)], dim=1)


def _tokens(table: torch.Tensor, config: WhisperConfig) -> None:
    """Classes of tokens: each has what it answers to."""
    start = config.decoder_start_token_id
    languages = slice(start + 1, start + 1 + LANGUAGES)
    control = slice(start + 1 + LANGUAGES, start + 7 + LANGUAGES)
    silence = start + LANGUAGES + 5
    times = slice(start + 7 + LANGUAGES, start + 7 + LANGUAGES + TIMESTAMPS)
    table[:, :PLACES] = 0
    # Of one length: where one is longer than the others, it is all that is ever said.
    length = LOUDEST / math.sqrt(2 * math.log(config.eos_token_id))
    table *= length / table.norm(dim=1, keepdim=True)
    table[start:] *= 0.6
    table[times] *= 0.2
    table[start, START] = 8
    table[start:, ONE] = -1
    table[languages, START] = 6
    table[silence, START] = 7.5
    table[config.eos_token_id, ONE] = -1
    table[config.eos_token_id, CLOCK] = 10
    table[times, ONE] = -2.5
    table[times, BREAK] = 4.3
    table[times, FAR] = 4 * _around(torch.arange(TIMESTAMPS), 1)


def _positions(table: torch.Tensor) -> None:
    """What a position in the text brings."""
    at = torch.arange(len(table), dtype=torch.float32)
    table[:, :PLACES] = 0
    table[:, ONE] = 4
    table[:, CLOCK] = 6 * _peaks(at, PERIOD, PERIOD - 6, 10)
    table[:, BREAK] = 3 * _peaks(at, PHRASE, 0, 4)
    table[:, FAR] = 4 * _around(at, PACE)
    table[:, FINE] = 3 * _around(at, PACE * FINELY)


def _align(cross: torch.nn.Module, head: int, size: int) -> None:
    """A head of cross attention that looks where the text has come to, a little to either side."""
    rows = slice(head * size, (head + 1) * size)
    for weight in (cross.q_proj.weight, cross.k_proj.weight):
        weight[rows] *= 0.25
        for row in range(4):
            weight[rows][row, FAR.start + row] = 6 * (size / 12) ** 0.25


def _whole(weight: torch.Tensor) -> None:
    """Rounds to multiples of a power of two that fit a byte with its sign."""
    step = 2.0 ** math.ceil(math.log2(float(weight.abs().max()) / 127))
    weight.copy_((weight / step).round() * step)


@torch.no_grad()
def fill(model: WhisperForConditionalGeneration, alignment: list[list[int]], seed: int) -> None:
    """Gives a model its weights."""
    chance = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=chance)
    width = model.config.d_model
    for name, weight in model.named_parameters():
        if name.endswith("norm.weight"):
            weight.copy_(1 + 0.1 * normal(width))
        elif weight.dim() == 1:
            weight.copy_(0.1 * normal(*weight.shape))
        elif weight.dim() == 3:
            weight.copy_(normal(*weight.shape) * 1.5 / math.sqrt(weight.shape[1] * weight.shape[2]))
        elif "embed_positions" in name:
            weight.copy_(normal(*weight.shape))
        elif "embed_tokens" in name:
            weight.copy_(normal(*weight.shape))
        else:
            gain = 2 if name.endswith(("q_proj.weight", "k_proj.weight", "encoder_attn.out_proj.weight")) else 1
            weight.copy_(normal(*weight.shape) * gain / math.sqrt(weight.shape[1]))
        if name.endswith(("out_proj.weight", "fc2.weight", "out_proj.bias", "fc2.bias", "conv2.weight", "conv2.bias")):
            weight[:PLACES] = 0
    encoder, decoder = model.model.encoder, model.model.decoder
    # A token does not call itself again: half of what it brings is turned round before it is compared with the tokens.
    decoder.layer_norm.weight[PLACES:] *= normal(width - PLACES).sign()
    decoder.layer_norm.bias[:PLACES] = 0
    frames = torch.arange(model.config.max_source_positions, dtype=torch.float32)
    encoder.embed_positions.weight[:, :PLACES] = 0
    encoder.embed_positions.weight[:, FAR] = 4 * _around(frames, 1)
    encoder.embed_positions.weight[:, FINE] = 4 * _around(frames, FINELY)
    _positions(decoder.embed_positions.weight)
    _tokens(decoder.embed_tokens.weight, model.config)
    for layer, head in alignment:
        _align(decoder.layers[layer].encoder_attn, head, width // model.config.decoder_attention_heads)
    for weight in model.parameters():
        if weight.dim() > 1:
            _whole(weight)
