"""What the endpoints of consumers present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trustwright.errors import TrustwrightError

POSTPONED = "PROBE-POSTPONED"
"""Rule of an endpoint that was not reached in the time for all."""


@dataclass(frozen=True)
class Look:
    """One endpoint to look at.

    Attributes:
        probe: of the estate file, like ``smtp://host:port``.
        server_name: for the server name indication (RFC 6066 §3).
    """

    probe: str
    server_name: str


@dataclass(frozen=True)
class Presented:
    """What a server presented in a handshake; nothing of it is verified yet.

    Attributes:
        certificate: PEM of the end entity.
        chain: PEM of each further certificate, in the order in which they were sent.
        protocol: like ``TLSv1.3``; empty when the server ended the handshake because we have no
            certificate.
    """

    certificate: str
    chain: tuple[str, ...] = ()
    protocol: str = ""


class Prober(Protocol):
    """Looks at endpoints as a client does."""

    def presented(self, probe: str, server_name: str) -> Presented:
        """Make one handshake and return what the server presented.

        Args:
            probe: of the estate file: ``tls://``, ``smtp://`` (STARTTLS, RFC 3207) or
                ``postgres://`` (SSLRequest), each with ``host:port``.
            server_name: for the server name indication (RFC 6066 §3).

        Raises:
            Unavailable: nothing answers in time (rule ``PROBE-UNREACHABLE``).
            Rejected: what answers does not speak TLS, or not the protocol of the probe (rule
                ``PROBE-PROTOCOL``).
        """
        ...

    def presented_together(self, looks: Sequence[Look]) -> Sequence[Presented | TrustwrightError]:
        """Look at many endpoints at the same time, in bounded time altogether.

        Returns, in the order of `looks`, what was presented or the error that says why nothing is
        known: one of `presented`, or Unavailable with rule ``PROBE-POSTPONED`` for an endpoint that
        was not reached in the time for all.
        """
        ...
