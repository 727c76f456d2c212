"""Properties of serials, profiles and certificates that hold for every value."""

from __future__ import annotations

import operator
import re
import string
from contextlib import suppress
from datetime import timedelta
from functools import reduce

import pytest
from cryptography import x509
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.vectors import octets, pki
from trustwright import ids
from trustwright.errors import VerificationError
from trustwright.model.profile import Profile
from trustwright.x509 import build, der, encoding, keys, parse, profiles
from trustwright.x509.lint import lint_certificate
from trustwright.x509.lint.house import matches_profile
from trustwright.x509.path import path_holds, verify_issued

LABEL = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?\Z")
DOMAIN = (
    st.lists(LABEL, min_size=2, max_size=4)
    .filter(lambda labels: re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]) is None)
    .map(".".join)
)
ORGANIZATION = st.text(alphabet=string.ascii_letters + "äß œ東", min_size=1, max_size=30).filter(
    lambda text: len(text.encode()) <= 34  # with the longest LABEL and G9999: 64 octets
)
ARC = st.integers(min_value=0, max_value=2**31 - 1)
POLICY = st.lists(ARC, min_size=1, max_size=6).map(lambda arcs: ".".join(map(str, (1, 3, *arcs))))
URLS = st.lists(LABEL.map(lambda label: f"http://{label}.example/x"), max_size=2).map(tuple)
PROFILES = st.builds(
    lambda organization, environment, **values: profiles.intermediate_profile(
        organization=organization, environment=environment, **values
    ),
    ORGANIZATION,
    LABEL,
    domain=DOMAIN,
    policy=POLICY,
    generation=st.integers(min_value=1, max_value=9999),
    validity=st.integers(min_value=60, max_value=40 * 365 * pki.DAY),
    crl_urls=URLS,
    issuer_urls=URLS,
)
WIDE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEY = keys.generate_key("ec-p256")
SPKI = keys.spki_sha256(KEY.public_key())


def _issued(profile: Profile) -> x509.Certificate:
    root = pki.root()
    return build.sign_certificate(
        profile,
        public_key=KEY.public_key(),
        serial=ids.new_serial(),
        signed_at=pki.NOW,
        issuer_key=root.key,
        issuer_name=root.certificate.subject,
        issuer_skid=root.skid,
    )


def _clauses(certificate: x509.Certificate, profile: Profile) -> list[str]:
    found = matches_profile(certificate, profile, SPKI, pki.NOW, pki.NOW)
    return [finding.clause for finding in found]


@WIDE
@given(st.integers(min_value=1, max_value=2**159 - 1))
def test_a_serial_survives_its_text(serial: int) -> None:
    """Number → text → number, also without colons and in upper case; pairs of digits only."""
    text = ids.serial_text(serial)
    assert ids.serial_number(text) == serial
    assert ids.serial_number(text.replace(":", "").upper()) == serial
    assert {len(pair) for pair in text.split(":")} == {2}


def test_new_serials_have_one_length() -> None:
    """Twenty octets of DER, positive, and no two alike; all bits but the first two are drawn."""
    serials = {ids.new_serial() for _ in range(500)}
    assert len(serials) == 500
    assert {serial.bit_length() for serial in serials} == {159}
    drawn = reduce(operator.or_, (serial ^ min(serials) for serial in serials))
    assert drawn == (1 << 158) - 1


@WIDE
@given(PROFILES)
def test_a_certificate_matches_its_profile(profile: Profile) -> None:
    """Whatever the profile: built, matched, linted, verified and read back without a finding."""
    certificate = _issued(profile)
    assert _clauses(certificate, profile) == []
    assert lint_certificate(certificate, "intermediate") == ()
    verify_issued(certificate, pki.root().certificate)
    assert parse.certificate(parse.pem(certificate)) == certificate
    again = Profile.parse(profile.canonical())
    assert again == profile


@WIDE
@given(PROFILES, PROFILES)
def test_a_certificate_matches_no_other_profile(mine: Profile, other: Profile) -> None:
    """Two profiles that differ never share a certificate."""
    assume(mine != other)
    assert _clauses(_issued(mine), other) != []


@WIDE
@given(PROFILES, st.data())
def test_one_mutated_extension_is_found(profile: Profile, data: st.DataObject) -> None:
    """One bit, one criticality, one extension more or less: always the same one finding."""
    certificate = _issued(profile)
    mutated = data.draw(_mutations(certificate), label="mutation")
    changed = x509.load_der_x509_certificate(mutated)
    try:
        parse.readable(changed)
    except VerificationError:
        return
    assert set(_clauses(changed, profile)) == {"PROFILE-EXTENSION"}


