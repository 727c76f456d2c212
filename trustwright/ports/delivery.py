"""Where a consumer's set goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class DeliverySet:
    """What a consumer receives; `key` stays in memory until it is delivered.

    Attributes:
        key: PKCS#8 PEM, or None when the host keeps its own key.
        keep_key: deliver with the key file that is in place, if there is one; `key` is None then.
        certificate, chain, trust, crl: PEM text; chain is leaf and intermediate.
        crl_until: earliest nextUpdate in `crl`.
        crl_due: when half of the life of the first of these CRLs is over.
        facts: for manifest.json: serial, names, dates, issuer, anchors' fingerprints.
    """

    certificate: str
    chain: str
    trust: str
    crl: str
    key: bytes | None = field(default=None, repr=False)
    keep_key: bool = False
    crl_until: datetime | None = None
    crl_due: datetime | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivered:
    """Proof that a set is in place: it was read back.

    Attributes:
        number: version folder.
        serial: of the delivered certificate.
        manifest: SHA-256 hex of manifest.json as read back.
        trust: SHA-256 hex of trust.pem as read back.
        crl_until, crl_due: as in `DeliverySet`; None when the manifest does not say.
        with_key: the set holds key.pem.
        in_service: reload and check have passed since it was put in place; until then software may
            still use what was there before.
        drift: how modes, owners and links differ from what the estate file asks; empty when they
            do not.
        exposed: key.pem could be read by an account that the estate file does not name.
    """

    number: int
    serial: str
    manifest: str
    trust: str
    crl_until: datetime | None = None
    crl_due: datetime | None = None
    with_key: bool = False
    in_service: bool = False
    drift: str = ""
    exposed: bool = False


@dataclass(frozen=True)
class Bundles:
    """Certificates as they lie at a target, whoever put them there; PEM, nothing verified.

    Attributes:
        trust: trust.pem.
        chain: fullchain.pem.
    """

    trust: str
    chain: str


class Target(Protocol):
    """Where one consumer's set goes."""

    def ready(self, *, with_key: bool) -> None:
        """Check that a delivery can be written, before anything is issued for it.

        Args:
            with_key: whether the set brings a key.

        Raises:
            ConfigurationError: user or group is unknown.
            ConflictError: another delivery is under way.
            UpstreamError: it cannot be written, or something of somebody else's is in the way.
        """
        ...

    def deliver(self, delivery: DeliverySet, *, expected: Delivered | None) -> Delivered:
        """Write a new version, swap, reload, check, read back; undo on failure.

        Args:
            delivery: the set.
            expected: what `observed` returned when the caller decided to deliver. It is compared
                while the target is held: whoever was overtaken meanwhile changes nothing.

        Raises:
            VerificationError: the key, or the key in place that is to be kept, is not that of the
                certificate (rule ``BUNDLE-KEY``); nothing was written.
            ConflictError: something else is in place than was expected (rule ``DLV-CONFLICT``);
                nothing was written.
            UpstreamError: it could not be written or the hook failed; the version that was in
                service before is in place again.
        """
        ...

    def finish(self, *, expected: Delivered) -> Delivered:
        """Reload and check with the set in place, whose delivery was cut; undo on failure.

        Does nothing when the set is in service already. A set that never passed gives way to the
        one that was in service before it; one that passed once stays.

        Raises:
            ConflictError: something else is in place than was expected (rule ``DLV-CONFLICT``).
            UpstreamError: a hook failed.
        """
        ...

    def observed(self) -> Delivered | None:
        """Return what is in place now, read from the target and checked against its manifest.

        Raises:
            ConfigurationError: user or group is unknown.
            UpstreamError: it cannot be read, or others can write there.
        """
        ...

    def host_request(self) -> str | None:
        """Return the PEM of the certification request that the host left, or None."""
        ...

    def bundles(self) -> Bundles | None:
        """Return the certificates that software reads at the target, or None when there are none.

        Raises:
            UpstreamError: they cannot be read.
        """
        ...
