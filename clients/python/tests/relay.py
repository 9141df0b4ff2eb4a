"""A network that can break: forwards to the server, and ends all connections when asked to."""

from __future__ import annotations

import socket
import threading
from typing import Set
from urllib.parse import urlsplit


class Relay:
    """Threads that pass bytes on; all sockets belong to `_lock`."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        assert parts.hostname and parts.port
        self._server = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: Set[socket.socket] = set()
        #: Connections so far.
        self.count = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends all connections."""
        with self._lock:
            for end in self._open:
                _shut(end)

    def end(self) -> None:
        """Ends all connections, and takes no more."""
        _shut(self._listener)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()
            with self._lock:
                self.count += 1

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            ends = {client, server}
            with self._lock:
                self._open |= ends
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server)
            back.join()
            with self._lock:
                self._open -= ends


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65_536):
            other.sendall(data)
    except OSError:
        pass
    _shut(one)
    _shut(other)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # The other side was faster.
