"""What every stack has in common: who presents, who judges, and what a judgement is.

A *stack* is a real TLS implementation. A server stack judges client certificates, a client stack
judges server certificates; the side that is not under test is a *neutral peer* (``peers``) that
trusts everything, so that exactly one judgement is measured. The recipes are the lines of
``trust-separation.md``, section 3.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class StackFailure(Exception):
    """No judgement was measured: not started, not reachable, configuration or files unusable."""


@dataclass(frozen=True)
class Credential:
    """What one side presents: the delivered files."""

    key: Path
    """``key.pem``: PKCS#8, EC P-256."""
    chain: Path
    """``fullchain.pem``: leaf, then the root-signed intermediate."""
    name: str
    """A DNS name of the certificate."""


@dataclass(frozen=True)
class RelyingParty:
    """The side that judges."""

    credential: Credential
    """Its own identity."""
    trust: Path
    """``trust.pem``: the anchors, never the root."""
    crl: Path | None = None
    """``crl.pem``: the intermediate's CRL, used by the stacks whose ``checks_crl`` is true."""


@dataclass(frozen=True)
class Outcome:
    """One judgement, in the stack's own words."""

    accepted: bool
    detail: str


class Stack(Protocol):
    """A TLS implementation that can be asked for its judgement."""

    @property
    def name(self) -> str:
        """The implementation, as a reader knows it."""

    @property
    def checks_crl(self) -> bool:
        """Whether ``RelyingParty.crl`` is used: a revoked certificate is refused."""

    def missing(self) -> str | None:
        """The Debian package that has to be installed first, or None."""


class ServerStack(Stack, Protocol):
    """A TLS server that requires client certificates."""

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        """Run the server as ``party``, let ``client`` connect, and say how it was judged.

        ``folder`` is an empty or reusable folder for configuration and logs.

        Raises:
            StackFailure: there was no handshake that could be judged.
        """


class ClientStack(Stack, Protocol):
    """A TLS client that verifies the chain and the host name."""

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        """Run the client as ``party``, asking ``server`` for ``name``; say how it was judged.

        Raises:
            StackFailure: there was no handshake that could be judged.
        """


def check_files(party: RelyingParty, peer: Credential) -> None:
    """Raise StackFailure unless every file can be read and every key fits its certificate.

    Some stacks start with an unreadable trust file and then refuse everybody: such a refusal
    must never pass for a judgement.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in filter(None, (party.trust, party.crl)):
        try:
            context.load_verify_locations(path)
        except OSError as error:
            raise StackFailure(f"{path} is unusable: {error}") from error
    for credential in (party.credential, peer):
        try:
            context.load_cert_chain(credential.chain, credential.key)
        except OSError as error:
            raise StackFailure(f"{credential} is unusable: {error}") from error
