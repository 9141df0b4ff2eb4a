"""A client of Auricle's native protocol: audio in, text out, with asyncio (`AsyncStream`) or without (`Stream`)."""

from .aio import AsyncStream
from .blocking import Stream
from .events import (
    Done,
    Endpoint,
    Event,
    Flushed,
    Gap,
    GoingAway,
    Lag,
    Lost,
    Partial,
    Ready,
    Restarted,
    Resumed,
    Segment,
    SpeechStarted,
    Word,
)
from .failure import Failure
from .transcript import Text, Transcript

__all__ = [
    "AsyncStream",
    "Done",
    "Endpoint",
    "Event",
    "Failure",
    "Flushed",
    "Gap",
    "GoingAway",
    "Lag",
    "Lost",
    "Partial",
    "Ready",
    "Restarted",
    "Resumed",
    "Segment",
    "SpeechStarted",
    "Stream",
    "Text",
    "Transcript",
    "Word",
]
