"""For each clause of the CRL lint and of the request lint: objects that break it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AttributeOID, ObjectIdentifier

from tests.vectors import octets, pki
from tests.vectors.bad_certificates import HERE, NO_NAME, generalized, utc_time
from trustwright.x509 import build, crl, der, parse

Crl = x509.CertificateRevocationList
Request = x509.CertificateSigningRequest
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
REVOKED = (crl.Revoked(2**80, pki.NOW, "key_compromise"), crl.Revoked(2**81, pki.NOW))
PARTIAL = x509.IssuingDistributionPoint(
    full_name=[HERE],
    relative_name=None,
    only_contains_user_certs=True,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=False,
    only_contains_attribute_certs=False,
)


@cache
def good_crl(*revoked: crl.Revoked) -> Crl:
    """The root's CRL."""
    return crl.build_crl(
        issuer_key=pki.root().key,
        issuer=pki.root().certificate,
        number=7,
        this_update=pki.NOW,
        next_update=pki.later(days=30),
        revoked=revoked,
    )


def good_crls() -> tuple[Crl, ...]:
    """CRLs that break no clause: with entries, without, and since when an entry is invalid."""
    since = x509.InvalidityDate(pki.NOW.replace(tzinfo=None))
    reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
    dated = built(entries=(entry((reason, False), (since, False)),))
    return good_crl(*REVOKED), good_crl(), dated()


def rebuilt(edit: octets.Edit) -> Callable[[], Crl]:
    """The CRL with entries, its octets changed and signed again."""

    def make() -> Crl:
        whole = parse.der(good_crl(*REVOKED))
        return x509.load_der_x509_crl(octets.rebuild(whole, pki.root().key, edit))

    return make


def built(
    *extensions: tuple[x509.ExtensionType, bool],
    leave_out: type[x509.ExtensionType] | None = None,
    entries: tuple[x509.RevokedCertificate, ...] = (),
    issuer: x509.Name | None = None,
    days: int = 30,
    algorithm: hashes.SHA384 | hashes.SHA512 | None = None,
) -> Callable[[], Crl]:
    """A CRL put together from these parts; an extension replaces the good one of its kind."""

    def make() -> Crl:
        name = pki.root().certificate.subject if issuer is None else issuer
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name)
            .last_update(pki.NOW)
            .next_update(pki.later(days=days))
        )
        for value, is_critical in _merged(extensions, leave_out):
            builder = builder.add_extension(value, critical=is_critical)
        for entry in entries:
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(pki.root().key, algorithm or hashes.SHA384())

    return make


def entry(*extensions: tuple[x509.ExtensionType, bool], days: int = 0) -> x509.RevokedCertificate:
    """One entry with these extensions, revoked so many days after the CRL was made."""
    builder = (
        x509.RevokedCertificateBuilder().serial_number(2**80).revocation_date(pki.later(days=days))
    )
    for value, is_critical in extensions:
        builder = builder.add_extension(value, critical=is_critical)
    return builder.build()


def _merged(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...],
    leave_out: type[x509.ExtensionType] | None,
) -> list[tuple[x509.ExtensionType, bool]]:
    base: list[tuple[x509.ExtensionType, bool]] = [
        (x509.AuthorityKeyIdentifier(pki.root().skid, None, None), False),
        (x509.CRLNumber(7), False),
    ]
    replaced = {value.oid for value, _critical in extensions}
    replaced |= {leave_out.oid} if leave_out else set()
    return [each for each in base if each[0].oid not in replaced] + list(extensions)


def _doubled_entries(fields: octets.Parts) -> octets.Parts:
    listed = octets.parts(fields[5])
    return octets.put(5, octets.tlv(der.SEQUENCE, *listed, *listed))(fields)


def _with_entry(*parts: bytes) -> Callable[[], Crl]:
    """The CRL with one entry, put together from these parts."""
    listed = octets.tlv(der.SEQUENCE, octets.tlv(der.SEQUENCE, *parts))
    return rebuilt(octets.put(5, listed))


def _with_serial(serial: bytes) -> Callable[[], Crl]:
    return _with_entry(octets.tlv(der.INTEGER, serial), utc_time(b"261123110000Z"))


def _with_issuer(name: bytes) -> Callable[[], Crl]:
    attribute = octets.tlv(der.SEQUENCE, octets.tlv(der.OID, b"\x55\x04\x03"), name)
    return rebuilt(octets.put(2, octets.tlv(der.SEQUENCE, octets.tlv(der.SET, attribute))))


SERIAL = octets.tlv(der.INTEGER, b"\x01" * 16)
DATE = utc_time(b"261123110000Z")
SOMEBODY = x509.CertificateIssuer([x509.DirectoryName(pki.root().certificate.subject)])

