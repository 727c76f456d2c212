"""Building: what a profile says stands in the certificate, octet for octet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.vectors import octets, pki
from trustwright.errors import LintViolation, VerificationError
from trustwright.ids import new_serial
from trustwright.x509 import build, der, keys, parse
from trustwright.x509.path import verify_anchor

WANTED_INTERMEDIATE = {
    "2.5.29.19": (True, "30060101ff020100"),
    "2.5.29.15": (True, "03020106"),
    "2.5.29.30": (
        True,
        "304d a0193017 8215 70726f642e6578616d706c652e696e7465726e616c"
        " a130300a 8708 0000000000000000 3022 8720 " + "00" * 32,
    ),
    "2.5.29.37": (False, "301406082b0601050507030106082b06010505070302"),
}


def test_the_intermediate_has_the_measured_octets() -> None:
    """Critical extensions are those that every relying party was measured with."""
    fields = der.certificate_fields(pki.intermediate().certificate)
    there = {each.oid: (each.critical, each.value.hex()) for each in fields.extensions}
    for oid, (critical, value) in WANTED_INTERMEDIATE.items():
        assert there[oid] == (critical, value.replace(" ", ""))


def test_the_root_has_no_more_than_it_needs() -> None:
    """Basic constraints, key usage and key identifier; no authority key identifier."""
    kinds = [type(each.value) for each in pki.root().certificate.extensions]
    assert kinds == [x509.BasicConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier]


def test_validity_counts_from_the_signing() -> None:
    """The start lies an hour before the signing, the end the validity after it, in UTC."""
    certificate = pki.intermediate().certificate
    assert certificate.not_valid_before_utc == pki.NOW - timedelta(hours=1)
    assert certificate.not_valid_after_utc == pki.NOW + timedelta(days=730)


def test_another_time_zone_is_the_same_moment() -> None:
    """An aware time of another zone, with fractions, becomes whole seconds of UTC."""
    moment = datetime(2026, 11, 23, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    root = pki.root()
    certificate = build.sign_certificate(
        pki.ROOT_PROFILE,
        public_key=root.key.public_key(),
        serial=new_serial(),
        signed_at=moment,
        issuer_key=root.key,
        issuer_name=root.certificate.subject,
        issuer_skid=root.skid,
    )
    assert certificate.not_valid_before_utc == datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC)
    assert parse.extension(certificate, x509.AuthorityKeyIdentifier) == (
        x509.AuthorityKeyIdentifier(root.skid, None, None)
    )


def test_two_keys_give_the_same_signed_part() -> None:
    """A throwaway key lints exactly the octets that the real key will sign."""
    root, profile, serial = pki.root(), pki.intermediate_profile(), new_serial()
    made = [
        build.sign_certificate(
            profile,
            public_key=pki.key("leaf").public_key(),
            serial=serial,
            signed_at=pki.NOW,
            issuer_key=key,
            issuer_name=root.certificate.subject,
            issuer_skid=root.skid,
        )
        for key in (root.key, keys.generate_key("ec-p384"))
    ]
    assert made[0].tbs_certificate_bytes == made[1].tbs_certificate_bytes
    assert made[0].signature != made[1].signature


@pytest.mark.parametrize("serial", [0, -1, 2**160])
def test_an_impossible_serial_is_refused(serial: int) -> None:
    """The library's error becomes ours."""
    with pytest.raises(LintViolation) as caught:
        _signed(serial=serial)
    assert caught.value.rule == "HOUSE-PROFILE"


def test_an_impossible_key_is_refused() -> None:
    """Neither the subject's nor the issuer's key may be of another kind."""
    other = ec.generate_private_key(ec.SECP521R1())
    with pytest.raises(LintViolation, match="neither P-256 nor P-384"):
        _signed(public_key=other.public_key())
    with pytest.raises(LintViolation, match="neither P-256 nor P-384"):
        _signed(issuer_key=other)


