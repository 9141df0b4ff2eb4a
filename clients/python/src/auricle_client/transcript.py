"""What has been recognised: final segments, and the unstable text after them.

Invariant: segments are in order and never change; `partial` is None unless there is text after the last segment.
"""

from __future__ import annotations

from typing import List, Optional, Union

from . import subtitles
from .events import Done, Event, Gap, Partial, Ready, Segment

#: Final or unstable text.
Text = Union[Segment, Partial]


class Transcript:
    """Collects the events of a stream."""

    def __init__(self) -> None:
        #: Final texts.
        self.segments: List[Segment] = []
        #: The unstable text, or None.
        self.partial: Optional[Partial] = None
        #: Audio without text.
        self.gaps: List[Gap] = []
        #: Between the texts of segments.
        self.separator = " "

    def apply(self, event: Event) -> None:
        """Takes an event of a stream."""
        if isinstance(event, Ready):
            self.separator = event.separator
        elif isinstance(event, Partial):
            self.partial = event if event.text else None
        elif isinstance(event, Segment):
            self.partial = None
            self.segments.append(event)
        elif isinstance(event, Gap):
            self.gaps.append(event)
        elif isinstance(event, Done):
            self.partial = None

    @property
    def text(self) -> str:
        """The text of all segments."""
        return self.separator.join(segment.text for segment in self.segments)

    @property
    def end(self) -> float:
        """The position in seconds up to which the text is final."""
        return self.segments[-1].end if self.segments else 0.0

    def to_text(self) -> str:
        """One line for each segment."""
        return subtitles.to_text(self.segments)

    def to_srt(self) -> str:
        """SubRip. Long segments are split if the times of their words are known."""
        return subtitles.to_srt(self.segments)

    def to_vtt(self) -> str:
        """WebVTT, split like SubRip."""
        return subtitles.to_vtt(self.segments)

    def to_json(self) -> str:
        """Text, segments with their words, and gaps, with two spaces of indentation."""
        return subtitles.to_json(self.text, self.segments, self.gaps)
