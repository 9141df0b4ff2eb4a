"""What a stream reports. Times are seconds from the start of the stream, or from its last reset, with three decimals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Dict, List, Literal, Mapping, Optional, Tuple, Union


@dataclass(frozen=True)
class Word:
    """A word of a text."""

    start: float
    end: float
    text: str
    #: 0 to 1, if the engine reports it.
    confidence: Optional[float] = None
    #: Further data of the engine.
    extra: Optional[Mapping[str, Any]] = None


@dataclass(frozen=True)
class Ready:
    """A connection is open; again after each reconnect, and in answer to `reset` with the next `epoch`."""

    #: The server's name for this connection's stream.
    stream: str
    #: Resets so far.
    epoch: int
    preset: str
    backend: str
    #: Between the texts of segments.
    separator: str
    #: Of the model, in Hz.
    sample_rate: int
    #: The audio that the model processes at once.
    chunk_seconds: float
    languages: Tuple[str, ...]
    #: What the engine supports, such as `partials` or `word-times`.
    capabilities: Tuple[str, ...]
    type: Literal["ready"] = field(default="ready", init=False)


@dataclass(frozen=True)
class Partial:
    """Unstable text after the last segment. It replaces the one before; a segment ends it."""

    start: float
    end: float
    text: str
    words: Optional[Tuple[Word, ...]] = None
    confidence: Optional[float] = None
    language: Optional[str] = None
    extra: Optional[Mapping[str, Any]] = None
    #: From 0, if each channel has a transcript.
    channel: Optional[int] = None
    type: Literal["partial"] = field(default="partial", init=False)


@dataclass(frozen=True)
class Segment:
    """Final text. It never changes afterwards; segments come in order and do not overlap."""

    start: float
    end: float
    text: str
    words: Optional[Tuple[Word, ...]] = None
    confidence: Optional[float] = None
    language: Optional[str] = None
    extra: Optional[Mapping[str, Any]] = None
    #: From 0, if each channel has a transcript.
    channel: Optional[int] = None
    type: Literal["segment"] = field(default="segment", init=False)


@dataclass(frozen=True)
class SpeechStarted:
    """Somebody began to speak."""

    time: float
    #: From 0, if each channel has a transcript.
    channel: Optional[int] = None
    type: Literal["speech_started"] = field(default="speech_started", init=False)


@dataclass(frozen=True)
class Endpoint:
    """The utterance up to this time is complete."""

    time: float
    #: From 0, if each channel has a transcript.
    channel: Optional[int] = None
    type: Literal["endpoint"] = field(default="endpoint", init=False)


@dataclass(frozen=True)
class Lag:
    """How long the oldest audio has waited for the engine; 0 when the stream has caught up."""

    seconds: float
    type: Literal["lag"] = field(default="lag", init=False)


@dataclass(frozen=True)
class Gap:
    """Audio without text: a failure in the server, or the connection was away for longer than audio is kept."""

    start: float
    end: float
    type: Literal["gap"] = field(default="gap", init=False)


@dataclass(frozen=True)
class Restarted:
    """The engine reported no text although somebody speaks, and was started anew. Nothing needs to be done."""

    #: Where: it gets the audio from there on again.
    time: float
    type: Literal["restarted"] = field(default="restarted", init=False)


@dataclass(frozen=True)
class Flushed:
    """Everything sent before `flush` has been reported."""

    #: Frames sent before the flush.
    sample: int
    type: Literal["flushed"] = field(default="flushed", init=False)


@dataclass(frozen=True)
class Done:
    """All text has been reported. The last event."""

    #: Of audio.
    seconds: float
    type: Literal["done"] = field(default="done", init=False)


@dataclass(frozen=True)
class GoingAway:
    """The server is about to stop, and finishes the stream then.

    If the audio has not ended by then, the stream goes on with another connection; nothing needs to be done.
    """

    #: Until then.
    seconds: float
    type: Literal["going_away"] = field(default="going_away", init=False)


@dataclass(frozen=True)
class Lost:
    """The connection broke, or the server refused the next one for now."""

    code: str
    message: str
    #: Seconds until the next try.
    retry_in: float
    type: Literal["lost"] = field(default="lost", init=False)


@dataclass(frozen=True)
class Resumed:
    """Connected again. Audio from second `start` on was sent again; what fell out before it is in `lost`."""

    start: float
    #: Seconds without a connection.
    away: float
    lost: Optional[Gap]
    #: Whether the text is that of an uncut stream. Otherwise the server has begun anew at `start`, or near it: no audio is lost,
    #: but words there may differ.
    is_exact: bool = False
    type: Literal["resumed"] = field(default="resumed", init=False)


Event = Union[
    Ready, Partial, Segment, SpeechStarted, Endpoint, Lag, Gap, Restarted, Flushed, Done, GoingAway, Lost, Resumed
]


def parse(message: Mapping[str, Any], shift: float) -> Optional[Event]:
    """The event in a message about text, with its times later by some seconds. `None` for types of later versions.

    Raises KeyError or TypeError for what is not a message of this protocol.
    """

    def time(name: str) -> float:
        return later(message[name], shift)

    kind = message["type"]
    if kind == "partial":
        return Partial(**_text(message, shift))
    if kind == "segment":
        return Segment(**_text(message, shift))
    if kind == "speech_started":
        return SpeechStarted(time("time"), message.get("channel"))
    if kind == "endpoint":
        return Endpoint(time("time"), message.get("channel"))
    if kind == "lag":
        return Lag(message["seconds"])
    if kind == "going_away":
        return GoingAway(message["seconds"])
    if kind == "gap":
        return Gap(time("start"), time("end"))
    if kind == "restarted":
        return Restarted(time("time"))
    return None


def ready(message: Mapping[str, Any], epoch: int) -> Ready:
    """The server's `ready`, with the stream's own count of resets."""
    names = ("stream", "preset", "backend", "separator", "sample_rate", "chunk_seconds")
    return Ready(
        epoch=epoch,
        languages=tuple(message["languages"]),
        capabilities=tuple(message["capabilities"]),
        **{name: message[name] for name in names},
    )


def later(time: float, shift: float) -> float:
    """A time later by some seconds, with three decimals."""
    return math.floor((time + shift) * 1000 + 0.5) / 1000 if shift else time


def _text(message: Mapping[str, Any], shift: float) -> Dict[str, Any]:
    words: Optional[List[Mapping[str, Any]]] = message.get("words")
    return {
        "start": later(message["start"], shift),
        "end": later(message["end"], shift),
        "text": message["text"],
        "words": None if words is None else tuple(_word(word, shift) for word in words),
        "confidence": message.get("confidence"),
        "language": message.get("language"),
        "extra": message.get("extra"),
        "channel": message.get("channel"),
    }


def _word(word: Mapping[str, Any], shift: float) -> Word:
    start, end = later(word["start"], shift), later(word["end"], shift)
    return Word(start, end, word["text"], word.get("confidence"), word.get("extra"))
