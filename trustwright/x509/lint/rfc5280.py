"""What RFC 5280 says of certificates, clause by clause, where a certificate of ours could break it.

Rules that the parser enforces by itself (DER, one extension of a kind, well-formed values) are
not repeated: a certificate that breaks them is never read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustwright.x509 import der, parse
from trustwright.x509.lint.clause import (
    AUTHORITIES,
    Kind,
    Table,
    found,
    raw_extension,
    unusual_strings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CERTIFICATE: Table[x509.Certificate] = Table()

_SERIAL_OCTETS = 20
_GENERALIZED_FROM = 2050
_FETCHED = ("http://", "https://", "ldap://")
_UNDERSTOOD = {
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    x509.ExtendedKeyUsage.oid,
    x509.NameConstraints.oid,
    x509.SubjectAlternativeName.oid,
    x509.CertificatePolicies.oid,
}


@CERTIFICATE.clause("RFC5280-4.1.1.2")
def signature_algorithm(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The signature algorithm inside and outside the signed part is the same."""
    outer = der.outer_algorithm(parse.der(certificate))
    if der.certificate_fields(certificate).algorithm != outer:
        yield "the two signature algorithms differ"


@CERTIFICATE.clause("RFC5280-4.1.2.1")
def version(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """A certificate with extensions is of version 3."""
    if certificate.version is not x509.Version.v3:
        yield f"version is {certificate.version.name}"


@CERTIFICATE.clause("RFC5280-4.1.2.2")
def serial(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The serial has at most 20 octets; the parser wants it positive."""
    octets = der.certificate_fields(certificate).serial
    if len(octets) > _SERIAL_OCTETS:
        yield f"the serial has {len(octets)} octets"


@CERTIFICATE.clause("RFC5280-4.1.2.4")
def issuer(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The issuer is a name that is not empty, as UTF8String or PrintableString."""
    if not list(certificate.issuer):
        yield "the issuer is empty"
    if unusual_strings(der.certificate_fields(certificate).issuer):
        yield "the issuer uses an unusual string type"


@CERTIFICATE.clause("RFC5280-4.1.2.5")
def validity(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The validity begins before it ends; times are UTCTime up to 2049, GeneralizedTime after."""
    if certificate.not_valid_before_utc > certificate.not_valid_after_utc:
        yield "notBefore lies after notAfter"
    fields = der.certificate_fields(certificate)
    for field, moment in (
        (fields.not_before, certificate.not_valid_before_utc),
        (fields.not_after, certificate.not_valid_after_utc),
    ):
        if (field.tag == der.GENERALIZED_TIME) != (moment.year >= _GENERALIZED_FROM):
            yield f"{moment} is written as the wrong kind of time"


@CERTIFICATE.clause("RFC5280-4.1.2.6", AUTHORITIES)
def subject(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The subject of a CA is a name that is not empty."""
    if not list(certificate.subject):
        yield "the subject of a CA is empty"


@CERTIFICATE.clause("RFC5280-4.1.2.8")
def unique_identifiers(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """There are no issuer and subject unique identifiers."""
    if der.certificate_fields(certificate).unique_ids:
        yield "a unique identifier is there"


@CERTIFICATE.clause("RFC5280-4.2")
def critical_extensions(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """Every critical extension is one that is understood."""
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            yield f"critical extension {extension.oid.dotted_string} is not understood"


@CERTIFICATE.clause("RFC5280-4.2.1.1")
def authority_key_identifier(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """The authority key identifier is there but in a self-signed one, not critical, not empty."""
    extension = found(certificate, x509.AuthorityKeyIdentifier)
    if extension is None:
        if kind not in {"root", "anchor"}:
            yield "there is no authority key identifier"
        return
    if extension.critical:
        yield "the authority key identifier is critical"
    if not extension.value.key_identifier:
        yield "the authority key identifier has no key identifier"


@CERTIFICATE.clause("RFC5280-4.2.1.2")
def subject_key_identifier(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """The subject key identifier is there in a CA, not critical and not empty."""
    extension = found(certificate, x509.SubjectKeyIdentifier)
    if extension is None:
        if kind in AUTHORITIES:
            yield "there is no subject key identifier"
        return
    if extension.critical:
        yield "the subject key identifier is critical"
    if not extension.value.digest:
        yield "the subject key identifier is empty"


@CERTIFICATE.clause("RFC5280-4.2.1.3")
def key_usage(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """The key usage is there and critical; keyCertSign is set in a CA and in nothing else."""
    extension = found(certificate, x509.KeyUsage)
    if extension is None:
        yield "there is no key usage"
        return
    if not extension.critical:
        yield "the key usage is not critical"
    if extension.value.key_cert_sign != (kind in AUTHORITIES):
        yield "keyCertSign does not fit"


@CERTIFICATE.clause("RFC5280-4.2.1.4")
def certificate_policies(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """No policy stands twice."""
    extension = found(certificate, x509.CertificatePolicies)
    oids = [policy.policy_identifier for policy in extension.value] if extension else []
    if len(set(oids)) != len(oids):
        yield "a policy stands twice"


@CERTIFICATE.clause("RFC5280-4.2.1.6")
def subject_alternative_name(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The subject alternative name is not empty, and critical only where the subject is empty."""
    extension = found(certificate, x509.SubjectAlternativeName)
    if extension is None:
        return
    if not list(extension.value):
        yield "the subject alternative name is empty"
    if extension.critical == bool(list(certificate.subject)):
        yield "the subject alternative name must be critical exactly when the subject is empty"


@CERTIFICATE.clause("RFC5280-4.2.1.9")
def basic_constraints(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """A CA says so, critically; anything else does not, and has no path length."""
    extension = found(certificate, x509.BasicConstraints)
    if kind not in AUTHORITIES:
        if extension is not None and extension.value.ca:
            yield "an end entity claims to be a CA"
        return
    if extension is None or not extension.value.ca:
        yield "a CA does not say that it is one"
    elif not extension.critical:
        yield "the basic constraints of a CA are not critical"


@CERTIFICATE.clause("RFC5280-4.2.1.10")
def name_constraints(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """Name constraints stand in CAs only, are critical, and no subtree has bounds."""
    extension = found(certificate, x509.NameConstraints)
    if extension is None:
        return
    if kind not in AUTHORITIES:
        yield "an end entity has name constraints"
    if not extension.critical:
        yield "the name constraints are not critical"
    value = raw_extension(certificate, x509.NameConstraints.oid)
    if any(len(parts) > 1 for parts in der.subtrees(value)):
        yield "a subtree has a minimum or a maximum"


@CERTIFICATE.clause("RFC5280-4.2.1.12")
def extended_key_usage(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """An extended key usage that says *any* is not critical; no purpose stands twice."""
    extension = found(certificate, x509.ExtendedKeyUsage)
    if extension is None:
        return
    purposes = list(extension.value)
    if extension.critical and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        yield "any usage, and critical"
    if len(set(purposes)) != len(purposes):
        yield "a purpose stands twice"


@CERTIFICATE.clause("RFC5280-4.2.1.13")
def crl_distribution_points(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """CRL distribution points are not critical, and each has a place to fetch from."""
    extension = found(certificate, x509.CRLDistributionPoints)
    if extension is None:
        return
    if extension.critical:
        yield "the CRL distribution points are critical"
    for point in extension.value:
        if point.reasons is not None or point.crl_issuer is not None:
            yield "a CRL distribution point is for some reasons or another issuer only"
        if not any(str(name.value).startswith(_FETCHED) for name in point.full_name or ()):
            yield "a CRL distribution point has no HTTP or LDAP address"


@CERTIFICATE.clause("RFC5280-4.2.2.1")
def authority_information_access(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """Authority information access is not critical and gives addresses."""
    extension = found(certificate, x509.AuthorityInformationAccess)
    if extension is None:
        return
    if extension.critical:
        yield "the authority information access is critical"
    for access in extension.value:
        if not str(access.access_location.value).startswith(_FETCHED):
            yield "an access description has no HTTP or LDAP address"


@CERTIFICATE.clause("RFC5280-A.1")
def upper_bounds(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """Organization, unit and common name have at most 64 characters."""
    for oid in (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            if not 1 <= len(attribute.value) <= 64:  # noqa: PLR2004 - ub-common-name and its kin
                yield f"a name of {len(attribute.value)} characters"


@CERTIFICATE.clause("X690-11.2.2")
def named_bits(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The key usage ends with a bit that is set: DER leaves out the zeros behind it."""
    if found(certificate, x509.KeyUsage) is None:
        return
    content = der.element(raw_extension(certificate, x509.KeyUsage.oid)).content
    unused, bits = content[0], int.from_bytes(content[1:], "big")
    if not bits >> unused & 1:
        yield "the key usage has zero bits at its end"


@CERTIFICATE.clause("RFC8813-3")
def elliptic_curve_key_usage(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The key usage of an elliptic curve key says nothing of encipherment."""
    extension = found(certificate, x509.KeyUsage)
    if extension and (extension.value.key_encipherment or extension.value.data_encipherment):
        yield "encipherment with a key that only signs"
