"""The network: transformers' Whisper, small, and what helps it to learn and is not kept.

Beside the text, the encoder learns what each frame is, and heads of the decoder's last layer where to look: both are known.
Timestamps are not 1501 things to learn: they are told apart by the very waves that tell the encoder's frames apart, turned as
is learned. When training is over they are tokens like all others.
"""

import copy
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from digits.corpus import NAMES
from whisper import tokens
from whisper.sizes import TIMESTAMPS, Size
from whisper_digits.targets import CLASSES

ALIGNMENT = ((1, 0), (2, 0))
"""Heads, by layer and number, that look at the sound of the token to follow: what is made of them is when each token ends."""
SIZE = Size(128, 4, 4, 291, ALIGNMENT, ALIGNMENT, decoder_layers=3, decoder_inner=256)
"""291: all bytes, and what joins them to the ten words."""


def tokenizer() -> tokens.WhisperTokenizerFast:
    """One in whose text the ten words are whole."""
    return tokens.tokenizer(SIZE.words, False, [" " + " ".join(NAMES)] * 2)


class Times(nn.Module):
    """The table of tokens, with the timestamps' waves."""

    def __init__(self, waves: torch.Tensor):
        super().__init__()
        width = waves.shape[1]
        # One beyond the encoder's frames: 30.00 s.
        self.register_buffer("waves", torch.cat([waves, waves[-1:]])[:TIMESTAMPS])
        self.turn = nn.Parameter(0.1 * torch.eye(width))

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        first = len(table) - TIMESTAMPS
        return torch.cat([table[:first], table[first:] + self.waves @ self.turn])


NEAR = (((-3, -1, 1, 3), 0), ((-6, -2, 2, 6), 3), ((-12, -4, 4, 12), 6))
"""Of the encoder's first layers: how many frames off each head looks at first, and the quickest wave by which it does."""
SHARPNESS = 1.45


@torch.no_grad()
def _nearby(encoder: nn.Module) -> None:
    """Attention that begins as convolutions would: with frames at fixed distances, as the positions' waves tell them apart."""
    half, size = SIZE.width // 2, SIZE.width // SIZE.heads
    pace = torch.exp(-torch.arange(half) * math.log(10_000) / (half - 1))
    for layer, (distances, first) in zip(encoder.layers, NEAR):
        query, key = layer.self_attn.q_proj, layer.self_attn.k_proj
        for weight in (query.weight, key.weight):
            weight *= 0.25
        query.bias.zero_()
        for head, distance in enumerate(distances):
            for wave in range(size // 2):
                sine, cosine = first + wave, half + first + wave
                row, turn = head * size + 2 * wave, float(pace[first + wave]) * distance
                query.weight[row, sine] += SHARPNESS
                query.weight[row + 1, cosine] += SHARPNESS
                # The sine and the cosine of a place that much earlier.
                key.weight[row, sine] += SHARPNESS * math.cos(turn)
                key.weight[row, cosine] -= SHARPNESS * math.sin(turn)
                key.weight[row + 1, cosine] += SHARPNESS * math.cos(turn)
                key.weight[row + 1, sine] += SHARPNESS * math.sin(turn)


@torch.no_grad()
def _begin(model: WhisperForConditionalGeneration) -> None:
    """Weights from which so small a network learns soon."""
    for name, weight in model.named_parameters():
        if weight.dim() == 2 and "embed" not in name:
            narrow = 0.35 if name.endswith(("out_proj.weight", "fc2.weight")) else 0.8
            nn.init.normal_(weight, std=narrow / math.sqrt(weight.shape[1]))
        elif weight.dim() == 3:
            nn.init.normal_(weight, std=1.7 / math.sqrt(weight.shape[1] * weight.shape[2]))
    _nearby(model.model.encoder)
    for layer in model.model.decoder.layers:
        # What is looked at is passed on as it is, and so tells its time by the waves that timestamps have.
        cross = layer.encoder_attn
        nn.init.orthogonal_(cross.v_proj.weight)
        cross.out_proj.weight.copy_(0.5 * cross.v_proj.weight.T)
    nn.init.normal_(model.model.decoder.embed_tokens.weight, std=0.05)
    nn.init.zeros_(model.model.decoder.embed_tokens.weight[-TIMESTAMPS:])


class Learner(nn.Module):
    """The network while it learns."""

    def __init__(self):
        super().__init__()
        config = WhisperConfig(**SIZE.config(False), begin_suppress_tokens=None, attn_implementation="sdpa")
        self.whisper = WhisperForConditionalGeneration(config)
        _begin(self.whisper)
        # The decoder's attention is looked at; the encoder's is much larger, and quicker unseen.
        seen = copy.deepcopy(config)
        seen._attn_implementation = "eager"
        for module in self.whisper.model.decoder.modules():
            if hasattr(module, "config"):
                module.config = seen
        waves = self.whisper.model.encoder.embed_positions.weight.detach().clone()
        parametrize.register_parametrization(self.whisper.model.decoder.embed_tokens, "weight", Times(waves))
        self.frames = nn.Linear(SIZE.width, CLASSES)

    def hear(self, features: torch.Tensor, shift: int) -> torch.Tensor:
        """The encoder's output for a window of any length, whose first frame is number `shift` of its positions."""
        encoder = self.whisper.model.encoder
        heard = nn.functional.gelu(encoder.conv1(features))
        heard = nn.functional.gelu(encoder.conv2(heard)).transpose(1, 2)
        heard = heard + encoder.embed_positions.weight[shift : shift + heard.shape[1]]
        for layer in encoder.layers:
            heard = layer(heard, None, None)[0]
        return encoder.layer_norm(heard)

    def forward(
        self, features: torch.Tensor, ids: torch.Tensor, shift: int, apart: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits of tokens, logits of frames, and the attention of the alignment heads, `[heads, B, tokens, frames]`. The encoder
        learns from frames alone if the two are to learn `apart`."""
        heard = self.hear(features, shift)
        with parametrize.cached():
            found = self.whisper.model.decoder(
                input_ids=ids,
                encoder_hidden_states=heard.detach() if apart else heard,
                output_attentions=True,
                use_cache=False,
            )
            logits = nn.functional.linear(found.last_hidden_state, self.whisper.model.decoder.embed_tokens.weight)
        attention = torch.stack([found.cross_attentions[layer][:, head] for layer, head in ALIGNMENT])
        return logits, self.frames(heard), attention


@torch.no_grad()
def save(learner: Learner, folder: Path) -> None:
    """The network that was learned, as transformers keeps it, rounded to 16 bits."""
    state = {name: weight for name, weight in learner.whisper.state_dict().items() if "embed_tokens" not in name}
    state["model.decoder.embed_tokens.weight"] = state["proj_out.weight"] = learner.whisper.model.decoder.embed_tokens.weight
    whisper = WhisperForConditionalGeneration(learner.whisper.config)
    whisper.load_state_dict(state)
    for weight in whisper.parameters():
        weight.copy_(weight.half().float())
    made = tokenizer()
    # Whoever begins late is told so, and nothing may be all that is said.
    fields = tokens.generation(made, False, SIZE.alignment(False), max_initial_timestamp_index=TIMESTAMPS - 1)
    fields["begin_suppress_tokens"].remove(fields["eos_token_id"])
    whisper.generation_config = GenerationConfig(**fields)
    whisper.save_pretrained(folder)
    made.save_pretrained(folder)
    WhisperFeatureExtractor(processor_class="WhisperProcessor").save_pretrained(folder)
