"""A transcript as a file: text, SubRip, WebVTT, JSON. Nothing here keeps state.

The results are those of the JavaScript client; the tests of both read the same cases.
"""

from __future__ import annotations

import json
import math
from typing import Any, Dict, List, NamedTuple, Sequence

from .events import Gap, Segment, Word

#: Longer segments are split into several captions, if the times of their words are known.
_MAX_CHARACTERS = 84
_MAX_SECONDS = 7
#: Characters of a line; a caption has two.
_LINE = 42


class _Caption(NamedTuple):
    start: float
    end: float
    text: str


def to_text(segments: Sequence[Segment]) -> str:
    """One line for each segment."""
    return "".join(f"{_one_line(segment.text)}\n" for segment in segments)


def to_srt(segments: Sequence[Segment]) -> str:
    """SubRip."""
    cues = (
        f"{n}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_lines(text)}\n"
        for n, (start, end, text) in enumerate(_captions(segments), 1)
    )
    return "\n".join(cues)


def to_vtt(segments: Sequence[Segment]) -> str:
    """WebVTT."""
    cues = (
        f"\n{_clock(start, '.')} --> {_clock(end, '.')}\n{_escaped(_lines(text))}\n"
        for start, end, text in _captions(segments)
    )
    return "WEBVTT\n" + "".join(cues)


def to_json(text: str, segments: Sequence[Segment], gaps: Sequence[Gap]) -> str:
    """Everything that is known."""
    whole = {
        "text": text,
        "segments": [_segment(segment) for segment in segments],
        "gaps": [{"start": _number(gap.start), "end": _number(gap.end)} for gap in gaps],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _segment(segment: Segment) -> Dict[str, Any]:
    known: Dict[str, Any] = {"start": _number(segment.start), "end": _number(segment.end), "text": segment.text}
    if segment.words is not None:
        known["words"] = [_word(word) for word in segment.words]
    if segment.confidence is not None:
        known["confidence"] = _number(segment.confidence)
    if segment.language is not None:
        known["language"] = segment.language
    return known


def _word(word: Word) -> Dict[str, Any]:
    known: Dict[str, Any] = {"start": _number(word.start), "end": _number(word.end), "text": word.text}
    if word.confidence is not None:
        known["confidence"] = _number(word.confidence)
    if word.extra is not None:
        known["extra"] = word.extra
    return known


def _number(value: float) -> float:
    """Without decimals if it has none."""
    return int(value) if value == int(value) else value


def _captions(segments: Sequence[Segment]) -> List[_Caption]:
    """Segments cut into pieces that fit on a screen."""
    captions: List[_Caption] = []
    for segment in segments:
        fits = len(segment.text) <= _MAX_CHARACTERS and segment.end - segment.start <= _MAX_SECONDS
        if fits or not segment.words:
            captions.append(_Caption(segment.start, segment.end, segment.text))
        else:
            captions.extend(_pieces(segment.words))
    return captions


def _pieces(words: Sequence[Word]) -> List[_Caption]:
    pieces: List[_Caption] = []
    for word in words:
        if pieces:
            last = pieces[-1]
            text = f"{last.text} {word.text}"
            if len(text) <= _MAX_CHARACTERS and word.end - last.start <= _MAX_SECONDS:
                pieces[-1] = _Caption(last.start, word.end, text)
                continue
        pieces.append(_Caption(word.start, word.end, word.text))
    return pieces


def _lines(text: str) -> str:
    """The text in lines of a caption. An empty line would end the caption."""
    broken = [""]
    for word in _one_line(text).split(" "):
        longer = f"{broken[-1]} {word}" if broken[-1] else word
        if len(longer) <= _LINE or not broken[-1]:
            broken[-1] = longer
        else:
            broken.append(word)
    return "\n".join(broken)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    """`00:01:02,345`."""
    milliseconds = max(0, math.floor(seconds * 1000 + 0.5))
    rest, thousandths = divmod(milliseconds, 1000)
    rest, second = divmod(rest, 60)
    hour, minute = divmod(rest, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{thousandths:03}"
