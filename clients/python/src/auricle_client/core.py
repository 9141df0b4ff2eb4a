"""The state of a stream, without a network and without a clock.

Invariant: audio after the last final segment is kept until its text is final, and longer if a server that stores how far the
stream is would need it; within a limit. When a connection breaks,
the next one resumes the server's stream with what the server lacks, or begins a new one with that audio, so no word is lost
and none comes twice. Times in events are those of the whole stream, whatever connection they come from. What could not be
kept is reported as a `Gap`.

The caller connects when `state` is `connecting` (`connected`), sends what `next_message` returns, gives what it receives to
`received`, and tells when a connection is gone (`closed`). Positions are bytes of audio since the start or the last reset.
"""

from __future__ import annotations

import json
import math
import random
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Union

from . import events
from .backoff import backoff
from .events import Done, Event, Flushed, Gap, Lost, Partial, Ready, Resumed, Segment
from .failure import UNREACHABLE, Failure
from .kept_audio import KeptAudio
from .samples import Format

#: Bytes of one message; the server limits its size.
_MESSAGE_BYTES = 32_768
#: Seconds of live audio that the network may be behind before the connection is taken for dead.
_STALLED_SECONDS = 10
#: Seconds of live audio that are kept.
_KEEP_SECONDS = 120.0
#: Seconds of audio that a server may leave out of its `done`: less than a frame of any codec, more than rounding.
_TOLERANCE_SECONDS = 0.01
#: Bytes that wait to be sent, above which `is_drained` is false.
_ENOUGH_BYTES = 256 * 1024
#: Messages of the server, after which it is told that they arrived.
_ACK_EVERY = 16


class _Command:
    """A message that has its place in the audio."""

    def __init__(self, kind: str, position: int) -> None:
        self.kind = kind
        self.position = position


