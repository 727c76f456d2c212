"""A connection to an endpoint that can neither hold us up nor fill our memory."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from trustwright.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from types import TracebackType

SECONDS = 10.0
"""For everything: connecting, the opening of the protocol, the handshake."""
OCTETS = 256 * 1024
"""From the endpoint. OpenSSL takes chains of up to 100 kB."""
_PORTION = 16 * 1024


class Line:
    """One connection.

    Args:
        probe: of the estate file, like ``tls://host:port``.
        seconds: that all of it may last, looking the name up excepted.
        octets: that may come in.

    Raises:
        Unavailable: nothing answers in time (rule ``PROBE-UNREACHABLE``); from every method.
        Rejected: it hung up, or sent too much (rule ``PROBE-PROTOCOL``); from every method.
    """

    def __init__(self, probe: str, seconds: float = SECONDS, octets: int = OCTETS) -> None:
        self.probe = probe
        self._left = octets
        self._deadline = time.monotonic() + seconds
        self._socket = self._connected()

    def __enter__(self) -> Self:
        """Return the line."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._socket.close()

    @property
    def own_address(self) -> str:
        """Address of this end."""
        address: str = self._socket.getsockname()[0]
        return address

    def send(self, data: bytes) -> None:
        """Send everything."""
        try:
            self._socket.settimeout(self._remaining())
            self._socket.sendall(data)
        except OSError as error:
            raise self._broken(error) from None

    def receive(self, limit: int = _PORTION) -> bytes:
        """Return at least one octet, and at most `limit`."""
        try:
            self._socket.settimeout(self._remaining())
            data = self._socket.recv(limit)
        except OSError as error:
            raise self._broken(error) from None
        self._left -= len(data)
        if not data:
            raise self.refused("it hung up")
        if self._left < 0:
            raise self.refused("it sends without end")
        return data

    def refused(self, why: str) -> Rejected:
        """Return the error for an endpoint that does not speak as its probe says."""
        return Rejected(
            f"{self.probe} made no handshake: {why}",
            rule="PROBE-PROTOCOL",
            hint="look at the service's own log, and whether `probe` names its protocol",
            where=self.probe,
        )

    def _connected(self) -> socket.socket:
        parts = urlsplit(self.probe)
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise self._silent(getattr(error, "strerror", None) or "no such name") from None
        problem = "no address"
        for place, (family, kind, protocol, _, address) in enumerate(found):
            line = socket.socket(family, kind, protocol)
            try:
                # An address that swallows packets leaves the others their share of the time.
                line.settimeout(self._remaining() / (len(found) - place))
                line.connect(address)
            except OSError as error:
                line.close()
                problem = error.strerror or "no answer in time"
            else:
                return line
        raise self._silent(problem)

    def _remaining(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _broken(self, error: OSError) -> Unavailable | Rejected:
        if isinstance(error, TimeoutError):
            return self._silent("no answer in time")
        return self.refused(error.strerror or type(error).__name__)

    def _silent(self, why: str) -> Unavailable:
        return Unavailable(
            f"{self.probe} does not answer: {why}",
            rule="PROBE-UNREACHABLE",
            hint="start the service, or correct `probe` in the estate file",
            where=self.probe,
        )
