"""One TLS handshake, made to see what is served and to verify nothing."""

from __future__ import annotations

import _ssl
import ssl
from typing import TYPE_CHECKING

from trustwright.endpoints.line import SECONDS, Line
from trustwright.endpoints.starttls import OPENINGS
from trustwright.endpoints.together import looked_at
from trustwright.errors import TrustwrightError
from trustwright.ports import Presented

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustwright.ports import Look

_CIPHERS = "DEFAULT:!kRSA@SECLEVEL=0"
"""Weak keys are to be seen, not refused. Without RSA key exchange the server proves that it has the
certificate's key before we answer it."""


class Handshakes:
    """Looks at endpoints as a client does (fulfils `trustwright.ports.Prober`).

    Args:
        seconds: that one look may last.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    def presented(self, probe: str, server_name: str) -> Presented:
        """Make one handshake and return what the server presented."""
        with Line(probe, self._seconds) as line:
            OPENINGS[probe.partition("://")[0]](line)
            return _Handshake(line, server_name).presented()

    def presented_together(self, looks: Sequence[Look]) -> list[Presented | TrustwrightError]:
        """Look at many endpoints at the same time."""
        return looked_at(looks, self.presented)


class _Handshake:
    """A client that takes any certificate: it is compared, not trusted; nothing is sent behind it.

    A server that wants a client certificate ends a handshake of TLS 1.2 before it is over. What it
    presented counts all the same, as soon as OpenSSL has answered to it: by then the signature over
    the key exchange was verified (RFC 5246 §7.4.3), so it is not an impostor's copy. In TLS 1.3
    OpenSSL answers after the server's Finished (RFC 8446 §4.4).
    """

    def __init__(self, line: Line, server_name: str) -> None:
        self._line = line
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context().wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._answered = False

    def presented(self) -> Presented:
        """Return what the server presented.

        Raises:
            Unavailable, Rejected: it presented nothing, or does not show that it has the key.
        """
        try:
            self._go_through()
        except TrustwrightError:
            if not self._answered:
                raise
        leaf, *chain = (ssl.DER_cert_to_PEM_cert(der) for der in self._chain())
        return Presented(leaf, tuple(chain), self._tls.version() or "")

    def _go_through(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self._line.receive())
            except ssl.SSLError as error:
                raise self._line.refused((error.reason or "no TLS").lower()) from None
            else:
                self._answered = bool(self._chain())
                break
        if not self._answered:
            raise self._line.refused("it presents no certificate")
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._answered = bool(self._chain())
            self._line.send(self._outgoing.read())

    def _chain(self) -> list[bytes]:
        """Return the DER of what was presented so far, leaf first; nothing of it is verified."""
        public = getattr(self._tls, "get_unverified_chain", None)
        if public is not None:  # from Python 3.13 on
            found: list[bytes] = public()
            return found
        inner = self._tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - what 3.13 makes public
        return [each.public_bytes(_ssl.ENCODING_DER) for each in inner.get_unverified_chain() or ()]


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(_CIPHERS)
    return context
