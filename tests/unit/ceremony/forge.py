"""Certificates and CRLs that a root could sign and must not: parts of a good one, changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.unit.ceremony.material import RootMaterial
from trustwright.x509 import keys, parse

P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
_ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
Extension = tuple[x509.ExtensionType, bool]


@dataclass(frozen=True)
class Parts:
    """What a certificate is made of; `replace` one part to forge."""

    subject: x509.Name
    issuer: x509.Name
    public_key: Any
    serial: int
    begin: datetime
    end: datetime
    extensions: tuple[Extension, ...]
    signer: ec.EllipticCurvePrivateKey
    algorithm: Any = field(default=None)

    def pem(self) -> str:
        """Return the certificate."""
        builder = x509.CertificateBuilder(
            subject_name=self.subject,
            issuer_name=self.issuer,
            public_key=self.public_key,
            serial_number=self.serial,
            not_valid_before=self.begin.replace(tzinfo=None),
            not_valid_after=self.end.replace(tzinfo=None),
        )
        for value, critical in self.extensions:
            builder = builder.add_extension(value, critical=critical)
        algorithm = self.algorithm or keys.signature_hash(self.signer.public_key())
        return parse.pem(builder.sign(self.signer, algorithm))

    def with_value(self, value: x509.ExtensionType) -> Parts:
        """Return the parts with an extension's value changed."""
        return self._each(value.oid, lambda _, critical: (value, critical))

    def without(self, oid: x509.ObjectIdentifier) -> Parts:
        """Return the parts without an extension."""
        kept = tuple(each for each in self.extensions if each[0].oid != oid)
        return replace(self, extensions=kept)

    def turned(self, oid: x509.ObjectIdentifier) -> Parts:
        """Return the parts with an extension's critical flag turned."""
        return self._each(oid, lambda value, critical: (value, not critical))

    def with_more(self, value: x509.ExtensionType, *, critical: bool = False) -> Parts:
        """Return the parts with one more extension."""
        return replace(self, extensions=(*self.extensions, (value, critical)))

    def _each(
        self, oid: x509.ObjectIdentifier, change: Callable[[x509.ExtensionType, bool], Extension]
    ) -> Parts:
        changed = tuple(
            change(value, critical) if value.oid == oid else (value, critical)
            for value, critical in self.extensions
        )
        return replace(self, extensions=changed)


def parts_of(pem: str, signer: ec.EllipticCurvePrivateKey) -> Parts:
    """Return the parts of a certificate, to be signed again."""
    made = parse.certificate(pem)
    return Parts(
        subject=made.subject,
        issuer=made.issuer,
        public_key=made.public_key(),
        serial=made.serial_number,
        begin=made.not_valid_before_utc,
        end=made.not_valid_after_utc,
        extensions=tuple((each.value, each.critical) for each in made.extensions),
        signer=signer,
    )


def twin(pem: str) -> str:
    """Return the same certificate under the other signature that the same key seems to have made.

    Of an ECDSA signature (r, s), (r, n - s) verifies as well.
    """
    made = parse.certificate(pem)
    first, second = decode_dss_signature(made.signature)
    other = encode_dss_signature(first, P384_ORDER - second)
    bits = b"\x00" + other
    octets = made.tbs_certificate_bytes + _ECDSA_SHA384 + bytes([0x03, len(bits)]) + bits
    return parse.pem(x509.load_der_x509_certificate(b"\x30\x82" + _size(octets) + octets))


def _size(octets: bytes) -> bytes:
    return len(octets).to_bytes(2, "big")


def common_name(name: x509.Name, value: str) -> x509.Name:
    """Return a name with another common name."""
    return _attribute(name, x509.NameOID.COMMON_NAME, value)


def unit(name: x509.Name, value: str) -> x509.Name:
    """Return a name with another organizational unit."""
    return _attribute(name, x509.NameOID.ORGANIZATIONAL_UNIT_NAME, value)


def respelled(name: x509.Name) -> x509.Name:
    """Return the same name in PrintableString where it was UTF8String."""
    kind = x509.name._ASN1Type.PrintableString
    return x509.Name([x509.NameAttribute(each.oid, str(each.value), kind) for each in name])


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier, value: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(each.oid, value if each.oid == oid else each.value) for each in name]
    )


def constraints(
    *domains: str, addresses: Sequence[str] = ("0.0.0.0/0", "::/0")
) -> x509.NameConstraints:
    """Return name constraints."""
    excluded = [x509.IPAddress(ip_network(each)) for each in addresses]
    return x509.NameConstraints([x509.DNSName(each) for each in domains], excluded or None)


def usage(*uses: str) -> x509.KeyUsage:
    """Return a key usage."""
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in uses for name in names})


def policies(*oids: str) -> x509.CertificatePolicies:
    """Return certificate policies."""
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]
    )


ANY_USAGE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])


def forged_crl(
    material: RootMaterial,
    this_update: datetime,
    *,
    lasts: timedelta = timedelta(days=180),
    number: int | None = 1,
    listed: Sequence[int] = (),
    signer: ec.EllipticCurvePrivateKey | None = None,
    issuer: x509.Name | None = None,
    more: Sequence[Extension] = (),
    reason: x509.ReasonFlags | None = None,
) -> str:
    """Return a CRL with any of its parts changed."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer or material.certificate.subject)
        .last_update(this_update)
        .next_update(this_update + lasts)
    )
    authority = x509.AuthorityKeyIdentifier(parse.skid(material.certificate), None, None)
    builder = builder.add_extension(authority, critical=False)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for value, critical in more:
        builder = builder.add_extension(value, critical=critical)
    for serial in listed:
        entry = x509.RevokedCertificateBuilder(serial, this_update.replace(tzinfo=None))
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return parse.pem(builder.sign(signer or material.key, hashes.SHA384()))
