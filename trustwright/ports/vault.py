"""What each identity may ask of Vault or OpenBao."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from trustwright.model.estate import Consumer, Environment
from trustwright.model.plan import Found
from trustwright.model.profile import Subject


@dataclass(frozen=True)
class Capabilities:
    """What the server at an address can do.

    Attributes:
        product: ``OpenBao`` or ``Vault``.
        version: like ``2.7.2``.
        namespaces: an environment can have one of its own; without them the server holds one.
        pagination: a long list comes in pages; without them it comes whole.
        absent: what is not there and can be done without, in plain words.
    """

    product: str
    version: str
    namespaces: bool
    pagination: bool
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyHandle:
    """A key inside Vault and a certification request over it.

    Attributes:
        key_id: Vault's identifier.
        csr: PKCS#10 PEM with proof of possession.
        spki: SHA-256 hex of the SubjectPublicKeyInfo.
        created: False when the key was there already.
    """

    key_id: str
    csr: str
    spki: str
    created: bool


@dataclass(frozen=True)
class IssuerFacts:
    """An issuer as Vault lists it.

    Attributes:
        name: issuer name, empty when it has none.
        key_id: empty for an issuer without a key.
        serial: hex with colons.
    """

    issuer_id: str
    name: str
    key_id: str
    serial: str
    default: bool


@dataclass(frozen=True)
class HostLogin:
    """What a host needs to log in as its consumer.

    Attributes:
        role_id: names the login.
        wrapped: unwraps the secret once (``sys/wrapping/unwrap``); whoever comes second is refused.
        seconds: that this may take.
    """

    role_id: str
    wrapped: str = field(repr=False)
    seconds: int


class Provisioner(Protocol):
    """May create namespaces, mounts, policies, identities and roles; used while preparing."""

    def probe(self) -> Capabilities:
        """Return what the server can do (``sys/health``, ``sys/capabilities-self``, path help).

        Raises:
            Unavailable: sealed, down or not initialized.
            ConfigurationError: older than the supported minimum.
        """
        ...

    def prepare(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        destroy: Collection[str] = (),
        fetching: Sequence[Consumer] = (),
    ) -> tuple[str, ...]:
        """Make namespace, mount, tuning, URLs, CRL settings, policies, logins and roles.

        Args:
            name: of the environment.
            environment: what the estate says of it.
            organization: O of its certificates.
            uris: by role, every URI that a certificate may carry; a role signs no other.
            destroy: addresses of what is surplus and may be removed; anything else stays.
            fetching: consumers that fetch their sets from the delivery mount; each gets a policy
                and a login of its own.

        Returns:
            What it changed, one phrase each; empty when everything was in place.

        Raises:
            ConfigurationError: the provisioner's key is not on this machine (rule
                ``KEY-PROVISIONER``), or keys or namespace are somebody else's.
        """
        ...

    def plan(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        fetching: Sequence[Consumer] = (),
    ) -> Sequence[Found]:
        """Return what `prepare` would change, what is surplus and what is foreign; write nothing.

        Raises:
            ConfigurationError, UpstreamError: as `prepare`.
        """
        ...

    def enrol(self, environment: Environment, consumer: Consumer, *, replace: bool) -> HostLogin:
        """Return a new login for a host of this consumer.

        Args:
            environment: of the consumer, prepared.
            consumer: fetches its set from the delivery mount.
            replace: withdraw every login that the consumer has had.

        Raises:
            Rejected: the environment was not prepared since the consumer is in the estate.
        """
        ...


class Rotator(Protocol):
    """May generate a key and import an intermediate; cannot sign an end entity."""

    def ensure_key(self, key_name: str, subject: Subject, key_kind: str) -> KeyHandle:
        """Return the key with this name, made inside Vault if it is not there, and a CSR."""
        ...

    def import_intermediate(self, certificate: str, key_id: str, issuer_name: str) -> str:
        """Import a certificate, check that Vault maps it to `key_id`, name it; return its id.

        Raises:
            VerificationError: Vault mapped it to another key or to none; the issuer is left
                unnamed and its id is in the message.
        """
        ...

    def make_default(self, issuer_id: str) -> None:
        """Point the mount's default at this issuer."""
        ...

    def issuers(self) -> Sequence[IssuerFacts]:
        """Return the mount's issuers."""
        ...

    def keys(self) -> Mapping[str, str]:
        """Return the mount's keys: identifier → name."""
        ...


class AnchorSigner(Protocol):
    """May call sign-self-issued; used once per generation."""

    def sign_self_issued(self, issuer_id: str, template: str) -> str:
        """Return `template` (PEM, self-issued) signed by the issuer's key, extensions kept."""
        ...


@dataclass(frozen=True)
class SignOrder:
    """One end entity certificate to be signed.

    Attributes:
        csr: PKCS#10 PEM.
        names: DNS names, the first is the common name.
        uris: URI names.
        ttl: seconds.
    """

    issuer_id: str
    role: str
    csr: str
    names: tuple[str, ...]
    uris: tuple[str, ...]
    ttl: int


class AdminSigner(Protocol):
    """May sign through the role admin, and do nothing else: used on admins' own machines."""

    def sign(self, order: SignOrder) -> str:
        """Return the PEM of one new certificate (each call makes another)."""
        ...


class Signer(Protocol):
    """The day-to-day identity: signs through the roles of services, revokes, reads."""

    def sign(self, order: SignOrder) -> str:
        """Return the PEM of one new certificate (each call makes another)."""
        ...

    def sign_many(self, orders: Sequence[SignOrder]) -> Sequence[str | Exception]:
        """Return a PEM or the error for each order, over pooled connections."""
        ...

    def revoke(self, serial: str) -> None:
        """Revoke; revoking twice is the same as once."""
        ...

    def rotate_crl(self) -> None:
        """Have Vault rebuild its CRLs now."""
        ...

    def crl(self, issuer_id: str) -> bytes:
        """Return the issuer's CRL in DER, fetched as a relying party fetches it."""
        ...

    def serials(self) -> Iterator[str]:
        """Yield every stored serial (hex with colons), streaming."""
        ...

    def certificate(self, serial: str) -> str | None:
        """Return the stored certificate's PEM, or None."""
        ...
