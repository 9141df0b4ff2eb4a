"""Why a stream failed, and after which failures another try makes sense."""

from __future__ import annotations

#: The connection was lost or could not be made.
UNREACHABLE = "unreachable"

#: Failures that pass: a stream that was ready once connects again after them.
PASSING = frozenset({UNREACHABLE, "capacity", "overloaded", "shutting_down", "slow_reader", "idle_timeout"})

#: What an HTTP response in place of a WebSocket means.
_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    429: "capacity",
    502: UNREACHABLE,
    503: "capacity",
    504: UNREACHABLE,
}


class Failure(Exception):
    """A stream ended without all of its text.

    `code` is a code of the server (docs/protocol.md); or `unreachable`: no connection; `forbidden`: the server refuses this
    client's address; `refused`: another HTTP response; `closed`: the program cancelled the stream.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"

    @property
    def passes(self) -> bool:
        """Whether another try makes sense."""
        return self.code in PASSING


def refused(status: int, body: bytes) -> Failure:
    """The server answered with an HTTP response instead of opening a WebSocket."""
    lines = [line.strip() for line in body.decode("utf-8", "replace").splitlines()]
    line = next((line for line in lines if line), "")[:300]
    return Failure(_STATUS.get(status, "refused"), f"HTTP {status}: {line}" if line else f"HTTP {status}")
