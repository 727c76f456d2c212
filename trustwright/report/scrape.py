"""Answers ``GET /metrics`` on loopback, and nothing else (HTTP/1.1, RFC 9112; one request each).

Whoever is slow, talks too much or comes in a crowd is cut off; the figures are gathered once for
all who ask within a few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from trustwright.errors import ConfigurationError
from trustwright.report.metrics import CONTENT_TYPE

LOOPBACK = "127.0.0.1"
PATIENCE = 5.0
"""Seconds that a request, and an answer's way out, may take."""

LONGEST = 8192
"""Octets of a request."""

AT_ONCE = 16
"""Connections; more are closed."""

FRESH = 5.0
"""Seconds for which figures are given again."""


class Scrape:
    """The server. `collect` returns the text and is called by one thread at a time."""

    def __init__(self, collect: Callable[[], bytes]) -> None:
        self._collect = collect
        self._lock = asyncio.Lock()
        self._text, self._gathered = b"", 0.0
        self._open = 0

    async def serve(self, port: int, started: Callable[[int], None]) -> None:
        """Listen until cancelled; `started` is told the port when it is open (0 takes any).

        Raises:
            ConfigurationError: the port cannot be used (rule ``METRICS-PORT``).
        """
        try:
            server = await asyncio.start_server(self._answer, LOOPBACK, port, limit=LONGEST)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of {LOOPBACK} cannot be used: {error.strerror}",
                rule="METRICS-PORT",
                hint="free it, or choose another: trustwright metrics serve --port NUMBER",
            ) from None
        async with server:
            started(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= AT_ONCE:
                async with asyncio.timeout(PATIENCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                answer = await self._reply(head)
                async with asyncio.timeout(PATIENCE):
                    writer.write(answer)
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or asked in a way that gets no answer
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await writer.wait_closed()

    async def _reply(self, head: bytes) -> bytes:
        method, path, host = _asked(head)
        if not _is_here(host):
            # A page in a browser may ask under a name of its own that it has turned to loopback.
            return _response("421 Misdirected Request")
        if path != "/metrics":
            return _response("404 Not Found")
        if method not in {"GET", "HEAD"}:
            return _response("405 Method Not Allowed", allow="GET, HEAD")
        return _response("200 OK", await self._figures(), bodiless=method == "HEAD")

    async def _figures(self) -> bytes:
        async with self._lock:
            if not self._text or time.monotonic() - self._gathered > FRESH:
                self._text = await asyncio.to_thread(self._collect)
                self._gathered = time.monotonic()
            return self._text


def _asked(head: bytes) -> tuple[str, str, str]:
    """Return method, path without query, and host of a request; empty what it does not say."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    named = (line.partition(":") for line in lines)
    hosts = [value.strip() for name, _, value in named if name.lower() == "host"]
    return method, path, hosts[0] if len(hosts) == 1 else ""


def _is_here(host: str) -> bool:
    return host.rpartition(":")[0] in {LOOPBACK, "localhost"} or host in {LOOPBACK, "localhost"}


def _response(status: str, body: bytes = b"", *, allow: str = "", bodiless: bool = False) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {CONTENT_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *([f"Allow: {allow}"] if allow else []),
    ]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if bodiless else head + body
