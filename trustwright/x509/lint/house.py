"""Our own rules for certificates: the profile that every measured relying party judges alike.

Why each of them is there: ``docs/adr/0006-lint-findings.md``.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from trustwright.errors import LintViolation
from trustwright.x509 import der, encoding, keys
from trustwright.x509.lint.clause import (
    AUTHORITIES,
    END_ENTITY,
    Kind,
    Table,
    found,
    unshowable,
    unusual_strings,
)
from trustwright.x509.lint.matches import matches_order, matches_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CERTIFICATE", "matches_order", "matches_profile"]

CERTIFICATE: Table[x509.Certificate] = Table()

SERIAL_BITS = 64
"""Fewest bits of a serial; ours and those of Vault have 159."""

SIGNATURES = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
}

_SUBJECT = [NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME]
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_DNS_LIMIT = 253
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SPIFFE = re.compile(rf"spiffe://{_LABEL}(\.{_LABEL})+(/(?!\.\.?(/|$))[A-Za-z0-9._-]+)+")
_URI_LIMIT = 2048
_EVERYWHERE = {ip_network("0.0.0.0/0"), ip_network("::/0")}
_BASE = {x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.SubjectKeyIdentifier.oid}
_ISSUING = _BASE | {
    x509.AuthorityKeyIdentifier.oid,
    x509.NameConstraints.oid,
    x509.ExtendedKeyUsage.oid,
    x509.CertificatePolicies.oid,
    x509.CRLDistributionPoints.oid,
    x509.AuthorityInformationAccess.oid,
}
_ALLOWED: dict[Kind, set[x509.ObjectIdentifier]] = {
    "root": _BASE | {x509.AuthorityKeyIdentifier.oid},
    "intermediate": _ISSUING,
    "anchor": _ISSUING,
    "end-entity": _ISSUING - {x509.NameConstraints.oid} | {x509.SubjectAlternativeName.oid},
}


@CERTIFICATE.clause("HOUSE-SERIAL")
def serial(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The serial cannot be guessed: it has 64 bits at least."""
    if certificate.serial_number.bit_length() < SERIAL_BITS:
        yield f"a serial of {certificate.serial_number.bit_length()} bits"


