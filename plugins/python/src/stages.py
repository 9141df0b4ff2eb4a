"""Calls the classes of a stage's author. Part of the plugin, which runs it as the module `_auricle_stages`, beside `_auricle`."""

import json
from types import SimpleNamespace

import _auricle
from _auricle import kind, safe, seconds

METHODS = ("audio", "event", "end_turn", "finish", "save", "restore")
CHANGES = ("started", "update", "eager_end", "resumed", "ended")
TRIGGERS = ("model", "manual", "timeout")


@safe
def loader(description):
    described = json.loads(description)
    return Loader(described["folders"], described["module"], described["loader"])


class Loader(_auricle.Loader):
    """The author's loader class, made once per model."""

    @safe
    def open(self, config):
        """The author's object for one stream."""
        return Stream(*self.made(config, "stream", ("init",)))


class Stream:
    """The author's object for one stream."""

    def __init__(self, stream, metadata):
        self.stream = stream
        self.metadata = metadata

    @safe
    def describe(self):
        rate = self.metadata.get("sample_rate", 16_000)
        if not isinstance(rate, int) or rate <= 0:
            raise ValueError(f"the metadata's `sample_rate` is {rate!r}; it must be a whole number, in Hz")
        described = {
            "sample_rate": rate,
            "delay_seconds": float(self.metadata.get("delay_seconds", 0)),
            "changes_text": bool(self.metadata.get("changes_text", False)),
            "capabilities": [str(name) for name in self.metadata.get("capabilities", [])],
            "methods": [method for method in METHODS if callable(getattr(self.stream, method, None))],
        }
        return json.dumps(described).encode()

    @safe
    def init(self, time):
        self.stream.init(float(time))

    @safe
    def audio(self, samples):
        return told("audio", self.stream.audio(_auricle.Stream.array(samples)))

    @safe
    def event(self, event):
        fields = json.loads(event)
        if "words" in fields:
            fields["words"] = [SimpleNamespace(**word) for word in fields["words"]]
        return told("event", self.stream.event(SimpleNamespace(**fields)))

    @safe
    def end_turn(self):
        return told("end_turn", self.stream.end_turn())

    @safe
    def finish(self):
        return told("finish", self.stream.finish())

    @safe
    def save(self):
        state = self.stream.save()
        if not isinstance(state, (bytes, bytearray)):
            raise TypeError(f"`save` returned {kind(state)}; it must return bytes")
        # So that no state looks like an error.
        return b"=" + state

    @safe
    def restore(self, time, state):
        self.stream.restore(float(time), state)


def told(method, returned):
    """The events that a method returned, as JSON; None if there are none."""
    if returned is None:
        return None
    many = returned if isinstance(returned, list) else [returned]
    found = [described(method, one) for one in many]
    return json.dumps(found).encode() if found else None


def described(method, one):
    """An event as a dictionary."""
    event = getattr(one, "event", None)
    if event is None and not hasattr(one, "text"):
        raise TypeError(f"`{method}` returned an object {kind(one)}; it must return events, or None")
    if event is None:
        event = "partial" if getattr(one, "partial", False) else "segment"
    if event in ("partial", "segment"):
        return {"event": event, **_auricle.described_text(method, one)}
    if event in ("speech_started", "endpoint"):
        return {"event": event, "time": seconds(method, one.time)}
    if event == "turn":
        return described_turn(method, one)
    raise ValueError(f"`{method}` returned the event {event!r}, which is unknown")


def described_turn(method, one):
    change, trigger = one.change, getattr(one, "trigger", None)
    if change not in CHANGES:
        raise ValueError(f"`{method}` returned the turn's change {change!r}; it must be one of {', '.join(CHANGES)}")
    if change == "ended" and trigger not in TRIGGERS:
        raise ValueError(f"`{method}` ended a turn with the trigger {trigger!r}; it must be one of {', '.join(TRIGGERS)}")
    found = {"event": "turn", "time": seconds(method, one.time), "change": change, "trigger": trigger}
    if (confidence := getattr(one, "confidence", None)) is not None:
        found["confidence"] = float(confidence)
    return found
