"""A stream with asyncio.

One task connects, sends and receives until the stream ends; `Core` decides. All methods belong to the loop that opened
the stream.
"""

from __future__ import annotations

import asyncio
import ssl
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, List, Mapping, Optional, Type

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from .address import stream_url, trust
from .core import Core
from .events import Event, Ready
from .failure import UNREACHABLE, Failure, refused
from .samples import Format

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: For a connection with all its handshakes.
_CONNECT_SECONDS = 10
#: For the server to close a connection that is not needed any more.
_CLOSE_SECONDS = 2


class AsyncStream:
    """One stream of audio, which outlives its connections. Iterate over it for its events.

    `server` is an address such as `http://127.0.0.1:8770`, `preset` a name from `GET /v1/presets`. `options` are stream fields
    that the preset opens. `key` is a key of the server. Audio is given in `format` (`s16le`, `f32le`, `mulaw`, `alaw`) with
    `sample_rate` (8000 to 192000 Hz) and `channels` (1 to 8, mixed, or only `channel`, from 0). With
    `multichannel` each channel has a transcript instead: `channel` of an event says whose it is.

    With pace `live` audio is sent as it is spoken; with `file` as fast as the engine processes it: wait for `drained` between
    two sends. `keep_seconds` of audio are kept for a reconnect (120 for live audio, all for files). After `give_up_seconds`
    without a connection the stream fails. `ca` is a PEM file with the certificates to trust instead of the system's; `tls`
    a whole context.
    """

    def __init__(
        self,
        server: str,
        preset: str,
        *,
        key: Optional[str] = None,
        options: Optional[Mapping[str, Any]] = None,
        format: str = "s16le",
        sample_rate: int = 16_000,
        channels: int = 1,
        channel: Optional[int] = None,
        multichannel: bool = False,
        pace: str = "live",
        keep_seconds: Optional[float] = None,
        give_up_seconds: float = 300.0,
        ca: Optional[str] = None,
        tls: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._format = Format(format, sample_rate, channels, channel, multichannel)
        self._core = Core(
            preset,
            self._format,
            options=options,
            pace=pace,
            keep_seconds=keep_seconds,
            give_up_seconds=give_up_seconds,
        )
        self._url = stream_url(server)
        self._tls = tls or trust(self._url, ca)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        # A ping waits behind the audio, which the server does not read faster than its engine if it is a file.
        self._ping_seconds = 20.0 if pace == "live" else None
        self._task: Optional[asyncio.Task[None]] = None
        self._socket: Optional[ClientConnection] = None
        self._changes: List[asyncio.Future[None]] = []
        self._hurry = False

    async def open(self) -> Ready:
        """Connects. Returns what the server says of the preset. Raises Failure if it refuses or is not there."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        await self._until(lambda: self._core.ready is not None or self.state == "closed")
        if self._core.ready is None:
            raise self._core.failure or RuntimeError("the stream has ended")
        return self._core.ready

    async def __aenter__(self) -> AsyncStream:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancels the stream if it has not ended, and waits until its connection is closed."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    @property
    def state(self) -> str:
        """`connecting`, `open`, `lost`, `finishing` or `closed`."""
        return self._core.state

    @property
    def seconds(self) -> float:
        """Seconds of audio given since the start or the last reset."""
        return self._core.seconds

    def send(self, audio: Buffer) -> None:
        """Sends samples: bytes, or an array of them (of 16-bit integers for `s16le`). While there is no connection they are kept.

        Raises the Failure that ended the stream, if there was one.
        """
        self._core.push(self._format.bytes_of(audio))
        self._changed()
        if self._core.is_stalled and self._socket is not None:
            self._socket.transport.abort()

    async def drained(self) -> None:
        """Waits until the network has taken most of what was sent. For audio that is sent faster than it is spoken."""
        await self._until(lambda: self._core.is_drained or self.state == "closed")

    def flush(self) -> None:
        """Asks for the text of everything so far. `Flushed` follows it. The audio is cut there, even within a word."""
        self._core.flush()
        self._changed()

    def reset(self) -> None:
        """Discards what has no text yet. A `Ready` with the next epoch follows, after which times start at 0."""
        self._core.reset()
        self._changed()

    def finish(self) -> None:
        """Ends the audio. The rest of the text follows; the last event is `Done`."""
        self._core.finish()
        self._changed()

    def cancel(self) -> None:
        """Ends the stream without waiting for the rest of its text."""
        self._core.cancel()
        self._changed()

    def retry(self) -> None:
        """Tries to connect at once, if the stream waits for its next try."""
        self._hurry = True
        self._changed()

    def poll(self) -> List[Event]:
        """The events that have arrived and were not read. Does not wait."""
        arrived = list(self._core.events)
        self._core.events.clear()
        return arrived

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next event. Ends after `Done` and after `cancel`; raises Failure if the stream failed."""
        await self._until(lambda: bool(self._core.events) or self.state == "closed")
        if self._core.events:
            return self._core.events.popleft()
        if self._core.failure is not None and self._core.failure.code != "closed":
            raise self._core.failure
        raise StopAsyncIteration

    async def _run(self) -> None:
        try:
            await self._connections()
        except Exception as error:
            # Such as a proxy of the environment that cannot be used.
            self._core.end(Failure(UNREACHABLE, f"{type(error).__name__}: {error}"))
        self._changed()

    async def _connections(self) -> None:
        while True:
            self._core.connecting()
            failure = await self._connection()
            self._hurry = False
            wait = self._core.closed(failure, monotonic())
            self._changed()
            if wait is None:
                return
            try:
                await asyncio.wait_for(self._until(lambda: self._hurry or self.state == "closed"), wait)
            except asyncio.TimeoutError:
                pass
            if self.state == "closed":
                return

    async def _connection(self) -> Failure:
        """One connection from its start to its end. Returns why it ended."""
        opening = asyncio.ensure_future(self._connect())
        cancelled = asyncio.ensure_future(self._until(lambda: self.state == "closed"))
        try:
            await asyncio.wait([opening, cancelled], return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                return Failure("closed", "the stream was cancelled")
            socket = opening.result()
        except InvalidStatus as error:
            return refused(error.response.status_code, bytes(error.response.body or b""))
        except asyncio.TimeoutError:
            return Failure(UNREACHABLE, f"no answer within {_CONNECT_SECONDS} s")
        except (OSError, WebSocketException) as error:
            return Failure(UNREACHABLE, str(error) or type(error).__name__)
        finally:
            opening.cancel()
            cancelled.cancel()
        self._socket = socket
        self._core.connected()
        tasks = [asyncio.ensure_future(self._receive(socket)), asyncio.ensure_future(self._write(socket))]
        ended = asyncio.ensure_future(self._until(lambda: self.state == "closed"))
        try:
            # Sending may fail before the server's reason has been read.
            await asyncio.wait([tasks[0], ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in [*tasks, ended]:
                task.cancel()
            await asyncio.wait([*tasks, ended])
            self._socket = None
            await socket.close()
        reason = socket.close_reason or "the connection was closed"
        return Failure(UNREACHABLE, reason)

    async def _connect(self) -> ClientConnection:
        return await connect(
            self._url,
            ssl=self._tls,
            additional_headers=self._headers,
            compression=None,
            open_timeout=_CONNECT_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=self._ping_seconds,
            max_size=None,
        )

    async def _receive(self, socket: ClientConnection) -> None:
        try:
            async for message in socket:
                self._core.received(message, monotonic())
                self._changed()
                if self._core.is_useless:
                    socket.transport.abort()
        except ConnectionClosed:
            pass

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while True:
                message = self._core.next_message()
                if message is None:
                    await self._change()
                else:
                    # Waits while the network takes no more.
                    await socket.send(message)
                    self._changed()
        except ConnectionClosed:
            pass

    async def _until(self, is_true: Callable[[], bool]) -> None:
        while not is_true():
            await self._change()

    async def _change(self) -> None:
        """Waits until something may have changed."""
        change = asyncio.get_running_loop().create_future()
        self._changes.append(change)
        try:
            await change
        finally:
            if change in self._changes:
                self._changes.remove(change)

    def _changed(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            if not change.done():
                change.set_result(None)
