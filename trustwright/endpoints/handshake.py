"""One TLS handshake, made to see what is served and to verify nothing."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from trustwright.errors import Rejected, Unavailable
from trustwright.ports import Presented

TIMEOUT = 5.0
"""Seconds for connecting, and for each answer."""


class Handshakes:
    """Looks at endpoints as a client does (fulfils `trustwright.ports.Prober`)."""

    def presented(self, probe: str, server_name: str) -> Presented:
        """Make one handshake and return what the server presented."""
        parts = urlsplit(probe)
        place = (parts.hostname or "", parts.port or 0)
        try:
            with (
                socket.create_connection(place, TIMEOUT) as plain,
                _context().wrap_socket(plain, server_hostname=server_name) as secured,
            ):
                leaf = secured.getpeercert(binary_form=True) or b""
                version = secured.version() or ""
        except ssl.SSLError as error:
            raise Rejected(
                f"{probe} made no handshake: {error.reason or 'no TLS'}",
                rule="PROBE-PROTOCOL",
                hint="look at the service's own log",
                where=probe,
            ) from None
        except OSError as error:
            raise Unavailable(
                f"{probe} does not answer: {error.strerror or type(error).__name__}",
                rule="PROBE-UNREACHABLE",
                hint="start the service, or correct `probe` in the estate file",
                where=probe,
            ) from None
        return Presented(certificate=ssl.DER_cert_to_PEM_cert(leaf), protocol=version)


def _context() -> ssl.SSLContext:
    """Return a client that takes any certificate: it is compared, not trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
