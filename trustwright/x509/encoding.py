"""What a profile says, as X.509 names and extensions: the one place that encodes them.

Building uses it to make certificates, linting to say what a certificate must look like byte for
byte.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from trustwright.model.profile import KeyUsage, NameConstraints, Profile, Subject, Usage

USAGE_OIDS: dict[Usage, x509.ObjectIdentifier] = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}

Encoded = tuple[x509.ExtensionType, bool]
"""An extension and whether it is critical."""


def subject_name(subject: Subject) -> x509.Name:
    """Return the distinguished name: O, OU and CN as UTF8String (RFC 5280 §4.1.2.4)."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organization)]
    if subject.unit is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, subject.unit))
    parts.append(x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name))
    return x509.Name(parts)


def profile_extensions(
    profile: Profile, public_key: CertificatePublicKeyTypes, issuer_skid: bytes | None
) -> tuple[Encoded, ...]:
    """Return every extension of a certificate of this profile, in the order that we write them.

    Args:
        profile: what the certificate says.
        public_key: its subject public key; the key identifier is the SHA-1 of RFC 5280 §4.2.1.2.
        issuer_skid: key identifier of the issuer; None leaves the extension out (self-signed).
    """
    extensions: list[Encoded] = []
    if profile.ca:
        extensions.append((x509.BasicConstraints(ca=True, path_length=profile.path_length), True))
    extensions.append((key_usage(profile.key_usage), True))
    if profile.name_constraints is not None:
        extensions.append((name_constraints(profile.name_constraints), True))
    if profile.dns_names or profile.uris:
        extensions.append((alternative_names(profile.dns_names, profile.uris), False))
    extensions.append((x509.SubjectKeyIdentifier.from_public_key(public_key), False))
    if issuer_skid is not None:
        extensions.append((x509.AuthorityKeyIdentifier(issuer_skid, None, None), False))
    extensions.extend((extension, False) for extension in _plain(profile))
    return tuple(extensions)


def key_usage(bits: Sequence[KeyUsage]) -> x509.KeyUsage:
    """Return the key usage with these bits (RFC 5280 §4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature="digital_signature" in bits,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign="key_cert_sign" in bits,
        crl_sign="crl_sign" in bits,
        encipher_only=False,
        decipher_only=False,
    )


def name_constraints(constraints: NameConstraints) -> x509.NameConstraints:
    """Return the name constraints: permitted DNS subtrees, excluded networks."""
    return x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(name) for name in constraints.permitted_dns],
        excluded_subtrees=[x509.IPAddress(ip_network(net)) for net in constraints.excluded_ip]
        or None,
    )


def alternative_names(names: Sequence[str], uris: Sequence[str]) -> x509.SubjectAlternativeName:
    """Return the subject alternative name: DNS names, then URIs."""
    entries: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    entries.extend(x509.UniformResourceIdentifier(uri) for uri in uris)
    return x509.SubjectAlternativeName(entries)


def _plain(profile: Profile) -> Iterator[x509.ExtensionType]:
    if profile.extended_key_usage:
        yield x509.ExtendedKeyUsage([USAGE_OIDS[usage] for usage in profile.extended_key_usage])
    if profile.policies:
        yield x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in profile.policies]
        )
    if profile.crl_urls:
        # One point with several names: the names are ways to the same CRL (RFC 5280 §4.2.1.13).
        names = [x509.UniformResourceIdentifier(url) for url in profile.crl_urls]
        yield x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])
    if profile.issuer_urls:
        yield x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(
                    AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)
                )
                for url in profile.issuer_urls
            ]
        )
