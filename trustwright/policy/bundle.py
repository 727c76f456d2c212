"""What a delivered set must be: whole, fitting together, and without the root.

With the root in a bundle every relying party would accept the other environments' certificates, so
the first rule is that it is in none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trustwright.clock import utc_text
from trustwright.errors import VerificationError
from trustwright.ports import DeliverySet
from trustwright.x509 import parse
from trustwright.x509.keys import spki_sha256
from trustwright.x509.path import verify_issued


def check_bundle(
    delivery: DeliverySet,
    *,
    root: str | bytes,
    anchors: Sequence[str],
    at: datetime | None = None,
) -> None:
    """Check one set before it is delivered.

    Args:
        delivery: the set.
        root: the pinned root, PEM: it must be in no part.
        anchors: the anchors that the consumer is meant to trust, PEM each.
        at: when given, every certificate must be valid then.

    Raises:
        VerificationError: rule ``BUNDLE-ROOT``, ``BUNDLE-ANCHORS``, ``BUNDLE-CHAIN``,
            ``BUNDLE-KEY`` or ``BUNDLE-DATES``, or one of `trustwright.x509`.
    """
    leaf = parse.certificate(delivery.certificate)
    chain = parse.certificates(delivery.chain)
    trusted = parse.certificates(delivery.trust) if delivery.trust.strip() else []
    check_without_root([leaf, *chain, *trusted], parse.certificate(root))
    check_anchors(trusted, [parse.certificate(each) for each in anchors])
    check_chain(leaf, chain)
    check_key(delivery.key, leaf)
    if at is not None:
        check_dates([*chain, *trusted], at)


def check_without_root(found: Sequence[x509.Certificate], root: x509.Certificate) -> None:
    """BUNDLE-ROOT: neither the root nor any other certificate over its key is in a bundle."""
    for each in found:
        if parse.spki_sha256(each) == parse.spki_sha256(root):
            raise VerificationError(
                "the root is in a bundle: whoever gets it would accept every environment",
                rule="BUNDLE-ROOT",
                hint="deliver anchors only",
            )


def check_anchors(found: Sequence[x509.Certificate], wanted: Sequence[x509.Certificate]) -> None:
    """BUNDLE-ANCHORS: trust.pem holds the anchors that were meant, each once, and nothing else."""
    held = [parse.fingerprint(each) for each in found]
    meant = {parse.fingerprint(each) for each in wanted}
    if not held or len(set(held)) != len(held) or set(held) != meant:
        missing, strange = sorted(meant - set(held)), sorted(set(held) - meant)
        raise VerificationError(
            f"trust.pem holds {len(held)} certificates; missing: {', '.join(missing) or 'none'}; "
            f"not meant: {', '.join(strange) or 'none'}",
            rule="BUNDLE-ANCHORS",
            hint="make the bundle again from the recorded anchors",
        )


def check_chain(leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> None:
    """BUNDLE-CHAIN: fullchain.pem is the certificate, then the intermediate that signed it."""
    for broken, what in _chain_faults(leaf, chain):
        if broken:
            raise VerificationError(
                what, rule="BUNDLE-CHAIN", hint="leaf first, then its intermediate"
            )
    verify_issued(leaf, chain[1])


def _chain_faults(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate]
) -> Iterator[tuple[bool, str]]:
    yield len(chain) != 2, f"fullchain.pem holds {len(chain)} certificates, not two"  # noqa: PLR2004
    yield chain[0] != leaf, "fullchain.pem does not begin with the certificate itself"
    yield chain[1].subject == chain[1].issuer, "fullchain.pem holds a self-issued certificate"


def check_key(key: bytes | None, leaf: x509.Certificate) -> None:
    """BUNDLE-KEY: the private key is that of the certificate; None means that the host has it.

    Raises:
        VerificationError: another key, or no readable one; the key is never in the message.
    """
    if key is None:
        return
    try:
        fits = spki_sha256(load_pem_private_key(key, None).public_key()) == parse.spki_sha256(leaf)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        fits = False
    if not fits:
        raise VerificationError(
            "the private key is not that of the certificate",
            rule="BUNDLE-KEY",
            hint="issue again; the key may be lost",
        )


def check_dates(found: Sequence[x509.Certificate], at: datetime) -> None:
    """BUNDLE-DATES: every certificate of the set is valid at this time (RFC 5280 §4.1.2.5)."""
    for each in found:
        if not each.not_valid_before_utc <= at <= each.not_valid_after_utc:
            raise VerificationError(
                f"a certificate of the set is not valid at {utc_text(at)} but from "
                f"{utc_text(each.not_valid_before_utc)} to {utc_text(each.not_valid_after_utc)}",
                rule="BUNDLE-DATES",
                hint="check the clocks, or renew",
            )
