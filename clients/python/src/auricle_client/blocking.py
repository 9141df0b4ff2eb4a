"""A stream without asyncio: an `AsyncStream` on an event loop in a thread of its own.

Its methods may be called from any thread: one may send while another reads the events.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Iterator, List, Optional, Type, TypeVar

from .aio import AsyncStream
from .events import Event, Ready

if TYPE_CHECKING:
    from typing_extensions import Buffer

_T = TypeVar("_T")


class Stream:
    """One stream of audio, which outlives its connections. Iterate over it for its events.

    The arguments are those of `AsyncStream`. Use it in a `with` block, or call `open` and `close`.
    """

    def __init__(self, server: str, preset: str, **settings: Any) -> None:
        self._stream = AsyncStream(server, preset, **settings)
        self._loop = asyncio.new_event_loop()
        # A program that forgets to close a stream can still end.
        self._thread = threading.Thread(target=self._loop.run_forever, name="auricle-stream", daemon=True)
        self._is_closed = False

    def open(self) -> Ready:
        """Connects. Returns what the server says of the preset. Raises Failure if it refuses or is not there."""
        if self._thread.ident is None:
            self._thread.start()
        return self._wait(self._stream.open)

    def __enter__(self) -> Stream:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancels the stream if it has not ended, and waits until its connection is closed."""
        if self._is_closed:
            return
        if self._thread.ident is not None:
            self._wait(self._stream.close)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._is_closed = True
        self._loop.close()

    @property
    def state(self) -> str:
        """`connecting`, `open`, `lost`, `finishing` or `closed`."""
        return self._stream.state

    @property
    def seconds(self) -> float:
        """Seconds of audio given since the start or the last reset."""
        return self._stream.seconds

    def send(self, audio: Buffer) -> None:
        """Sends samples: bytes, or an array of them (of 16-bit integers for `s16le`). Does not wait for the network.

        Raises the Failure that ended the stream, if there was one.
        """
        self._call(lambda: self._stream.send(audio))

    def drained(self) -> None:
        """Waits until the network has taken most of what was sent. For audio that is sent faster than it is spoken."""
        self._wait(self._stream.drained)

    def flush(self) -> None:
        """Asks for the text of everything so far. `Flushed` follows it. The audio is cut there, even within a word."""
        self._call(self._stream.flush)

    def reset(self) -> None:
        """Discards what has no text yet. A `Ready` with the next epoch follows, after which times start at 0."""
        self._call(self._stream.reset)

    def finish(self) -> None:
        """Ends the audio. The rest of the text follows; the last event is `Done`."""
        self._call(self._stream.finish)

    def cancel(self) -> None:
        """Ends the stream without waiting for the rest of its text."""
        self._call(self._stream.cancel)

    def retry(self) -> None:
        """Tries to connect at once, if the stream waits for its next try."""
        self._call(self._stream.retry)

    def poll(self) -> List[Event]:
        """The events that have arrived and were not read. Does not wait."""
        return self._call(self._stream.poll)

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        """The next event. Ends after `Done` and after `cancel`; raises Failure if the stream failed."""
        event = self._wait(self._next)
        if event is None:
            raise StopIteration
        return event

    async def _next(self) -> Optional[Event]:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            return None

    def _call(self, function: Callable[[], _T]) -> _T:
        async def called() -> _T:
            return function()

        return self._wait(called)

    def _wait(self, function: Callable[[], Awaitable[_T]]) -> _T:
        if self._is_closed or self._thread.ident is None:
            raise RuntimeError("the stream is not open: use it in a `with` block, or call open()")

        async def waited() -> _T:
            return await function()

        return asyncio.run_coroutine_threadsafe(waited(), self._loop).result()