class _ServerStream:
    """How to resume the server's stream."""

    def __init__(self, stream: str, token: str, origin: int, stores: bool) -> None:
        self.stream = stream
        self.token = token
        #: The position where the stream begins.
        self.origin = origin
        #: The last message of the server, and the last that it was told of.
        self.last_seq = self.acknowledged = 0
        #: Whether the server should be told now.
        self.wants_ack = False
        #: If the server stores how far the stream is: the position that it would need if it died.
        self.durable = origin if stores else None
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Nothing of this epoch has arrived yet."""
        self.epoch = epoch
        self.flushes = self.events = 0
        self.text_end = self.event_time = 0.0
        self.text = ""

    def note(self, message: Mapping[str, Any]) -> None:
        """Counts a message that is new. Times are those of the message."""
        kind = message["type"]
        if kind == "ready":
            self.begin(message["epoch"])
        elif kind == "flushed":
            self.flushes += 1
        elif kind == "segment":
            self.events += 1
            self.text_end, self.text = message["end"], message["text"]
        elif kind in ("speech_started", "endpoint"):
            self.events += 1
            self.event_time = message["time"]

    def resume(self) -> Dict[str, Any]:
        """The message that resumes it."""
        resume = {"type": "resume", "stream": self.stream, "token": self.token, "last_seq": self.last_seq}
        if self.durable is not None:
            names = ("epoch", "flushes", "events", "text_end", "text", "event_time")
            resume["told"] = {name: getattr(self, name) for name in names}
        return resume

    def take_ack(self) -> bool:
        """Whether the server should be told now what has arrived, because it waits for it or it is much."""
        if not self.wants_ack and self.last_seq < self.acknowledged + _ACK_EVERY:
            return False
        self.acknowledged, self.wants_ack = self.last_seq, False
        return True


class Core:
    """One stream. Nothing here waits. Times are seconds of any clock that only goes forward."""

    def __init__(
        self,
        preset: str,
        audio: Format,
        *,
        options: Optional[Mapping[str, Any]] = None,
        pace: str = "live",
        keep_seconds: Optional[float] = None,
        give_up_seconds: float = 300.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if pace not in ("live", "file"):
            raise ValueError(f"pace must be live or file, not {pace!r}")
        if keep_seconds is None:
            keep_seconds = _KEEP_SECONDS if pace == "live" else math.inf
        self._audio = audio
        self._is_live = pace == "live"
        self._keep_bytes = keep_seconds * audio.bytes_per_second
        self._give_up_seconds = give_up_seconds
        self._chance = chance
        self._start: Dict[str, Any] = {
            "type": "start",
            "preset": preset,
            "options": dict(options or {}),
            "format": audio.format,
            "sample_rate": audio.sample_rate,
            "channels": audio.channels,
            "pace": pace,
        }
        if give_up_seconds > 0:
            self._start["resume"] = True
        if audio.channel is not None:
            self._start["channel"] = audio.channel
        if audio.multichannel:
            self._start["multichannel"] = True

        #: `connecting`, `open`, `lost`, `finishing` or `closed`.
        self.state = "connecting"
        #: Why the stream failed, when it is closed.
        self.failure: Optional[Failure] = None
        #: The server's last `ready`.
        self.ready: Optional[Ready] = None
        #: What is not read yet. An unread partial is replaced by the next.
        self.events: Deque[Event] = deque()

        self._kept = KeptAudio()
        #: The beginning of a frame whose rest was not given yet.
        self._rest = b""
        #: Flushes that were not answered, and the end.
        self._commands: List[_Command] = []
        self._is_finishing = False
        #: Resets so far.
        self._epoch = 0
        #: The position up to which the text is final.
        self._final = 0
        #: If each channel has a transcript: the second up to which the text of each is final.
        self._finals = [0.0] * (audio.channels if audio.multichannel else 0)

        #: The stream on the server, if it can be resumed.
        self._server_stream: Optional[_ServerStream] = None

        # Of this connection: the first byte of the server's stream, the next one to send, the commands that were sent.
        self._is_connected = False
        self._is_started = False
        #: Whether the server has not said yet what it has.
        self._is_resuming = False
        self._origin = 0
        self._sent = 0
        self._commands_sent = 0
        #: Bytes that may wait before it is taken for dead.
        self._allowed = 0.0
        #: Resets sent and answered.
        self._resets_sent = 0
        self._resets_answered = 0
        self._problem: Optional[Failure] = None

        self._was_ready = False
        self._attempts = 0
        self._lost_since: Optional[float] = None

    @property
    def seconds(self) -> float:
        """Seconds of audio given since the start or the last reset."""
        return self._seconds(self._kept.end)

    @property
    def is_drained(self) -> bool:
        """Whether the network has taken most of what was given."""
        return self._is_connected and self._kept.end - self._sent < _ENOUGH_BYTES

    @property
    def is_stalled(self) -> bool:
        """Whether the network has taken nothing for so long that the connection must be dead: abort it."""
        return self._is_live and self._is_connected and self._kept.end - self._sent > self._allowed

    @property
    def is_useless(self) -> bool:
        """Whether the stream cannot go on with this connection: abort it."""
        return self._is_resuming and self._server_stream is None

    def push(self, audio: Union[bytes, memoryview]) -> None:
        """Takes audio. While there is no connection it is kept."""
        self._check_running()
        whole = self._rest + audio
        end = len(whole) - len(whole) % self._audio.frame_bytes
        self._rest = whole[end:]
        self._kept.push(whole[:end])
        oldest = self._kept.end - min(self._keep_bytes, self._kept.end)
        self._kept.release(int(min(oldest, self._sent) if self._is_connected else oldest))
        if self.is_stalled:
            self._problem = Failure(UNREACHABLE, "the network takes no more audio")

    def flush(self) -> None:
        """Asks for the text of everything so far; `Flushed` tells that it is complete."""
        self._check_running()
        self._commands.append(_Command("flush", self._kept.end))

    def reset(self) -> None:
        """Discards everything that has no text yet. Times start at 0 with the next `Ready`."""
        self._check_running()
        self._kept, self._rest, self._commands = KeptAudio(), b"", []
        self._final = self._origin = self._sent = self._commands_sent = 0
        self._finals = [0.0] * len(self._finals)
        self._epoch += 1
        if self._is_resuming or not self._is_connected:
            self._server_stream = None
        elif self._is_started:
            self._commands.append(_Command("reset", 0))
        if self._server_stream is not None:
            self._server_stream.origin = 0
            if self._server_stream.durable is not None:
                self._server_stream.durable = 0

    def finish(self) -> None:
        """Ends the audio. `Done` is the last event."""
        if self._is_finishing or self.state == "closed":
            return
        self._is_finishing = True
        self._commands.append(_Command("finish", self._kept.end))
        if self.state == "open":
            self.state = "finishing"

    def cancel(self) -> None:
        """Ends the stream without waiting for the rest of its text."""
        self.end(Failure("closed", "the stream was cancelled"))

    def end(self, failure: Optional[Failure]) -> None:
        """Ends the stream; with a failure unless all of its text was reported."""
        if self.state != "closed":
            self.state = "closed"
            self.failure = failure

    def connecting(self) -> None:
        """Another try to connect begins."""
        if self.state == "lost":
            self.state = "connecting"

    def connected(self) -> None:
        """A connection is open. It resumes the server's stream, or begins one with the audio whose text is not final."""
        self._commands = [command for command in self._commands if command.kind != "reset"]
        self._is_connected, self._is_started, self._problem = True, False, None
        self._resets_sent = self._resets_answered = self._commands_sent = 0
        self._origin = self._sent = max(self._final, self._kept.start)
        if self._server_stream is not None:
            self._origin = self._server_stream.origin
        self._is_resuming = self._server_stream is not None
        self._allowed = self._kept.end - self._sent + _STALLED_SECONDS * self._audio.bytes_per_second

    def next_message(self) -> Union[str, bytes, None]:
        """The next message for the server, if there is one now."""
        if not self._is_connected or self.state == "closed":
            return None
        if not self._is_started:
            self._is_started, self._is_resuming = True, self._server_stream is not None
            if self._server_stream is None:
                return json.dumps(self._start)
            return json.dumps(self._server_stream.resume())
        if self._is_resuming:
            return None
        if self._server_stream is not None and self._server_stream.take_ack():
            return json.dumps({"type": "ack", "seq": self._server_stream.last_seq})
        waiting = self._commands[self._commands_sent :]
        end = waiting[0].position if waiting else self._kept.end
        if self._sent < end:
            piece = self._kept.read(self._sent, min(end, self._sent + _MESSAGE_BYTES))
            self._sent += len(piece)
            return piece
        if not waiting:
            return None
        kind = waiting[0].kind
        if kind == "reset":
            # Only this connection needs it.
            del self._commands[self._commands_sent]
            self._resets_sent += 1
        else:
            self._commands_sent += 1
        return json.dumps({"type": kind})

    def received(self, text: Union[str, bytes], now: float) -> None:
        """Takes a message of the server."""
        if not self._is_connected or self.state == "closed":
            return
        try:
            message = json.loads(text)
            self._take(message, now)
        except (ValueError, KeyError, TypeError) as error:
            self.end(Failure("bad_message", f"the server sent what is not a message of the protocol: {error!r}"))

    def closed(self, failure: Failure, now: float) -> Optional[float]:
        """The connection is gone, or could not be made. Returns the seconds until the next try; None if there is none."""
        if self._is_resetting:
            # The server may not have heard of it.
            self._server_stream = None
        self._is_connected = self._is_started = self._is_resuming = False
        if self.state == "closed":
            return None
        failure = self._problem or failure
        self._problem = None
        if failure.code == "unknown_stream":
            # What the server does not have any more begins again.
            failure, self._server_stream = Failure(UNREACHABLE, failure.message), None
        if self._lost_since is None:
            self._lost_since = now
        if not self._was_ready or not failure.passes or now - self._lost_since > self._give_up_seconds:
            self.end(failure)
            return None
        wait = backoff(self._attempts, self._chance)
        self._attempts += 1
        self.state = "lost"
        self._emit(Lost(failure.code, failure.message, wait))
        return wait

    def _take(self, message: Mapping[str, Any], now: float) -> None:
        kind = message["type"]
        if kind == "ready" and self._server_stream is None and "resume" in message:
            offer = message["resume"]
            stores = offer.get("survives") is not None
            self._server_stream = _ServerStream(message["stream"], offer["token"], self._origin, stores)
        elif self._server_stream is not None and not self._is_resuming and "seq" in message:
            if message["seq"] <= self._server_stream.last_seq:
                return
            self._server_stream.last_seq = message["seq"]
            self._server_stream.note(message)
        if kind == "error":
            self._problem = Failure(message["code"], message["message"])
        elif kind == "ready":
            self._ready(message, now)
        elif kind == "resumed":
            self._resumed(message, now)
        elif kind == "ack":
            self._heard(message)
        elif self._is_resetting:
            pass  # What was discarded.
        elif kind == "flushed":
            self._flushed(message)
        elif kind == "done":
            heard = self._seconds(self._origin) + message["seconds"]
            if self._is_finishing and heard >= self.seconds - _TOLERANCE_SECONDS:
                self._emit(Done(self.seconds))
                self.end(None)
            else:
                # The server stops. The rest is for the next connection.
                ended = f"the server ended the stream after {message['seconds']:.1f} s of its audio"
                self._problem = Failure("shutting_down", ended)
        else:
            event = events.parse(message, self._seconds(self._origin))
            if isinstance(event, Segment):
                end = event.end
                if event.channel is not None and event.channel < len(self._finals):
                    if end <= self._finals[event.channel]:
                        return  # Told before: another channel was behind when the stream began again.
                    self._finals[event.channel] = end
                    # The audio is needed until the text of all channels is final.
                    end = min(self._finals)
                frames = math.floor(end * self._audio.sample_rate + 0.5)
                self._reached(frames * self._audio.frame_bytes)
            if event is not None:
                self._emit(event)

    def _ready(self, message: Mapping[str, Any], now: float) -> None:
        ready = events.ready(message, self._epoch)
        self._resets_answered = message["epoch"]
        if self._is_resetting:
            return
        self.ready = ready
        self._emit(ready)
        lost = None
        if self._was_ready and self._lost_since is not None and self._origin > self._final:
            lost = Gap(self._seconds(self._final), self._seconds(self._origin))
            self._final = self._origin
        self._goes_on(self._origin, lost, now)

    def _resumed(self, message: Mapping[str, Any], now: float) -> None:
        """The server goes on with its stream, and sends what has not arrived."""
        if self._server_stream is None:
            self._problem = Failure(UNREACHABLE, "the stream was reset: it begins again")
            return
        self._server_stream.token = message["resume"]["token"]
        position = self._server_stream.origin + message["received"] * self._audio.frame_bytes
        if not self._kept.start <= position <= self._kept.end:
            self._server_stream = None
            self._problem = Failure(UNREACHABLE, "the server lacks audio that is not kept any more: the stream begins again")
            return
        heard = message["flushes"] - self._server_stream.flushes
        flushes = sum(command.kind == "flush" for command in self._commands)
        self._is_resuming, self._sent = False, position
        self._commands_sent = min(heard, flushes) + int(message["finished"])
        self._resets_sent = self._resets_answered = message["epoch"]
        lost = Gap(self._seconds(self._final), self._seconds(position)) if message["missed"] else None
        self._goes_on(position, lost, now, message.get("seam") != "lossless" and lost is None)

    def _heard(self, message: Mapping[str, Any]) -> None:
        """The server has told what it has of the audio."""
        stream = self._server_stream
        if stream is None or stream.durable is None or stream.epoch != message["epoch"]:
            return
        stream.wants_ack = stream.last_seq == 0 or stream.last_seq > stream.acknowledged
        if message.get("survives") is None:
            # It does not store it now.
            position = self._final
        else:
            position = stream.origin + message["durable"] * self._audio.frame_bytes
        stream.durable = max(stream.durable, position)
        self._release()

    def _goes_on(self, position: int, lost: Optional[Gap], now: float, is_exact: bool = False) -> None:
        """There is a connection; audio from the position on is sent."""
        self._attempts = 0
        self.state = "finishing" if self._is_finishing else "open"
        if self._was_ready and self._lost_since is not None:
            if lost is not None:
                self._emit(lost)
            self._emit(Resumed(self._seconds(position), now - self._lost_since, lost, is_exact))
        self._lost_since = None
        self._was_ready = True

    def _flushed(self, message: Mapping[str, Any]) -> None:
        self._emit(Flushed(message["sample"] + self._origin // self._audio.frame_bytes))
        if self._commands_sent and self._commands[0].kind == "flush":
            self._reached(self._commands.pop(0).position)
            self._commands_sent -= 1

    @property
    def _is_resetting(self) -> bool:
        """Whether the server still answers about what was discarded."""
        return self._resets_answered < self._resets_sent or any(command.kind == "reset" for command in self._commands)

    def _reached(self, position: int) -> None:
        """The text is final up to here."""
        self._final = max(self._final, min(position, self._sent))
        self._release()

    def _release(self) -> None:
        """Lets go of the audio that is not needed any more."""
        durable = None if self._server_stream is None else self._server_stream.durable
        self._kept.release(self._final if durable is None else min(durable, self._final))

    def _emit(self, event: Event) -> None:
        last = self.events[-1] if self.events else None
        if isinstance(event, Partial) and isinstance(last, Partial) and last.channel == event.channel:
            self.events.pop()
        self.events.append(event)

    def _check_running(self) -> None:
        if self.state == "closed":
            raise self.failure or RuntimeError("the stream has ended")
        if self._is_finishing:
            raise RuntimeError("the audio of this stream was ended with finish()")

    def _seconds(self, position: int) -> float:
        return position / self._audio.bytes_per_second