@WIDE
@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_one_flipped_bit_never_holds(position: int, bit: int) -> None:
    """A certificate with any single bit flipped is unreadable or under no anchor."""
    flipped = bytearray(parse.der(pki.end_entity()))
    flipped[position % len(flipped)] ^= 1 << bit
    try:
        certificate = parse.certificate_der(bytes(flipped))
    except VerificationError:
        return
    for role in ("server", "client"):
        assert not path_holds(
            certificate,
            [pki.intermediate().certificate],
            [pki.anchor(), pki.root().certificate],
            at=pki.NOW,
            usage=role,
            name=None,
        )


@WIDE
@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    """The reader of octets and the parsers raise our errors only."""
    for read in (der.element, parse.certificate_der, parse.crl, parse.certificates, parse.request):
        with suppress(VerificationError):
            read(data)


@WIDE
@given(DOMAIN, DOMAIN)
def test_names_below_the_domain_hold_and_others_do_not(domain: str, other: str) -> None:
    """An end entity holds exactly when its name lies at or below the permitted subtree."""
    profile = profiles.intermediate_profile(
        organization="Example",
        environment="prod",
        domain=domain,
        policy="1.2.3",
        generation=1,
        validity=pki.DAY,
    )
    authority = _issued(profile)
    for name in (domain, f"a.{domain}", other, f"x{domain}"):
        inside = name == domain or name.endswith(f".{domain}")
        certificate = _end_entity(name, authority)
        for role in ("server", "client"):
            assert inside == path_holds(
                certificate,
                [authority],
                [pki.root().certificate],
                at=pki.NOW,
                usage=role,
                name=name,
            )


def _end_entity(name: str, authority: x509.Certificate) -> x509.Certificate:
    assume(len(name) <= 64)
    profile = pki.end_entity_profile(names=(name,), uris=(), usage=("server", "client"))
    return build.sign_certificate(
        profile,
        public_key=KEY.public_key(),
        serial=ids.new_serial(),
        signed_at=pki.NOW + timedelta(seconds=1),
        issuer_key=KEY,
        issuer_name=authority.subject,
        issuer_skid=parse.skid(authority),
    )


@st.composite
def _mutations(draw: st.DrawFn, certificate: x509.Certificate) -> bytes:
    """The certificate's DER with one of its extensions changed, signed again by the root."""
    listed = list(der.certificate_fields(certificate).extensions)
    index = draw(st.integers(min_value=0, max_value=len(listed) - 1))
    chosen = listed[index]
    how = draw(st.sampled_from(["drop", "criticality", "bit", "longer", "add"]))
    # Which key the identifier names is judged by `verify_issued`, not by the profile.
    assume(not (how == "bit" and chosen.oid == "2.5.29.35"))
    if how == "drop":
        del listed[index]
    elif how == "criticality":
        listed[index] = der.RawExtension(chosen.oid, not chosen.critical, chosen.value)
    elif how == "bit":
        value = bytearray(chosen.value)
        value[draw(st.integers(0, len(value) - 1))] ^= 1 << draw(st.integers(0, 7))
        listed[index] = der.RawExtension(chosen.oid, chosen.critical, bytes(value))
    elif how == "longer":
        listed[index] = der.RawExtension(chosen.oid, chosen.critical, chosen.value + b"\x05\x00")
    else:
        listed.insert(index, der.RawExtension("2.5.29.54", critical=False, value=b"\x02\x01\x00"))
    encoded = octets.tlv(0xA3, octets.tlv(der.SEQUENCE, *map(_encode, listed)))
    whole = parse.der(certificate)
    return octets.rebuild(whole, pki.root().key, octets.put(7, encoded))


def _encode(extension: der.RawExtension) -> bytes:
    oid = _oid_octets(extension.oid)
    flag = octets.tlv(der.BOOLEAN, b"\xff") if extension.critical else b""
    return octets.tlv(
        der.SEQUENCE,
        octets.tlv(der.OID, oid),
        flag,
        octets.tlv(der.OCTET_STRING, extension.value),
    )


def _oid_octets(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray()
    for arc in (first * 40 + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(digits))
    return bytes(encoded)


@pytest.mark.parametrize("dotted", ["2.5.29.54", "1.3.6.1.5.5.7.1.1", "1.2.840.10045.4.3.3"])
def test_identifiers_are_read_as_the_library_writes_them(dotted: str) -> None:
    """The reader's dotted form agrees with the library's encoding."""
    value = x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), b"\x05\x00")
    certificate = pki.Draft.of(pki.root().certificate).having(value).sign(pki.root().key)
    assert der.certificate_fields(certificate).extensions[-1].oid == dotted
    assert encoding.USAGE_OIDS.keys() == {"server", "client"}
