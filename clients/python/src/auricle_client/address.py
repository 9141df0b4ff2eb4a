"""The address of a server, as users write it, and the trust in its certificate."""

from __future__ import annotations

import ssl
from typing import Optional
from urllib.parse import urlsplit

_PORT = 8770
_PATH = "/v1/stream"
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def stream_url(server: str) -> str:
    """The WebSocket of `HOST`, `HOST:PORT`, or of a URL with http, https, ws or wss. Raises ValueError for other texts.

    A path is that of the streams behind a proxy; without one it is `/v1/stream`.
    """
    text = server.strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "ws", text
    parts = urlsplit(f"//{rest}")
    if scheme.lower() not in _SCHEMES or not parts.hostname or "@" in parts.netloc or " " in rest:
        raise ValueError(f"{server!r} is not the address of a server: give HOST:PORT, or a URL such as wss://HOST:PORT")
    # Raises ValueError if it is not a port.
    port = parts.port
    authority = parts.netloc if separator or port else f"{parts.netloc}:{_PORT}"
    path = parts.path if parts.path not in ("", "/") else _PATH
    query = f"?{parts.query}" if parts.query else ""
    return f"{_SCHEMES[scheme.lower()]}://{authority}{path}{query}"


def trust(url: str, ca: Optional[str]) -> Optional[ssl.SSLContext]:
    """What checks the server's certificate: the certificates in a PEM file, else the system's. None without TLS."""
    return ssl.create_default_context(cafile=ca) if url.startswith("wss:") else None
