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
    """

    number: int
    serial: str
    manifest: str
    trust: str
    crl_until: datetime | None = None
    crl_due: datetime | None = None


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

    def deliver(self, delivery: DeliverySet) -> Delivered:
        """Write a new version, swap, reload, check, read back; undo on failure.

        Raises:
            VerificationError: the key, or the key in place that is to be kept, is not that of the
                certificate (rule ``BUNDLE-KEY``); nothing was written.
            UpstreamError: it could not be written or the hook failed; the previous version is
                in place again.
        """
        ...

    def observed(self) -> Delivered | None:
        """Return what is in place now, read from the target and checked against its manifest."""
        ...

    def host_request(self) -> str | None:
        """Return the PEM of the certification request that the host left, or None."""
        ...
