"""Does a certificate say what was asked for: a profile octet for octet, an order by value.

What *we* sign is compared octet for octet with what the profile encodes to. What Vault signs is
encoded by Vault (other string types, another order): there the values are compared.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from trustwright.x509 import der, encoding, parse
from trustwright.x509.lint.clause import Finding

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from datetime import datetime

    from trustwright.model.profile import Profile

BACKDATE_LIMIT = 3600
"""Seconds that Vault may put notBefore into the past."""

_ORDERED = {
    x509.SubjectAlternativeName.oid,
    x509.ExtendedKeyUsage.oid,
    x509.KeyUsage.oid,
    x509.AuthorityKeyIdentifier.oid,
    x509.SubjectKeyIdentifier.oid,
    x509.CertificatePolicies.oid,
    x509.CRLDistributionPoints.oid,
    x509.AuthorityInformationAccess.oid,
    x509.BasicConstraints.oid,
}


def matches_profile(
    certificate: x509.Certificate, profile: Profile, spki: str, earliest: datetime, latest: datetime
) -> tuple[Finding, ...]:
    """Return how a certificate of ours differs from its profile; empty when it is that profile.

    Subject and every extension are compared octet for octet with what the profile encodes to:
    none more, none less, the same criticality. The authority key identifier may name any key:
    whose it is, `trustwright.x509.path.verify_issued` says.

    Args:
        certificate: to be judged.
        profile: what it must say.
        spki: SHA-256 hex of the SubjectPublicKeyInfo that it must carry.
        earliest: first moment at which it may have been signed, aware.
        latest: last such moment.
    """
    return (
        *_key(certificate, spki, "PROFILE-KEY"),
        *_subject_octets(certificate, profile),
        *_extension_octets(certificate, profile),
        *_signing_time(certificate, profile, earliest, latest),
    )


def matches_order(
    certificate: x509.Certificate,
    profile: Profile,
    spki: str,
    *,
    now: datetime,
    tolerance: int = 300,
) -> tuple[Finding, ...]:
    """Return how a certificate that Vault signed differs from what was ordered; empty when not.

    Args:
        certificate: to be judged.
        profile: the order, from `trustwright.x509.profiles.end_entity_profile`.
        spki: SHA-256 hex of the SubjectPublicKeyInfo in the certification request.
        now: when the answer arrived, aware.
        tolerance: seconds by which Vault's clock and the way there may differ.
    """
    return (
        *_key(certificate, spki, "ORDER-KEY"),
        *_ordered_subject(certificate, profile),
        *_ordered_names(certificate, profile),
        *_ordered_usage(certificate, profile),
        *_ordered_policy(certificate, profile),
        *_ordered_extensions(certificate),
        *_ordered_time(certificate, profile, now, timedelta(seconds=tolerance)),
    )


def _key(certificate: x509.Certificate, spki: str, clause: str) -> Iterator[Finding]:
    if parse.spki_sha256(certificate) != spki:
        yield Finding(clause, "the certificate is for another key")


def _subject_octets(certificate: x509.Certificate, profile: Profile) -> Iterator[Finding]:
    wanted = encoding.subject_name(profile.subject).public_bytes()
    if der.certificate_fields(certificate).subject != wanted:
        yield Finding("PROFILE-SUBJECT", f"the subject is {certificate.subject.rfc4514_string()}")


def _extension_octets(certificate: x509.Certificate, profile: Profile) -> Iterator[Finding]:
    wanted = {
        value.oid.dotted_string: (critical, value.public_bytes())
        for value, critical in encoding.profile_extensions(
            profile, certificate.public_key(), _issuer_key_identifier(certificate)
        )
    }
    there = {
        extension.oid: (extension.critical, extension.value)
        for extension in der.certificate_fields(certificate).extensions
    }
    for oid in sorted(wanted.keys() | there.keys()):
        if wanted.get(oid) != there.get(oid):
            yield Finding("PROFILE-EXTENSION", f"extension {oid} {_verdict(oid, wanted, there)}")


def _verdict(oid: str, wanted: Container[str], there: Container[str]) -> str:
    if oid not in wanted:
        return "was not asked for"
    return "is not what was asked for" if oid in there else "is missing"


def _issuer_key_identifier(certificate: x509.Certificate) -> bytes | None:
    authority = parse.extension(certificate, x509.AuthorityKeyIdentifier)
    if authority is not None and authority.key_identifier is not None:
        return authority.key_identifier
    # Only a self-issued certificate may go without; elsewhere this makes the missing one a finding.
    fields = der.certificate_fields(certificate)
    return None if fields.issuer == fields.subject else b""


def _signing_time(
    certificate: x509.Certificate, profile: Profile, earliest: datetime, latest: datetime
) -> Iterator[Finding]:
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime != timedelta(seconds=profile.validity + profile.backdate):
        yield Finding("PROFILE-VALIDITY", f"the certificate lives {lifetime}")
    signed = certificate.not_valid_before_utc + timedelta(seconds=profile.backdate)
    if not earliest <= signed <= latest:
        yield Finding("PROFILE-TIME", f"signed at {signed}, not in {earliest} … {latest}")


def _ordered_subject(certificate: x509.Certificate, profile: Profile) -> Iterator[Finding]:
    wanted = [(part.oid, part.value) for part in encoding.subject_name(profile.subject)]
    if [(part.oid, part.value) for part in certificate.subject] != wanted:
        yield Finding("ORDER-SUBJECT", f"the subject is {certificate.subject.rfc4514_string()}")


def _ordered_names(certificate: x509.Certificate, profile: Profile) -> Iterator[Finding]:
    wanted = set(encoding.alternative_names(profile.dns_names, profile.uris))
    there = list(parse.extension(certificate, x509.SubjectAlternativeName) or ())
    if set(there) != wanted or len(there) != len(wanted):
        shown = ", ".join(str(name.value)[:100] for name in there[:10])
        yield Finding("ORDER-NAMES", f"the names are {shown or 'none'}")


def _ordered_usage(certificate: x509.Certificate, profile: Profile) -> Iterator[Finding]:
    if parse.extension(certificate, x509.KeyUsage) != encoding.key_usage(profile.key_usage):
        yield Finding("ORDER-KU", "the key usage has other bits")
    wanted = {encoding.USAGE_OIDS[usage] for usage in profile.extended_key_usage}
    there = list(parse.extension(certificate, x509.ExtendedKeyUsage) or ())
    if set(there) != wanted or len(there) != len(wanted):
        yield Finding("ORDER-EKU", "the extended key usage is not the role's")


def _ordered_policy(certificate: x509.Certificate, profile: Profile) -> Iterator[Finding]:
    there = list(parse.extension(certificate, x509.CertificatePolicies) or ())
    wanted = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in profile.policies]
    if there != wanted:
        yield Finding("ORDER-POLICY", "the policy is not the environment's")


def _ordered_extensions(certificate: x509.Certificate) -> Iterator[Finding]:
    for extension in certificate.extensions:
        if extension.oid not in _ORDERED:
            yield Finding("ORDER-EXTENSIONS", f"extension {extension.oid.dotted_string}")
    constraints = parse.extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        yield Finding("ORDER-CA", "the certificate is a CA")
    authority = parse.extension(certificate, x509.AuthorityKeyIdentifier)
    if authority is None or authority.key_identifier is None or authority.authority_cert_issuer:
        yield Finding("ORDER-AKI", "the authority key identifier is not a key identifier alone")


def _ordered_time(
    certificate: x509.Certificate, profile: Profile, now: datetime, tolerance: timedelta
) -> Iterator[Finding]:
    end = now + timedelta(seconds=profile.validity)
    if abs(certificate.not_valid_after_utc - end) > tolerance:
        yield Finding("ORDER-TTL", f"the certificate ends at {certificate.not_valid_after_utc}")
    start = certificate.not_valid_before_utc
    if not now - timedelta(seconds=BACKDATE_LIMIT) - tolerance <= start <= now + tolerance:
        yield Finding("ORDER-START", f"the certificate begins at {start}")
