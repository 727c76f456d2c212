"""Parsing takes exactly one whole object and translates every foreign error."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable

import pytest
from cryptography import x509

from tests.vectors import octets, pki
from tests.vectors.bad_crls import REVOKED, good_crl, good_requests
from trustwright.errors import VerificationError
from trustwright.x509 import der, keys, parse

LEAF = pki.end_entity()
PEM = parse.pem(LEAF)
REQUEST = parse.pem(good_requests()[0])
CRL = parse.pem(good_crl(*REVOKED))


def test_each_object_survives_the_trip() -> None:
    """PEM out and in again gives the same object, from text and from bytes, LF and CRLF."""
    assert parse.certificate(PEM) == LEAF
    assert parse.certificate(PEM.encode()) == LEAF
    assert parse.certificate(PEM.replace("\n", "\r\n")) == LEAF
    assert parse.certificate(f"\n{PEM}\n\n") == LEAF
    assert parse.certificates(PEM + PEM) == [LEAF, LEAF]
    assert parse.pem(parse.request(REQUEST)) == REQUEST
    assert parse.pem(parse.crl(CRL)) == CRL
    assert parse.pem(parse.crl(parse.der(good_crl(*REVOKED)))) == CRL


def test_digests() -> None:
    """Fingerprint, key digest and key identifier of a certificate."""
    assert parse.fingerprint(LEAF).startswith("sha256:")
    assert len(parse.fingerprint(LEAF)) == 71
    assert parse.spki_sha256(LEAF) == keys.spki_sha256(pki.key("leaf").public_key())
    assert parse.spki_sha256(parse.request(REQUEST)) == parse.spki_sha256(LEAF)
    assert parse.skid(LEAF) == x509.SubjectKeyIdentifier.from_public_key(LEAF.public_key()).digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no PEM",
        f"a line\n{PEM}",
        f"{PEM}a line",
        PEM + PEM,
        REQUEST,
        CRL,
        PEM + keys.private_pem(pki.key("leaf")).decode(),
        PEM.replace("BEGIN CERTIFICATE", "BEGIN TRUSTED CERTIFICATE"),
        PEM.replace("END CERTIFICATE", "END X509 CRL"),
        PEM[: len(PEM) // 2],
        PEM.replace("MII", "M!I"),
        PEM.replace("\n", "", 1),
        PEM.replace("-----\nMII", "-----\nProc-Type: 4,ENCRYPTED\n\nMII"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "ü" + PEM,
        PEM * 200,
    ],
)
def test_anything_but_one_certificate_is_refused(text: str) -> None:
    """Garbage, company, other labels, broken base64 and bulk get one clear error."""
    for data in (text, text.encode()):
        with pytest.raises(VerificationError) as caught:
            parse.certificate(data)
        assert caught.value.rule in {"X509-PEM", "X509-PARSE"}
        assert caught.value.hint


@pytest.mark.parametrize("read", [parse.request, parse.crl])
@pytest.mark.parametrize("text", ["", PEM, REQUEST + REQUEST, CRL + CRL, "0", b"\x30\x00"])
def test_anything_but_one_request_or_crl_is_refused(
    read: Callable[[str | bytes], object], text: str | bytes
) -> None:
    """Requests and CRLs are read as strictly as certificates."""
    with pytest.raises(VerificationError):
        read(text)


def test_octets_behind_a_crl_are_refused() -> None:
    """DER with something behind it is not one CRL."""
    with pytest.raises(VerificationError) as caught:
        parse.crl(parse.der(good_crl(*REVOKED)) + b"\x00")
    assert caught.value.rule == "X509-PARSE"


def test_two_signature_algorithms_in_a_crl_are_refused() -> None:
    """RFC 5280 §5.1.1.2 is the parser's."""
    outer = octets.parts(parse.der(pki.Draft.of(LEAF).sign(pki.key("other"))))[1]
    whole = octets.rebuild(parse.der(good_crl()), pki.root().key, lambda fields: fields, outer)
    with pytest.raises(VerificationError):
        parse.crl(whole)


@pytest.mark.parametrize("serial", [b"\x00", b"\xf0\x01", b"\x80"])
def test_a_serial_that_is_not_positive_is_refused(serial: bytes) -> None:
    """The library only warns; we do not read such a certificate, and nobody sees a warning."""
    whole = octets.rebuild(
        parse.der(LEAF), pki.intermediate().key, octets.put(1, octets.tlv(2, serial))
    )
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(VerificationError, match="not positive"):
            parse.certificate_der(whole)
    assert seen == []


def test_octets_that_are_no_certificate_have_no_serial() -> None:
    """What is not read here is refused by whoever reads on."""
    assert der.serial_of(parse.der(LEAF)) == LEAF.serial_number.to_bytes(20, "big")
    for data in (b"", b"\x30", b"\x30\x00", b"\x30\x02\x30\x00", b"\x04\x01\x00", b"\x30\x80"):
        assert der.serial_of(data) == b""


def test_a_broken_part_is_found_at_once() -> None:
    """What the library would parse later is parsed now: here a key that is no point."""
    fields = octets.parts(octets.parts(parse.der(LEAF))[0])
    algorithm = octets.parts(fields[6])[0]
    spki = octets.tlv(0x30, algorithm, octets.tlv(3, b"\x00\x04", bytes(64)))
    whole = octets.rebuild(parse.der(LEAF), pki.intermediate().key, octets.put(6, spki))
    x509.load_der_x509_certificate(whole)
    with pytest.raises(VerificationError) as caught:
        parse.certificate_der(whole)
    assert caught.value.rule == "X509-PARSE"


@pytest.mark.parametrize(
    ("text", "read", "label"),
    [
        (PEM, parse.certificate, "CERTIFICATE"),
        (REQUEST, parse.request, "CERTIFICATE REQUEST"),
        (CRL, parse.crl, "X509 CRL"),
    ],
)
def test_a_signature_fills_its_octets(text: str, read: Callable[[str], object], label: str) -> None:
    """An unsigned octet says how many bits count; if it could vary, so could the fingerprint."""
    body = base64.b64decode("".join(text.splitlines()[1:-1]))
    tbs, algorithm, signature = octets.parts(body)
    content = bytes([1]) + der.element(signature).content[1:-1] + b"\x00"
    changed = octets.tlv(0x30, tbs, algorithm, octets.tlv(der.BIT_STRING, content))
    encoded = base64.encodebytes(changed).decode()
    with pytest.raises(VerificationError) as caught:
        read(f"-----BEGIN {label}-----\n{encoded}-----END {label}-----\n")
    assert caught.value.rule == "X509-DER"


def test_skid_needs_the_extension() -> None:
    """A certificate without key identifier has none to give."""
    draft = pki.Draft.of(LEAF).without(x509.SubjectKeyIdentifier.oid)
    with pytest.raises(VerificationError) as caught:
        parse.skid(draft.sign(pki.intermediate().key))
    assert caught.value.rule == "RFC5280-4.2.1.2"
