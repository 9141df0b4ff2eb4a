"""The audio that a program gives, as bytes: whole frames of the stream's format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Bytes of a sample, and the item types of arrays that can hold such samples.
_FORMATS = {"s16le": (2, "h"), "f32le": (4, "f"), "mulaw": (1, ""), "alaw": (1, "")}
#: The item types of plain bytes.
_BYTES = "Bbc"


@dataclass(frozen=True)
class Format:
    """The audio that a stream takes."""

    format: str = "s16le"
    sample_rate: int = 16_000
    channels: int = 1
    channel: Optional[int] = None
    #: Whether each channel has a transcript of its own.
    multichannel: bool = False

    def __post_init__(self) -> None:
        if self.format not in _FORMATS:
            raise ValueError(f"format must be one of {', '.join(_FORMATS)}, not {self.format!r}")
        if not 8_000 <= self.sample_rate <= 192_000:
            raise ValueError(f"sample_rate must be 8000 to 192000 Hz, not {self.sample_rate}")
        if not 1 <= self.channels <= 8:
            raise ValueError(f"channels must be 1 to 8, not {self.channels}")
        if self.channel is not None and not 0 <= self.channel < self.channels:
            raise ValueError(f"channel must be 0 to {self.channels - 1}, not {self.channel}")
        if self.channel is not None and self.multichannel:
            raise ValueError("channel selects one channel, multichannel has a transcript of each: give one of them")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of each channel."""
        return _FORMATS[self.format][0] * self.channels

    @property
    def bytes_per_second(self) -> int:
        return self.frame_bytes * self.sample_rate

    def bytes_of(self, audio: Buffer) -> memoryview:
        """The bytes of `bytes` or of an array, such as one of numpy. Raises TypeError if its items are other samples."""
        view = memoryview(audio)
        if not view.nbytes:
            return memoryview(b"")
        item = view.format.lstrip("<=@")
        if item not in _BYTES and item != _FORMATS[self.format][1]:
            raise TypeError(f"the samples are of type {view.format!r} of Python's `struct`, the stream's format is {self.format}")
        return view.cast("B")
