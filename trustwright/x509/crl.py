"""Certificate revocation lists: one complete list per issuer (RFC 5280 §5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from trustwright.errors import LintViolation, VerificationError
from trustwright.x509 import der, keys, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric import ec

CLOCK_SKEW = timedelta(minutes=5)
"""How far thisUpdate may lie ahead: the issuer's clock and ours are two clocks."""

_PARTIAL = (x509.IssuingDistributionPoint, x509.DeltaCRLIndicator)


@dataclass(frozen=True)
class Revoked:
    """One entry of a CRL.

    Attributes:
        at: when it was revoked, aware.
        reason: a `trustwright.model.ceremony.RevocationReason`; ``unspecified`` is not written,
            as RFC 5280 §5.3.1 asks.
    """

    serial: int
    at: datetime
    reason: str = "unspecified"


def build_crl(
    *,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate,
    number: int,
    this_update: datetime,
    next_update: datetime,
    revoked: Sequence[Revoked],
) -> x509.CertificateRevocationList:
    """Return a complete, signed CRL: version 2, number and authority key identifier.

    Args:
        issuer_key: signs with SHA-384 (P-384) or SHA-256 (P-256).
        issuer: certificate of `issuer_key`.
        number: larger than that of every CRL before (RFC 5280 §5.2.3).
        this_update: aware.
        next_update: aware; a relying party refuses the CRL from then on.
        revoked: every entry, each serial once; no entry later than `this_update`.

    Raises:
        LintViolation: a reason is unknown, a serial stands twice, or a value cannot be encoded.
    """
    _refuse_repeated(revoked)
    authority = x509.AuthorityKeyIdentifier(parse.skid(issuer), None, None)
    try:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(_seconds(this_update))
            .next_update(_seconds(next_update))
            .add_extension(authority, critical=False)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for entry in sorted(revoked, key=lambda entry: entry.serial):
            builder = builder.add_revoked_certificate(_entry(entry))
        return builder.sign(issuer_key, keys.signature_hash(issuer_key.public_key()))
    except (ValueError, KeyError) as error:
        raise LintViolation(f"not a CRL: {error}", rule="RFC5280-5.1") from None


def verify_crl(
    crl: x509.CertificateRevocationList,
    issuer: x509.Certificate,
    *,
    at: datetime,
    freshness: bool = True,
) -> None:
    """Check that this is the issuer's complete CRL and, with `freshness`, in force.

    Args:
        crl: as `trustwright.x509.parse.crl` returns it.
        issuer: certificate of the CA; must have the key usage cRLSign.
        at: the time of the check, aware; thisUpdate may lie `CLOCK_SKEW` ahead of it.
        freshness: False accepts a CRL whose nextUpdate has passed (for history, never to trust).

    Raises:
        VerificationError: rule ``CRL-ISSUER``, ``CRL-AKI``, ``CRL-SIGNATURE``, ``CRL-PARTIAL``,
            ``CRL-CRITICAL``, ``CRL-NUMBER``, ``CRL-FUTURE`` or ``CRL-STALE``.
    """
    _check_issuer(crl, issuer)
    _check_signature(crl, issuer)
    _check_whole(crl)
    if crl.last_update_utc > at + CLOCK_SKEW:
        raise _broken("CRL-FUTURE", f"thisUpdate {crl.last_update_utc} lies ahead of {at}")
    expires = crl.next_update_utc
    if freshness and (expires is None or expires <= at):
        raise _broken("CRL-STALE", f"nextUpdate is {expires}, now is {at}")


def is_revoked(crl: x509.CertificateRevocationList, serial: int) -> bool:
    """Return whether the CRL lists this serial. Verify the CRL first."""
    return crl.get_revoked_certificate_by_serial_number(serial) is not None


def crl_number(crl: x509.CertificateRevocationList) -> int:
    """Return the CRL number.

    Raises:
        VerificationError: it has none (rule ``CRL-NUMBER``).
    """
    number = parse.extension(crl, x509.CRLNumber)
    if number is None:
        raise _broken("CRL-NUMBER", "the CRL has no number")
    return number.crl_number


def _entry(entry: Revoked) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(entry.serial)
        .revocation_date(_seconds(entry.at))
    )
    if entry.reason != "unspecified":
        reason = x509.CRLReason(x509.ReasonFlags[entry.reason])
        builder = builder.add_extension(reason, critical=False)
    return builder.build()


def _refuse_repeated(revoked: Sequence[Revoked]) -> None:
    if len({entry.serial for entry in revoked}) != len(revoked):
        raise LintViolation("a serial stands twice in the CRL", rule="RFC5280-5.1.2.6")


def _check_issuer(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    parse.readable(issuer)
    if der.crl_fields(crl).issuer != der.certificate_fields(issuer).subject:
        raise _broken("CRL-ISSUER", "the CRL names another issuer")
    usage = parse.extension(issuer, x509.KeyUsage)
    if usage is None or not usage.crl_sign:
        raise _broken("CRL-ISSUER", "the issuer may not sign CRLs")
    authority = parse.extension(crl, x509.AuthorityKeyIdentifier)
    if authority is None or authority.key_identifier != parse.skid(issuer):
        raise _broken("CRL-AKI", "the CRL was signed by another key of this name, or by none")


def _check_signature(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    algorithm = crl.signature_hash_algorithm
    try:
        keys.key_kind(issuer.public_key())
        valid = crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (LintViolation, ValueError, TypeError, UnsupportedAlgorithm):
        valid = False
    if not valid or algorithm is None or algorithm.name not in keys.SIGNATURE_HASHES:
        raise _broken("CRL-SIGNATURE", "the CRL's signature does not verify")


def _check_whole(crl: x509.CertificateRevocationList) -> None:
    if any(isinstance(extension.value, _PARTIAL) for extension in crl.extensions):
        raise _broken("CRL-PARTIAL", "the CRL does not speak for all certificates of its issuer")
    critical = [extension.oid.dotted_string for extension in crl.extensions if extension.critical]
    if critical:
        raise _broken("CRL-CRITICAL", f"critical extension {critical[0]} is not understood")
    crl_number(crl)


def _seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _broken(rule: str, what: str) -> VerificationError:
    return VerificationError(what, rule=rule, hint="fetch the CRL again from its issuer")
