"""manifest.json: what a delivered version holds, so that it can be read back and compared."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from cryptography import x509
from pydantic import Field

from trustwright.clock import utc_text
from trustwright.ids import serial_text, sha256_hex
from trustwright.model.base import Artifact, Digest, Moment
from trustwright.ports import DeliverySet
from trustwright.x509 import parse

FileName = Literal["key.pem", "cert.pem", "fullchain.pem", "trust.pem", "crl.pem"]
KEY: FileName = "key.pem"
TRUST: FileName = "trust.pem"
CHAIN: FileName = "fullchain.pem"
PUBLIC: tuple[FileName, ...] = ("cert.pem", "fullchain.pem", "trust.pem", "crl.pem")
MANIFEST = "manifest.json"


class Manifest(Artifact):
    """One delivered version.

    Attributes:
        number: of the version, from 1.
        serial: of the certificate, hex with colons.
        names: DNS names and URIs of the certificate.
        delivered: when the version was written.
        crl_until: earliest nextUpdate in crl.pem.
        crl_due: when half of the life of the first of these CRLs is over.
        files: SHA-256 of every other file of the version.
        facts: what the lifecycle adds: issuer, role, anchors' fingerprints.
    """

    format: Literal["trustwright.manifest/1"] = "trustwright.manifest/1"
    consumer: str
    number: int = Field(ge=1)
    serial: str
    names: tuple[str, ...]
    not_before: Moment
    not_after: Moment
    delivered: Moment
    crl_until: Moment | None = None
    crl_due: Moment | None = None
    files: dict[FileName, Digest]
    facts: dict[str, Any] = Field(default_factory=dict)


def contents(delivery: DeliverySet) -> dict[FileName, bytes]:
    """Return the files of a set, without its manifest; no key.pem when the host has the key."""
    texts = (delivery.certificate, delivery.chain, delivery.trust, delivery.crl)
    files = {name: text.encode() for name, text in zip(PUBLIC, texts, strict=True)}
    return files if delivery.key is None else {KEY: delivery.key, **files}


def manifest_of(
    delivery: DeliverySet, *, consumer: str, number: int, delivered: datetime
) -> Manifest:
    """Return the manifest of a set.

    Raises:
        VerificationError: `certificate` is not one certificate.
    """
    leaf = parse.certificate(delivery.certificate)
    return Manifest(
        consumer=consumer,
        number=number,
        serial=serial_text(leaf.serial_number),
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        delivered=delivered,
        crl_until=delivery.crl_until,
        crl_due=delivery.crl_due,
        files={name: sha256_hex(data) for name, data in contents(delivery).items()},
        facts={key: _plain(value) for key, value in delivery.facts.items()},
    )


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(each.value) for each in san)


def _plain(value: object) -> object:
    """Return the JSON value of a fact."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
