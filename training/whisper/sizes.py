"""The sizes that models are made in."""

from dataclasses import dataclass

LANGUAGES = 99
TIMESTAMPS = 1501
"""From 0.00 to 30.00 s."""


@dataclass(frozen=True)
class Size:
    """What a size is, apart from its languages. `heads_*` are the alignment heads: layer and head; what is 0 of the decoder is as
    in the encoder."""

    width: int
    heads: int
    layers: int
    words: int
    heads_multilingual: tuple[tuple[int, int], ...]
    heads_english: tuple[tuple[int, int], ...]
    decoder_layers: int = 0
    decoder_inner: int = 0

    def config(self, multilingual: bool) -> dict:
        """The fields of config.json that are not the same for every Whisper."""
        end = self.words + multilingual
        return {
            "vocab_size": end + 2 + LANGUAGES + 6 + TIMESTAMPS,
            "d_model": self.width,
            "encoder_layers": self.layers,
            "decoder_layers": self.decoder_layers or self.layers,
            "encoder_attention_heads": self.heads,
            "decoder_attention_heads": self.heads,
            "encoder_ffn_dim": 4 * self.width,
            "decoder_ffn_dim": self.decoder_inner or 4 * self.width,
            "pad_token_id": end,
            "bos_token_id": end,
            "eos_token_id": end,
            "decoder_start_token_id": end + 1,
        }

    def alignment(self, multilingual: bool) -> list[list[int]]:
        """The heads whose attention follows the sound."""
        return [list(pair) for pair in (self.heads_multilingual if multilingual else self.heads_english)]


SIZES = {
    "nano": Size(24, 2, 2, 599, ((1, 0), (1, 1)), ((0, 1), (1, 0))),
    "tiny": Size(
        384, 6, 4, 50256,
        ((2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)),
        ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)),
    ),
    "base": Size(
        512, 8, 6, 50256,
        ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)),
        ((3, 3), (4, 7), (5, 1), (5, 5), (5, 7)),
    ),
}  # fmt: skip
