"""The reader of octets is safe on any octets."""

from __future__ import annotations

import pytest
from cryptography import x509

from tests.vectors import octets, pki
from trustwright.errors import VerificationError
from trustwright.x509 import der


def test_fields_are_the_octets_of_the_certificate() -> None:
    """Names, key and extensions come out as the library sees them."""
    certificate = pki.intermediate().certificate
    fields = der.certificate_fields(certificate)
    assert fields.version == 2
    assert int.from_bytes(fields.serial, "big") == certificate.serial_number
    assert fields.subject == certificate.subject.public_bytes()
    assert fields.issuer == certificate.issuer.public_bytes()
    assert fields.unique_ids == 0
    assert [(each.oid, each.critical, each.value) for each in fields.extensions] == [
        (each.oid.dotted_string, each.critical, each.value.public_bytes())
        for each in certificate.extensions
    ]


def test_an_explicit_false_is_not_critical() -> None:
    """A criticality of FALSE that is spelled out does not pass for TRUE."""
    oid = x509.ObjectIdentifier("2.999.3.1000000")
    value = x509.UnrecognizedExtension(oid, b"\x05\x00")
    certificate = pki.Draft.of(pki.end_entity()).having(value).sign(pki.key("other"))
    found = der.certificate_fields(certificate).extensions[-1]
    assert found == der.RawExtension("2.999.3.1000000", critical=False, value=b"\x05\x00")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x01",
        b"\x30\x80\x00\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\xff",
        b"\x30\x00\x30\x00",
        b"\x30\x82\x00",
    ],
)
def test_broken_octets_are_refused(data: bytes) -> None:
    """No index error, no endless loop: one clear error."""
    with pytest.raises(VerificationError) as caught:
        der.element(data)
    assert caught.value.rule == "X509-DER"


def test_long_lengths() -> None:
    """An element of more than 127 octets is read back."""
    whole = octets.tlv(0x30, octets.tlv(4, bytes(300)))
    assert der.element(whole).children()[0].content == bytes(300)


@pytest.mark.parametrize("data", [b"\x30\x00", b"\x30\x03\x02\x01\x05"])
def test_signed_objects_have_three_parts(data: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(VerificationError):
        der.outer_algorithm(data)