BAD_CRLS: dict[str, list[Callable[[], Crl]]] = {
    "RFC5280-5.1.2.1": [rebuilt(octets.drop(0))],
    "RFC5280-4.1.2.2": [
        _with_serial(b"\x00"),
        _with_serial(b"\xff"),
        _with_serial(b"\x80" + b"\x01" * 15),
        _with_serial(b"\x01" * 21),
    ],
    "RFC5280-5.1.2.3": [
        built(issuer=NO_NAME),
        _with_issuer(octets.tlv(0x1E, "Example Root CA".encode("utf-16-be"))),
    ],
    "RFC5280-5.1.2.4": [rebuilt(octets.put(3, generalized(b"20261123120000Z")))],
    "RFC5280-5.1.2.5": [
        rebuilt(octets.drop(4)),
        rebuilt(octets.put(4, generalized(b"20271123120000Z"))),
        built(days=0),
    ],
    "RFC5280-5.1.2.6": [
        rebuilt(octets.put(5, octets.tlv(der.SEQUENCE))),
        rebuilt(_doubled_entries),
        _with_entry(SERIAL, generalized(b"20261123110000Z")),
    ],
    "RFC5280-5.2.1": [
        built(leave_out=x509.AuthorityKeyIdentifier),
        built((x509.AuthorityKeyIdentifier(b"k", None, None), True)),
        built((x509.AuthorityKeyIdentifier(None, [HERE], 5), False)),
        built((x509.AuthorityKeyIdentifier(b"", None, None), False)),
    ],
    "RFC5280-5.2.3": [
        built(leave_out=x509.CRLNumber),
        built((x509.CRLNumber(7), True)),
        built((x509.CRLNumber(2**160), False)),
    ],
    "RFC5280-5.3": [
        built(entries=(entry((UNKNOWN, True)),)),
        _with_entry(SERIAL, DATE, octets.tlv(der.SEQUENCE)),
    ],
    "RFC5280-5.3.1": [
        built(entries=(entry((x509.CRLReason(x509.ReasonFlags.unspecified), False)),)),
        built(entries=(entry((x509.CRLReason(x509.ReasonFlags.remove_from_crl), False)),)),
    ],
    "RFC5280-5.3.3": [
        built(entries=(entry((SOMEBODY, False)),)),
        built(entries=(entry((SOMEBODY, True)),)),
    ],
    "HOUSE-CRL-WHOLE": [built((PARTIAL, True)), built((x509.DeltaCRLIndicator(3), True))],
    "HOUSE-CRL-EXTENSIONS": [built((UNKNOWN, False))],
    "HOUSE-CRL-ENTRY": [
        built(entries=(entry((UNKNOWN, False)),)),
        built(entries=(entry((UNKNOWN, True)),)),
    ],
    "HOUSE-CRL-TEXT": [
        _with_issuer(octets.tlv(der.UTF8_STRING, b"Example\x1b[2J Root CA")),
    ],
    "HOUSE-CRL-TIMES": [built(entries=(entry(days=1),))],
    "HOUSE-CRL-SIGNATURE": [built(algorithm=hashes.SHA512())],
}
"""Identifier of a clause → CRLs that break it."""


def good_requests() -> tuple[Request, ...]:
    """Requests that break no clause: for a CA, and for an end entity with names."""
    subject = pki.end_entity_profile().subject
    return (
        parse.request(build.build_request(pki.key("leaf"), subject)),
        parse.request(build.build_request(pki.key("leaf"), subject, (pki.NAME,), (pki.URI,))),
    )


def _asking(value: x509.ExtensionType) -> Request:
    builder = x509.CertificateSigningRequestBuilder().subject_name(NO_NAME)
    return builder.add_extension(value, critical=False).sign(pki.key("leaf"), hashes.SHA256())


def _with_attribute(oid: ObjectIdentifier) -> Request:
    builder = x509.CertificateSigningRequestBuilder().subject_name(NO_NAME)
    return builder.add_attribute(oid, b"secret").sign(pki.key("leaf"), hashes.SHA256())


def _plain(key: ec.EllipticCurvePrivateKey, algorithm: hashes.SHA256 | hashes.SHA3_256) -> Request:
    builder = x509.CertificateSigningRequestBuilder().subject_name(NO_NAME)
    return builder.sign(key, algorithm)


def _signed_by_another() -> Request:
    whole = parse.der(good_requests()[0])
    return x509.load_der_x509_csr(octets.rebuild(whole, pki.key("other"), lambda fields: fields))


BAD_REQUESTS: dict[str, list[Callable[[], Request]]] = {
    "RFC2986-4.2": [_signed_by_another],
    "HOUSE-REQUEST-KEY": [lambda: _plain(ec.generate_private_key(ec.SECP521R1()), hashes.SHA256())],
    "HOUSE-REQUEST-SIGNATURE": [lambda: _plain(pki.key("leaf"), hashes.SHA3_256())],
    "HOUSE-REQUEST-ATTRIBUTES": [
        lambda: _with_attribute(AttributeOID.CHALLENGE_PASSWORD),
        lambda: _with_attribute(AttributeOID.UNSTRUCTURED_NAME),
    ],
    "HOUSE-REQUEST-EXTENSIONS": [
        lambda: _asking(x509.NameConstraints([x509.DNSName("example.internal")], None)),
        lambda: _asking(UNKNOWN),
    ],
}
"""Identifier of a clause → certification requests that break it."""
