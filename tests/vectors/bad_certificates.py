"""For each clause of the certificate lint: certificates that break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
    ObjectIdentifier,
)

from tests.vectors import octets, pki
from trustwright.x509 import der, encoding, parse

if TYPE_CHECKING:
    from trustwright.x509.lint import Kind

Change = Callable[[pki.Draft], pki.Draft]
Bad = tuple["Kind", Callable[[], x509.Certificate]]

UNKNOWN = ObjectIdentifier("1.2.3.4.5")
ANY_USAGE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
NO_NAME = x509.Name([])
HERE = x509.UniformResourceIdentifier("http://pki.example.internal/x")
NOWHERE = x509.UniformResourceIdentifier("file:///etc/passwd")


def changed(kind: Kind, change: Change) -> Bad:
    """A good certificate of this kind with one change, signed again with the right key."""

    def make() -> x509.Certificate:
        return change(pki.Draft.of(pki.good(kind)[0])).sign(pki.signer(kind))

    return kind, make


def with_extension(kind: Kind, value: x509.ExtensionType, *, critical: bool = False) -> Bad:
    """One extension put in place of the good one, or added."""
    return changed(kind, lambda draft: draft.having(value, critical=critical))


def without_extension(kind: Kind, value: type[x509.ExtensionType]) -> Bad:
    """One extension left out."""
    return changed(kind, lambda draft: draft.without(value.oid))


def critical(kind: Kind, value: type[x509.ExtensionType], *, to: bool) -> Bad:
    """The same extension with another criticality."""

    def change(draft: pki.Draft) -> pki.Draft:
        kept = next(each for each, _critical in draft.extensions if each.oid == value.oid)
        return draft.having(kept, critical=to)

    return changed(kind, change)


def rebuilt(kind: Kind, edit: octets.Edit, algorithm: Callable[[], bytes] | None = None) -> Bad:
    """A good certificate with its octets changed, signed again."""

    def make() -> x509.Certificate:
        whole = parse.der(pki.good(kind)[0])
        outer = algorithm() if algorithm else None
        return x509.load_der_x509_certificate(octets.rebuild(whole, pki.signer(kind), edit, outer))

    return kind, make


def with_octets(kind: Kind, value: type[x509.ExtensionType], octets_: bytes) -> Bad:
    """The good certificate with other octets in an extension that is there."""

    def change(draft: pki.Draft) -> pki.Draft:
        is_critical = next(flag for each, flag in draft.extensions if each.oid == value.oid)
        unread = x509.UnrecognizedExtension(value.oid, octets_)
        return draft.having(unread, critical=is_critical)

    return changed(kind, change)


def _bounded_subtree(*bounds: bytes) -> bytes:
    base = octets.tlv(0x82, b"prod.example.internal")
    permitted = octets.tlv(0xA0, octets.tlv(der.SEQUENCE, base, *bounds))
    good = pki.intermediate().certificate.extensions.get_extension_for_class(x509.NameConstraints)
    _permitted, excluded = octets.parts(good.value.public_bytes())
    return octets.tlv(der.SEQUENCE, permitted, excluded)


def _issuer_of(tag: int, encoding_: str) -> Bad:
    def edit(fields: octets.Parts) -> octets.Parts:
        text = octets.tlv(tag, "Example Root CA".encode(encoding_))
        good = octets.tlv(der.UTF8_STRING, b"Example Root CA")
        # Lengths around it change with the text, so the name is put together again.
        relatives = [
            octets.tlv(
                der.SET,
                octets.tlv(
                    der.SEQUENCE,
                    *(text if part == good else part for part in octets.parts(attribute)),
                ),
            )
            for relative in octets.parts(fields[3])
            for attribute in octets.parts(relative)
        ]
        return octets.put(3, octets.tlv(der.SEQUENCE, *relatives))(fields)

    return rebuilt(ICA, edit)


def names(*listed: x509.GeneralName) -> Bad:
    """An end entity with these alternative names."""
    return with_extension("end-entity", x509.SubjectAlternativeName(listed))


def constraints(
    *permitted: x509.GeneralName, excluded: tuple[str, ...] = ("0.0.0.0/0", "::/0")
) -> Bad:
    """An intermediate with these name constraints."""
    networks = [x509.IPAddress(ip_network(text)) for text in excluded]
    value = x509.NameConstraints(list(permitted) or None, networks or None)
    return with_extension("intermediate", value, critical=True)


def subject(kind: Kind, *attributes: tuple[ObjectIdentifier, str]) -> Bad:
    """A certificate with this subject; a self-signed one keeps its issuer."""

    def change(draft: pki.Draft) -> pki.Draft:
        listed = [x509.NameAttribute(oid, text, _validate=False) for oid, text in attributes]
        return replace(draft, subject=x509.Name(listed))

    return changed(kind, change)


def usage(**bits: bool) -> x509.KeyUsage:
    """Key usage digitalSignature, and these bits."""
    every = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(every | {"digital_signature": True} | bits))


def with_key(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> Bad:
    """An end entity for this key."""
    return changed("end-entity", lambda draft: replace(draft, public_key=key))


def times(before: bytes, after: bytes) -> bytes:
    """A Validity field."""
    return octets.tlv(der.SEQUENCE, before, after)


def utc_time(text: bytes) -> bytes:
    """A UTCTime."""
    return octets.tlv(der.UTC_TIME, text)


def generalized(text: bytes) -> bytes:
    """A GeneralizedTime."""
    return octets.tlv(der.GENERALIZED_TIME, text)


def _sha256_algorithm() -> bytes:
    return octets.parts(parse.der(_signed_with_p256()))[1]


def _signed_with_p256() -> x509.Certificate:
    return pki.Draft.of(pki.end_entity()).sign(pki.key("other"))


def _signed_with_sha512() -> x509.Certificate:
    return pki.Draft.of(pki.end_entity()).sign(pki.intermediate().key, hashes.SHA512())


def _compressed_key() -> x509.Certificate:
    key = pki.key("leaf").public_key()
    point = key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    whole = parse.der(pki.end_entity())
    spki = octets.parts(octets.parts(whole)[0])[6]
    algorithm = octets.parts(spki)[0]
    changed_spki = octets.tlv(der.SEQUENCE, algorithm, octets.tlv(der.BIT_STRING, b"\x00", point))
    return x509.load_der_x509_certificate(
        octets.rebuild(whole, pki.intermediate().key, octets.put(6, changed_spki))
    )


def _teletex_subject() -> x509.Certificate:
    text = x509.NameAttribute(NameOID.COMMON_NAME, pki.NAME, x509.name._ASN1Type.T61String)
    parts = [*list(pki.end_entity().subject)[:2], text]
    return replace(pki.Draft.of(pki.end_entity()), subject=x509.Name(parts)).sign(
        pki.intermediate().key
    )


def _two_in_one_name() -> x509.Certificate:
    name = x509.Name([x509.RelativeDistinguishedName(list(pki.end_entity().subject))])
    return replace(pki.Draft.of(pki.end_entity()), subject=name).sign(pki.intermediate().key)


def _with_bell(name: x509.Name) -> x509.Name:
    first, *rest = name
    rung = x509.NameAttribute(first.oid, f"{first.value!s}\x07", _validate=False)
    return x509.Name([rung, *rest])


def _self_issued() -> x509.Certificate:
    authority = pki.intermediate()
    draft = pki.Draft.of(authority.certificate)
    return replace(draft, issuer=draft.subject).sign(authority.key)


def _signed_by_another_key() -> x509.Certificate:
    return pki.Draft.of(pki.root().certificate).sign(pki.root("another").key)


def _points(
    place: x509.UniformResourceIdentifier | None,
    issuer: bool = False,
) -> x509.CRLDistributionPoints:
    other = [x509.DirectoryName(pki.root().certificate.subject)] if issuer else None
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([place] if place else None, None, None, other)]
    )


def _access(place: x509.UniformResourceIdentifier) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)]
    )


def _policies(*oids: str, qualified: bool = False) -> x509.CertificatePolicies:
    qualifiers = ["http://pki.example.internal/cps"] if qualified else None
    return x509.CertificatePolicies(
        [x509.PolicyInformation(ObjectIdentifier(oid), qualifiers) for oid in oids]
    )


def _tied_to_one_issuer() -> Bad:
    def change(draft: pki.Draft) -> pki.Draft:
        directory = [x509.DirectoryName(pki.root().certificate.subject)]
        value = x509.AuthorityKeyIdentifier(pki.intermediate().skid, directory, 5)
        return draft.having(value)

    return changed("end-entity", change)


O, OU, CN = (  # noqa: E741
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)
DOMAIN = x509.DNSName("prod.example.internal")
LONG = ".".join([*["a" * 49] * 4, "b" * 46, "internal"])
PLAIN = x509.DNSName(pki.NAME)
AUTHORITY_USAGE = encoding.key_usage(("key_cert_sign", "crl_sign"))
END_ENTITY_USAGE = encoding.key_usage(("digital_signature",))
EE: Kind = "end-entity"
ICA: Kind = "intermediate"

BAD: dict[str, list[Bad]] = {
    "RFC5280-4.1.1.2": [rebuilt(ICA, lambda fields: fields, _sha256_algorithm)],
    "RFC5280-4.1.2.1": [rebuilt(EE, octets.drop(0, 7))],
    "RFC5280-4.1.2.2": [rebuilt(ICA, octets.put(1, octets.tlv(der.INTEGER, b"\x01" * 21)))],
    "RFC5280-4.1.2.4": [
        changed(EE, lambda draft: replace(draft, issuer=NO_NAME)),
        _issuer_of(0x1E, "utf-16-be"),
        _issuer_of(0x14, "latin-1"),
    ],
    "RFC5280-4.1.2.5": [
        rebuilt(EE, octets.put(4, times(utc_time(b"290101000000Z"), utc_time(b"280101000000Z")))),
        rebuilt(
            EE, octets.put(4, times(utc_time(b"260101000000Z"), generalized(b"20280101000000Z")))
        ),
        rebuilt(
            EE, octets.put(4, times(generalized(b"20260101000000Z"), utc_time(b"280101000000Z")))
        ),
    ],
    "RFC5280-4.1.2.6": [changed(ICA, lambda draft: replace(draft, subject=NO_NAME))],
    "RFC5280-4.1.2.8": [
        rebuilt(EE, octets.insert(7, octets.tlv(0x81, b"\x00\x01"))),
        rebuilt(EE, octets.insert(7, octets.tlv(0x82, b"\x00\x01"))),
    ],
    "RFC5280-4.2": [
        with_extension(EE, x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00"), critical=True)
    ],
    "RFC5280-4.2.1.1": [
        without_extension(EE, x509.AuthorityKeyIdentifier),
        without_extension(ICA, x509.AuthorityKeyIdentifier),
        critical(EE, x509.AuthorityKeyIdentifier, to=True),
        with_extension(EE, x509.AuthorityKeyIdentifier(None, [HERE], 5)),
        with_octets(ICA, x509.AuthorityKeyIdentifier, b"\x30\x02\x80\x00"),
    ],
    "RFC5280-4.2.1.2": [
        without_extension("root", x509.SubjectKeyIdentifier),
        critical(EE, x509.SubjectKeyIdentifier, to=True),
        with_octets(ICA, x509.SubjectKeyIdentifier, b"\x04\x00"),
        with_octets(EE, x509.SubjectKeyIdentifier, b"\x04\x00"),
    ],
    "RFC5280-4.2.1.3": [
        without_extension(EE, x509.KeyUsage),
        critical(ICA, x509.KeyUsage, to=False),
        with_extension(EE, AUTHORITY_USAGE, critical=True),
        with_extension(ICA, END_ENTITY_USAGE, critical=True),
    ],
    "RFC5280-4.2.1.4": [with_extension(EE, _policies("1.2.3", "1.2.3"))],
    "RFC5280-4.2.1.6": [
        names(),
        with_extension(EE, x509.SubjectAlternativeName([PLAIN]), critical=True),
        changed(EE, lambda draft: replace(draft, subject=NO_NAME)),
    ],
    "RFC5280-4.2.1.9": [
        without_extension(ICA, x509.BasicConstraints),
        with_extension(ICA, x509.BasicConstraints(ca=False, path_length=None), critical=True),
        with_extension("root", x509.BasicConstraints(ca=True, path_length=None)),
        with_extension(EE, x509.BasicConstraints(ca=True, path_length=None), critical=True),
    ],
    "RFC5280-4.2.1.10": [
        critical(ICA, x509.NameConstraints, to=False),
        with_extension(EE, x509.NameConstraints([DOMAIN], None), critical=True),
        with_octets(ICA, x509.NameConstraints, _bounded_subtree(b"\x80\x01\x01")),
        with_octets(ICA, x509.NameConstraints, _bounded_subtree(b"\x81\x01\x05")),
        with_octets("anchor", x509.NameConstraints, _bounded_subtree(b"\x80\x01\x02")),
    ],
    "RFC5280-4.2.1.12": [
        with_extension(EE, x509.ExtendedKeyUsage([ANY_USAGE]), critical=True),
        with_extension(EE, x509.ExtendedKeyUsage([SERVER, SERVER])),
    ],
    "RFC5280-4.2.1.13": [
        with_extension(EE, _points(HERE), critical=True),
        with_extension(EE, _points(NOWHERE)),
        with_extension(
            EE,
            x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint(
                        [HERE], None, frozenset({x509.ReasonFlags.superseded}), None
                    )
                ]
            ),
        ),
        changed(EE, lambda draft: draft.having(_points(None, issuer=True))),
    ],
    "RFC5280-4.2.2.1": [
        with_extension(EE, _access(HERE), critical=True),
        with_extension(EE, _access(NOWHERE)),
    ],
    "RFC5280-A.1": [subject(EE, (O, "Example"), (OU, "prod"), (CN, "a" * 65))],
    "X690-11.2.2": [
        with_octets(ICA, x509.KeyUsage, bytes.fromhex("03020006")),
        with_octets(ICA, x509.KeyUsage, bytes.fromhex("0303000600")),
        with_octets(EE, x509.KeyUsage, bytes.fromhex("03020080")),
        with_octets(EE, x509.KeyUsage, bytes.fromhex("030100")),
    ],
    "RFC8813-3": [
        with_extension(EE, usage(key_encipherment=True), critical=True),
        with_extension(EE, usage(data_encipherment=True), critical=True),
    ],
    "HOUSE-SERIAL": [changed(EE, lambda draft: replace(draft, serial=2**63 - 1))],
    "HOUSE-KEY": [
        with_key(ec.generate_private_key(ec.SECP521R1()).public_key()),
        with_key(ec.generate_private_key(ec.SECP256K1()).public_key()),
        with_key(rsa.generate_private_key(65537, 2048).public_key()),
        (EE, _compressed_key),
    ],
    "HOUSE-SIGNATURE": [(EE, _signed_with_sha512)],
    "HOUSE-SELF": [
        (ICA, _self_issued),
        ("root", _signed_by_another_key),
        ("root", lambda: pki.intermediate().certificate),
        ("anchor", lambda: pki.intermediate().certificate),
        (ICA, pki.anchor),
    ],
    "HOUSE-SUBJECT": [
        subject(EE, (OU, "prod"), (O, "Example"), (CN, pki.NAME)),
        subject(EE, (O, "Example"), (CN, pki.NAME)),
        subject(EE, (O, "Example"), (OU, "prod"), (CN, "other.example"), (CN, pki.NAME)),
        subject(EE, (O, "Example"), (OU, "prod"), (CN, pki.NAME), (NameOID.EMAIL_ADDRESS, "a@b")),
        subject("root", (O, "Example"), (OU, "prod"), (CN, "Example Root CA")),
        (EE, _teletex_subject),
        (EE, _two_in_one_name),
    ],
    "HOUSE-TEXT": [
        subject(ICA, (O, "Example"), (OU, "pr\n\x1b[2Jod"), (CN, "Example prod Issuing CA G1")),
        subject(EE, (O, "Exam\u202eple"), (OU, "prod"), (CN, pki.NAME)),
        subject("root", (O, "Example"), (CN, "Example Root\x7f CA")),
        changed(EE, lambda draft: replace(draft, issuer=_with_bell(draft.issuer))),
    ],
    "HOUSE-NAMES": [
        without_extension(EE, x509.SubjectAlternativeName),
        names(x509.UniformResourceIdentifier(pki.URI)),
        names(x509.DNSName("*.prod.example.internal")),
        names(x509.DNSName("Billing.prod.example.internal")),
        names(x509.DNSName("billing.prod.example.internal.")),
        names(x509.DNSName("billing")),
        names(PLAIN, x509.DNSName("10.0.0.1")),
        names(PLAIN, x509.DNSName("billing.prod.example.0x7f")),
        names(PLAIN, x509.DNSName(LONG)),
        names(x509.DNSName("a_b.prod.example.internal")),
        names(PLAIN, PLAIN),
        names(PLAIN, x509.IPAddress(ip_address("127.0.0.1"))),
        names(PLAIN, x509.RFC822Name("a@prod.example.internal")),
        names(PLAIN, x509.DirectoryName(NO_NAME)),
        names(PLAIN, x509.RegisteredID(UNKNOWN)),
        with_extension(ICA, x509.SubjectAlternativeName([DOMAIN])),
    ],
    "HOUSE-URI": [
        names(PLAIN, x509.UniformResourceIdentifier(text))
        for text in (
            "https://billing.prod.example.internal/",
            "spiffe://prod.example.internal",
            "spiffe://prod.example.internal/",
            "spiffe://prod.example.internal//billing",
            "spiffe://prod.example.internal/a/../admin",
            "spiffe://prod.example.internal/./admin",
            "spiffe://prod.example.internal:8443/server/billing",
            "spiffe://user@prod.example.internal/server/billing",
            "spiffe://prod.example.internal/server/billing?x",
            "spiffe://prod.example.internal/server/billing#x",
            "spiffe://prod.example.internal/server/%62illing",
            "spiffe://PROD.example.internal/server/billing",
            "spiffe://prod.example.internal/" + "a" * 2048,
        )
    ],
    "HOUSE-CN": [
        subject(EE, (O, "Example"), (OU, "prod"), (CN, "other.test.example.internal")),
        subject(EE, (O, "Example"), (OU, "prod"), (CN, "billing")),
    ],
    "HOUSE-KU": [
        with_extension(EE, usage(content_commitment=True), critical=True),
        with_extension(EE, usage(key_agreement=True), critical=True),
        with_extension(ICA, encoding.key_usage(("key_cert_sign",)), critical=True),
        with_extension(
            "root",
            encoding.key_usage(("digital_signature", "key_cert_sign", "crl_sign")),
            critical=True,
        ),
    ],
    "HOUSE-EKU": [
        without_extension(EE, x509.ExtendedKeyUsage),
        without_extension("anchor", x509.ExtendedKeyUsage),
        with_extension("root", x509.ExtendedKeyUsage([SERVER])),
        with_extension(EE, x509.ExtendedKeyUsage([SERVER]), critical=True),
        with_extension(EE, x509.ExtendedKeyUsage([SERVER, ExtendedKeyUsageOID.CODE_SIGNING])),
        with_extension(ICA, x509.ExtendedKeyUsage([ANY_USAGE])),
    ],
    "HOUSE-PATHLEN": [
        with_extension(ICA, x509.BasicConstraints(ca=True, path_length=None), critical=True),
        with_extension("anchor", x509.BasicConstraints(ca=True, path_length=1), critical=True),
        with_extension("root", x509.BasicConstraints(ca=True, path_length=1), critical=True),
    ],
    "HOUSE-NC": [
        without_extension(ICA, x509.NameConstraints),
        without_extension("anchor", x509.NameConstraints),
        with_extension("root", x509.NameConstraints([DOMAIN], None), critical=True),
        constraints(),
        constraints(x509.DNSName(".prod.example.internal")),
        constraints(x509.DNSName("internal")),
        constraints(x509.DNSName("")),
        constraints(DOMAIN, x509.DirectoryName(NO_NAME)),
        constraints(DOMAIN, x509.UniformResourceIdentifier("prod.example.internal")),
        constraints(DOMAIN, x509.IPAddress(ip_network("10.0.0.0/8"))),
        constraints(DOMAIN, DOMAIN),
        constraints(x509.DNSName(LONG)),
        constraints(x509.DNSName("example.7")),
        constraints(DOMAIN, excluded=()),
        constraints(DOMAIN, excluded=("0.0.0.0/0",)),
        constraints(DOMAIN, excluded=("0.0.0.0/0", "::/1")),
        constraints(DOMAIN, excluded=("0.0.0.0/0", "::/0", "10.0.0.0/8")),
    ],
    "HOUSE-POLICY": [
        without_extension(EE, x509.CertificatePolicies),
        with_extension("root", _policies("1.2.3")),
        with_extension(ICA, _policies("1.2.3", "1.2.4")),
        with_extension(EE, _policies("1.2.3", qualified=True)),
        with_extension(EE, _policies("2.5.29.32.0")),
        with_extension(EE, _policies("1.2.3"), critical=True),
    ],
    "HOUSE-AKI": [
        _tied_to_one_issuer(),
        with_extension("anchor", x509.AuthorityKeyIdentifier(b"other", None, None)),
        changed(
            ICA,
            lambda draft: draft.having(
                x509.AuthorityKeyIdentifier(pki.intermediate().skid, None, None)
            ),
        ),
    ],
    "HOUSE-EXTENSIONS": [
        with_extension(EE, x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00")),
        with_extension(EE, x509.OCSPNoCheck()),
        with_extension("root", x509.ExtendedKeyUsage([SERVER])),
        with_extension(ICA, x509.InhibitAnyPolicy(0)),
    ],
}
"""Identifier of a clause → certificates that break it, each with what it claims to be."""