def test_a_request_proves_possession() -> None:
    """The request carries subject, names and a valid signature."""
    text = build.build_request(
        pki.key("leaf"), pki.end_entity_profile().subject, (pki.NAME,), (pki.URI,)
    )
    request = parse.request(text)
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == f"CN={pki.NAME},OU=prod,O=Example"
    assert list(request.extensions) == [
        x509.Extension(
            x509.SubjectAlternativeName.oid,
            critical=False,
            value=x509.SubjectAlternativeName(
                [x509.DNSName(pki.NAME), x509.UniformResourceIdentifier(pki.URI)]
            ),
        )
    ]


def test_a_name_beyond_ascii_is_refused() -> None:
    """Names are encoded as they are or not at all."""
    with pytest.raises(LintViolation) as caught:
        build.build_request(pki.key("leaf"), pki.end_entity_profile().subject, ("bücher.example",))
    assert caught.value.rule == "HOUSE-PROFILE"


def test_the_anchor_template_is_a_twin() -> None:
    """Same octets of name, key and extensions; own key identifier; no pointers."""
    ica = pki.intermediate(urls=True).certificate
    serial = new_serial()
    text = build.anchor_template(ica, serial=serial, not_before=pki.later(days=1))
    template = parse.certificate(text)
    made, wanted = der.certificate_fields(template), der.certificate_fields(ica)
    assert made.subject == made.issuer == wanted.subject
    assert made.spki == wanted.spki
    dropped = {each.value.oid.dotted_string for each in ica.extensions} - {
        each.oid for each in made.extensions
    }
    assert dropped == build.POINTERS
    assert parse.extension(template, x509.AuthorityKeyIdentifier) == (
        x509.AuthorityKeyIdentifier(parse.skid(ica), None, None)
    )
    assert template.serial_number == serial
    assert template.not_valid_before_utc == pki.later(days=1)
    assert template.not_valid_after_utc == ica.not_valid_after_utc


def test_the_anchor_template_is_good_for_nothing_by_itself() -> None:
    """Its signature is a throwaway key's."""
    ica = pki.intermediate().certificate
    template = parse.certificate(
        build.anchor_template(ica, serial=new_serial(), not_before=pki.NOW)
    )
    with pytest.raises(VerificationError) as caught:
        verify_anchor(template, ica)
    assert caught.value.rule == "PATH-SIGNATURE"


def test_the_anchor_begins_no_earlier_than_the_intermediate() -> None:
    """An earlier start is moved to the intermediate's own."""
    ica = pki.intermediate().certificate
    text = build.anchor_template(ica, serial=new_serial(), not_before=pki.later(days=-9))
    assert parse.certificate(text).not_valid_before_utc == ica.not_valid_before_utc


def test_the_anchor_keeps_unusual_octets() -> None:
    """An extension that could be spelled otherwise keeps its spelling: here an explicit FALSE."""
    ica, root = pki.intermediate(), pki.root()
    draft = pki.Draft.of(ica.certificate)
    odd = octets.tlv(0x30, b"\x06\x03\x2a\x03\x04", octets.tlv(4, b"\x05\x00"))
    whole = parse.der(draft.sign(root.key))

    def edit(fields: octets.Parts) -> octets.Parts:
        listed = octets.parts(octets.parts(fields[7])[0])
        return octets.put(7, octets.tlv(0xA3, octets.tlv(0x30, *listed, odd)))(fields)

    certificate = parse.certificate_der(octets.rebuild(whole, root.key, edit))
    template = parse.certificate(
        build.anchor_template(certificate, serial=new_serial(), not_before=pki.NOW)
    )
    assert der.RawExtension("1.2.3.4", critical=False, value=b"\x05\x00") in (
        der.certificate_fields(template).extensions
    )


def _signed(
    *,
    serial: int = 2**100,
    public_key: ec.EllipticCurvePublicKey | None = None,
    issuer_key: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    root = pki.root()
    return build.sign_certificate(
        pki.intermediate_profile(),
        public_key=public_key or pki.key("leaf").public_key(),
        serial=serial,
        signed_at=pki.NOW,
        issuer_key=issuer_key or root.key,
        issuer_name=root.certificate.subject,
        issuer_skid=root.skid,
    )
