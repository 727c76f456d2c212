"""A certificate against its profile, octet for octet, and against an order, value by value."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.vectors import pki
from tests.vectors.bad_certificates import HERE, UNKNOWN, usage
from tests.vectors.pki import Draft
from trustwright.x509 import parse
from trustwright.x509.lint.house import matches_order, matches_profile

if TYPE_CHECKING:
    from collections.abc import Callable

ICA = pki.intermediate().certificate
PROFILE = pki.intermediate_profile()
SPKI = parse.spki_sha256(ICA)
LEAF = pki.end_entity()
ORDER = pki.end_entity_profile()
SECOND = timedelta(seconds=1)


def _profile_clauses(
    certificate: x509.Certificate,
    *,
    earliest: datetime = pki.NOW,
    latest: datetime = pki.NOW,
    spki: str = SPKI,
) -> list[str]:
    found = matches_profile(certificate, PROFILE, spki, earliest, latest)
    return [finding.clause for finding in found]


def _order_clauses(
    change: Callable[[Draft], Draft] = lambda draft: draft, *, seconds: int = 0, spki: str = ""
) -> list[str]:
    certificate = change(Draft.of(LEAF)).sign(pki.intermediate().key)
    wanted = spki or parse.spki_sha256(LEAF)
    found = matches_order(certificate, ORDER, wanted, now=pki.later(seconds=seconds))
    return [finding.clause for finding in found]


def _changed(change: Callable[[Draft], Draft]) -> list[str]:
    return _profile_clauses(change(Draft.of(ICA)).sign(pki.root().key))


def test_what_was_built_matches() -> None:
    """Root, intermediates and end entities that we build match their profiles."""
    assert _profile_clauses(ICA) == []
    root = pki.root().certificate
    spki = parse.spki_sha256(root)
    assert matches_profile(root, pki.ROOT_PROFILE, spki, pki.NOW, pki.NOW) == ()
    urls = pki.intermediate(urls=True).certificate
    profile = pki.intermediate_profile(urls=True)
    assert matches_profile(urls, profile, parse.spki_sha256(urls), pki.NOW, pki.NOW) == ()


def test_another_key_subject_or_time() -> None:
    """Each difference has its own clause."""
    assert _profile_clauses(ICA, spki="0" * 64) == ["PROFILE-KEY"]
    assert _profile_clauses(ICA, earliest=pki.NOW + SECOND) == ["PROFILE-TIME"] * 1
    assert _profile_clauses(ICA, latest=pki.NOW - SECOND) == ["PROFILE-TIME"]
    other = pki.intermediate("test").certificate
    assert "PROFILE-SUBJECT" in _profile_clauses(other, spki=parse.spki_sha256(other))
    assert _changed(lambda draft: replace(draft, end=draft.end + SECOND)) == ["PROFILE-VALIDITY"]
    assert _changed(
        lambda draft: replace(draft, start=draft.start + SECOND, end=draft.end + SECOND)
    ) == ["PROFILE-TIME"]


def test_a_subject_in_another_string_type_differs() -> None:
    """Equal text is not enough: names are compared as octets."""
    name = x509.Name(
        [
            x509.NameAttribute(part.oid, part.value, x509.name._ASN1Type.PrintableString)
            for part in ICA.subject
        ]
    )
    assert _changed(lambda draft: replace(draft, subject=name)) == ["PROFILE-SUBJECT"]


def test_the_message_says_what_happened_to_an_extension() -> None:
    """Missing, not asked for and changed are told apart."""

    def messages(change: Callable[[Draft], Draft]) -> list[str]:
        certificate = change(Draft.of(ICA)).sign(pki.root().key)
        found = matches_profile(certificate, PROFILE, SPKI, pki.NOW, pki.NOW)
        return [finding.message for finding in found]

    assert messages(lambda draft: draft.without(x509.NameConstraints.oid)) == [
        "extension 2.5.29.30 is missing"
    ]
    assert messages(lambda draft: draft.having(x509.InhibitAnyPolicy(0))) == [
        "extension 2.5.29.54 was not asked for"
    ]
    assert messages(lambda draft: draft.having(x509.SubjectKeyIdentifier(b"x"))) == [
        "extension 2.5.29.14 is not what was asked for"
    ]


def test_only_a_self_issued_certificate_may_lack_its_issuer_s_key_identifier() -> None:
    """An intermediate without it, or with an issuer and serial in it, does not match."""
    oid = x509.AuthorityKeyIdentifier.oid
    assert _changed(lambda draft: draft.without(oid)) == ["PROFILE-EXTENSION"]
    value = x509.AuthorityKeyIdentifier(pki.root().skid, [x509.DirectoryName(ICA.issuer)], 5)
    assert _changed(lambda draft: draft.having(value)) == ["PROFILE-EXTENSION"]
    nothing = x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(ICA.issuer)], 5)
    assert _changed(lambda draft: draft.having(nothing)) == ["PROFILE-EXTENSION"]


def test_what_vault_may_decide() -> None:
    """Pointers, an explicit CA:FALSE, the order of names and a time within the tolerance."""
    points = x509.CRLDistributionPoints([x509.DistributionPoint([HERE], None, None, None)])
    plain = x509.BasicConstraints(ca=False, path_length=None)
    names = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(pki.URI), x509.DNSName(pki.NAME)]
    )
    assert _order_clauses() == []
    assert _order_clauses(lambda draft: draft.having(points)) == []
    assert _order_clauses(lambda draft: draft.having(plain, critical=True)) == []
    assert _order_clauses(lambda draft: draft.having(names)) == []
    for seconds in (-300, 300):
        assert _order_clauses(seconds=seconds) == []


def _subject(text: str) -> Callable[[Draft], Draft]:
    unit, name = text.split("/")
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    return lambda draft: replace(draft, subject=subject)


def _names(*names: x509.GeneralName) -> Callable[[Draft], Draft]:
    return lambda draft: draft.having(x509.SubjectAlternativeName(names))


def _having(value: x509.ExtensionType, *, critical: bool = False) -> Callable[[Draft], Draft]:
    return lambda draft: draft.having(value, critical=critical)


DNS, URI = x509.DNSName(pki.NAME), x509.UniformResourceIdentifier(pki.URI)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        (_subject(f"test/{pki.NAME}"), "ORDER-SUBJECT"),
        (_subject("prod/admin.prod.example.internal"), "ORDER-SUBJECT"),
        (_names(DNS), "ORDER-NAMES"),
        (_names(DNS, URI, x509.DNSName("admin.prod.example.internal")), "ORDER-NAMES"),
        (_names(DNS, DNS, URI), "ORDER-NAMES"),
        (lambda draft: draft.without(x509.SubjectAlternativeName.oid), "ORDER-NAMES"),
        (_having(x509.ExtendedKeyUsage([SERVER, CLIENT])), "ORDER-EKU"),
        (_having(x509.ExtendedKeyUsage([CLIENT])), "ORDER-EKU"),
        (lambda draft: draft.without(x509.ExtendedKeyUsage.oid), "ORDER-EKU"),
        (_having(usage(key_agreement=True), critical=True), "ORDER-KU"),
        (lambda draft: draft.without(x509.CertificatePolicies.oid), "ORDER-POLICY"),
        (
            _having(
                x509.CertificatePolicies(
                    [x509.PolicyInformation(x509.ObjectIdentifier(pki.POLICIES["test"]), None)]
                )
            ),
            "ORDER-POLICY",
        ),
        (_having(x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00")), "ORDER-EXTENSIONS"),
        (_having(x509.BasicConstraints(ca=True, path_length=0), critical=True), "ORDER-CA"),
        (lambda draft: draft.without(x509.AuthorityKeyIdentifier.oid), "ORDER-AKI"),
        (lambda draft: replace(draft, end=draft.end + 301 * SECOND), "ORDER-TTL"),
        (lambda draft: replace(draft, end=draft.end - 301 * SECOND), "ORDER-TTL"),
        (lambda draft: replace(draft, start=pki.later(seconds=301)), "ORDER-START"),
        (lambda draft: replace(draft, start=pki.later(hours=-2)), "ORDER-START"),
    ],
)
def test_what_vault_may_not_decide(change: Callable[[Draft], Draft], clause: str) -> None:
    """Each difference from the order is one finding, under its own clause."""
    assert _order_clauses(change) == [clause]


def test_another_key_than_the_request_s() -> None:
    """The key is the one in the certification request."""
    assert _order_clauses(spki="0" * 64) == ["ORDER-KEY"]