@CERTIFICATE.clause("HOUSE-KEY")
def key(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The key is P-256 or P-384, as a named curve with an uncompressed point."""
    try:
        keys.key_kind(certificate.public_key())
    except LintViolation as error:
        yield error.what
        return
    if der.certificate_fields(certificate).spki != keys.spki_der(certificate.public_key()):
        yield "the key is spelled in an unusual way"


@CERTIFICATE.clause("HOUSE-SIGNATURE")
def signature(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The signature is ECDSA with SHA-256 or SHA-384."""
    if certificate.signature_algorithm_oid not in SIGNATURES:
        yield f"signed with {certificate.signature_algorithm_oid.dotted_string}"


@CERTIFICATE.clause("HOUSE-SELF")
def self_signed(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """A root and an anchor sign themselves; nothing else bears its issuer's name."""
    fields = der.certificate_fields(certificate)
    if (fields.subject == fields.issuer) != (kind in {"root", "anchor"}):
        yield "subject and issuer do not fit"
    elif fields.subject == fields.issuer and not _signs_itself(certificate):
        yield "the certificate was not signed with its own key"


@CERTIFICATE.clause("HOUSE-SUBJECT")
def subject(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """The subject is O, OU and CN (a root: O and CN), each once, as UTF8 or PrintableString."""
    wanted = [oid.dotted_string for oid in _SUBJECT]
    if kind == "root":
        wanted.remove(NameOID.ORGANIZATIONAL_UNIT_NAME.dotted_string)
    attributes = der.name_attributes(der.certificate_fields(certificate).subject)
    if [oid for relative in attributes for oid, _tag in relative] != wanted or any(
        len(relative) != 1 for relative in attributes
    ):
        yield "the subject has other attributes, or another order"
    if unusual_strings(der.certificate_fields(certificate).subject):
        yield "the subject uses an unusual string type"


@CERTIFICATE.clause("HOUSE-TEXT")
def text(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """Subject and issuer can be shown: no control character, no invisible one."""
    for what, name in (("subject", certificate.subject), ("issuer", certificate.issuer)):
        if unshowable(name):
            yield f"the {what} has a character that cannot be shown"


@CERTIFICATE.clause("HOUSE-NAMES")
def names(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """An end entity has DNS names (lower case, no wildcard, no address) and URIs; a CA has none."""
    extension = found(certificate, x509.SubjectAlternativeName)
    if kind in AUTHORITIES:
        if extension is not None:
            yield "a CA has alternative names"
        return
    listed = list(extension.value) if extension else []
    if not any(isinstance(name, x509.DNSName) for name in listed):
        yield "there is no DNS name"
    if len(set(listed)) != len(listed):
        yield "a name stands twice"
    for name in listed:
        if isinstance(name, x509.DNSName):
            if not _is_plain(name.value):
                yield f"DNS name {name.value[:100]!r} is not plain"
        elif not isinstance(name, x509.UniformResourceIdentifier):
            yield f"a name of the kind {type(name).__name__}"


@CERTIFICATE.clause("HOUSE-URI", END_ENTITY)
def uris(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """URIs are SPIFFE identifiers: a host, a path, nothing else."""
    extension = found(certificate, x509.SubjectAlternativeName)
    listed = (
        extension.value.get_values_for_type(x509.UniformResourceIdentifier) if extension else []
    )
    for uri in listed:
        if len(uri) > _URI_LIMIT or not _SPIFFE.fullmatch(uri):
            yield f"URI {uri[:100]!r} is no SPIFFE identifier"


@CERTIFICATE.clause("HOUSE-CN", END_ENTITY)
def common_name(certificate: x509.Certificate, _kind: Kind) -> Iterator[str]:
    """The common name is one of the DNS names, so that nobody reads a name without constraints."""
    extension = found(certificate, x509.SubjectAlternativeName)
    listed = extension.value.get_values_for_type(x509.DNSName) if extension else []
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        if attribute.value not in listed:
            yield f"common name {attribute.value!r} is none of the DNS names"


@CERTIFICATE.clause("HOUSE-KU")
def key_usage(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """A CA signs certificates and CRLs, an end entity signs; neither does anything else."""
    extension = found(certificate, x509.KeyUsage)
    wanted = (
        encoding.key_usage(("key_cert_sign", "crl_sign"))
        if kind in AUTHORITIES
        else encoding.key_usage(("digital_signature",))
    )
    if extension is None or extension.value != wanted:
        yield "the key usage has other bits"


@CERTIFICATE.clause("HOUSE-EKU")
def extended_key_usage(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """All but the root are for server or client authentication and nothing else."""
    extension = found(certificate, x509.ExtendedKeyUsage)
    if kind == "root" or extension is None:
        if (kind == "root") != (extension is None):
            yield "the extended key usage is missing, or stands in a root"
        return
    if extension.critical:
        yield "the extended key usage is critical"
    if not set(extension.value) <= set(encoding.USAGE_OIDS.values()):
        yield "an extended key usage other than server and client authentication"


@CERTIFICATE.clause("HOUSE-PATHLEN", AUTHORITIES)
def path_length(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """An intermediate and its anchor have path length 0, a root has none."""
    extension = found(certificate, x509.BasicConstraints)
    wanted = None if kind == "root" else 0
    if extension is None or extension.value.path_length != wanted:
        yield f"the path length is not {wanted}"


@CERTIFICATE.clause("HOUSE-NC", AUTHORITIES)
def name_constraints(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """An issuer permits DNS subtrees without leading dot and excludes every address, no more."""
    extension = found(certificate, x509.NameConstraints)
    if kind == "root" or extension is None:
        if (kind == "root") != (extension is None):
            yield "the name constraints are missing, or stand in a root"
        return
    permitted = extension.value.permitted_subtrees or []
    if not permitted or not all(
        isinstance(base, x509.DNSName) and _is_plain(base.value) for base in permitted
    ):
        yield "a permitted subtree is no plain DNS name, or none is there"
    if len(set(permitted)) != len(permitted):
        yield "a permitted subtree stands twice"
    excluded = [base.value for base in extension.value.excluded_subtrees or []]
    if len(excluded) != len(_EVERYWHERE) or set(excluded) != _EVERYWHERE:
        yield "the excluded subtrees are not every IPv4 and every IPv6 address"


@CERTIFICATE.clause("HOUSE-POLICY")
def policy(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """All but the root carry one policy, that of the environment, without qualifiers."""
    extension = found(certificate, x509.CertificatePolicies)
    policies = list(extension.value) if extension else []
    if len(policies) != (kind != "root"):
        yield f"{len(policies)} policies"
    if extension and extension.critical:
        yield "the policies are critical"
    for found_policy in policies:
        if found_policy.policy_qualifiers or found_policy.policy_identifier == _ANY_POLICY:
            yield "a policy with qualifiers, or any policy"


@CERTIFICATE.clause("HOUSE-AKI")
def authority_key_identifier(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """The authority key identifier names a key only: intermediate and anchor share it."""
    extension = found(certificate, x509.AuthorityKeyIdentifier)
    if extension is None:
        return
    value = extension.value
    if value.authority_cert_issuer or value.authority_cert_serial_number:
        yield "the authority key identifier names one certificate of the key"
    own = found(certificate, x509.SubjectKeyIdentifier)
    same = own is not None and value.key_identifier == own.value.digest
    if same != (kind in {"root", "anchor"}):
        yield "the authority key identifier does not fit a certificate of this kind"


@CERTIFICATE.clause("HOUSE-EXTENSIONS")
def extensions(certificate: x509.Certificate, kind: Kind) -> Iterator[str]:
    """No extension but those of the profile."""
    for extension in certificate.extensions:
        if extension.oid not in _ALLOWED[kind]:
            yield f"extension {extension.oid.dotted_string} has no place here"


def _is_plain(name: str) -> bool:
    # A number as last label is what resolvers and TLS stacks read as an IPv4 address.
    fits = len(name) <= _DNS_LIMIT and _DNS.fullmatch(name) is not None
    return fits and not _NUMBER.fullmatch(name.rpartition(".")[2])


_ANY_POLICY = x509.ObjectIdentifier("2.5.29.32.0")


def _signs_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
