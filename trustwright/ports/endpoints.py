"""What the endpoints of consumers present."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Presented:
    """What a server presented in a handshake; nothing of it is verified yet.

    Attributes:
        certificate: PEM of the end entity.
        chain: PEM of each further certificate, in the order in which they were sent.
        protocol: like ``TLSv1.3``.
    """

    certificate: str
    chain: tuple[str, ...] = ()
    protocol: str = ""


class Prober(Protocol):
    """Looks at endpoints as a client does."""

    def presented(self, probe: str, server_name: str) -> Presented:
        """Make one handshake and return what the server presented.

        Args:
            probe: of the estate file, like ``tls://host:port``.
            server_name: for the server name indication (RFC 6066 §3).

        Raises:
            Unavailable: nothing answers in time (rule ``PROBE-UNREACHABLE``).
            Rejected: what answers does not speak TLS, or not the protocol of the probe (rule
                ``PROBE-PROTOCOL``).
        """
        ...
