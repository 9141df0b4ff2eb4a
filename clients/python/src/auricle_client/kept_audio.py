"""Audio that may be needed again, with its position in the stream. Positions are bytes from the start.

Invariant: what is kept is contiguous and ends at `end`.
"""

from __future__ import annotations


class KeptAudio:
    """The end of a stream's audio."""

    def __init__(self) -> None:
        self._audio = bytearray()
        #: The position of the first byte that is kept.
        self.start = 0

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self.start + len(self._audio)

    def push(self, audio: bytes) -> None:
        """Appends audio."""
        self._audio += audio

    def release(self, position: int) -> None:
        """Drops what is before a position."""
        dropped = min(max(0, position - self.start), len(self._audio))
        del self._audio[:dropped]
        self.start += dropped

    def read(self, start: int, end: int) -> bytes:
        """The audio between two positions that are kept."""
        return bytes(self._audio[start - self.start : end - self.start])
