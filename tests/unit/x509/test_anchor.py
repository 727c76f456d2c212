"""The anchor is the intermediate's self-signed twin, and nothing looser."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from operator import methodcaller
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.vectors import pki
from tests.vectors.bad_certificates import HERE, UNKNOWN
from tests.vectors.pki import Draft
from trustwright.errors import VerificationError
from trustwright.x509 import keys
from trustwright.x509.path import verify_anchor

if TYPE_CHECKING:
    from collections.abc import Callable

ICA = pki.intermediate()
ANCHOR = pki.anchor()
SECOND = timedelta(seconds=1)
POINTS = x509.CRLDistributionPoints([x509.DistributionPoint([HERE], None, None, None)])


def _rule(anchor: x509.Certificate, intermediate: x509.Certificate = ICA.certificate) -> str:
    with pytest.raises(VerificationError) as caught:
        verify_anchor(anchor, intermediate)
    return caught.value.rule


def _changed(change: Callable[[Draft], Draft]) -> x509.Certificate:
    return change(Draft.of(ANCHOR)).sign(ICA.key)


def test_the_twin_holds() -> None:
    """With and without pointers in the intermediate; pointers of its own do no harm."""
    verify_anchor(ANCHOR, ICA.certificate)
    verify_anchor(pki.anchor(urls=True), pki.intermediate(urls=True).certificate)
    verify_anchor(_changed(lambda draft: draft.having(POINTS)), ICA.certificate)
    without = _changed(lambda draft: draft.without(x509.AuthorityKeyIdentifier.oid))
    verify_anchor(without, ICA.certificate)


def test_roots_and_strangers_are_no_anchors() -> None:
    """A root is not its own anchor; another environment's and a bare intermediate are none."""
    root = pki.root().certificate
    assert _rule(root, root) == "ANCHOR-INTERMEDIATE"
    assert _rule(ANCHOR, ANCHOR) == "ANCHOR-INTERMEDIATE"
    assert _rule(root) == "ANCHOR-SUBJECT"
    assert _rule(pki.anchor("test")) == "ANCHOR-SUBJECT"
    assert _rule(ICA.certificate) == "ANCHOR-SUBJECT"


def test_another_key() -> None:
    """A twin over another key is a forgery, whoever signed it."""
    forger = keys.generate_key("ec-p384")
    draft = replace(Draft.of(ANCHOR), public_key=forger.public_key())
    assert _rule(draft.sign(forger)) == "ANCHOR-KEY"
    assert _rule(draft.sign(ICA.key)) == "ANCHOR-KEY"
    assert _rule(Draft.of(ANCHOR).sign(forger)) == "PATH-SIGNATURE"
    assert _rule(Draft.of(ANCHOR).sign(pki.root().key)) == "PATH-SIGNATURE"


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: draft.without(x509.NameConstraints.oid),
        lambda draft: draft.without(x509.CertificatePolicies.oid),
        lambda draft: draft.having(
            x509.NameConstraints([x509.DNSName("example.internal")], None), critical=True
        ),
        lambda draft: draft.having(x509.BasicConstraints(ca=True, path_length=1), critical=True),
        lambda draft: draft.having(x509.BasicConstraints(ca=True, path_length=0), critical=False),
        lambda draft: draft.having(x509.SubjectKeyIdentifier(b"other")),
        lambda draft: draft.having(x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00")),
        lambda draft: draft.having(POINTS, critical=True),
    ],
)
def test_other_extensions(change: Callable[[Draft], Draft]) -> None:
    """Fewer, more, other or less critical extensions are not the intermediate's."""
    assert _rule(_changed(change)) == "ANCHOR-EXTENSIONS"


def test_other_key_identifiers() -> None:
    """The authority key identifier names the anchor's own key, or nothing."""
    for value in (
        x509.AuthorityKeyIdentifier(pki.root().skid, None, None),
        x509.AuthorityKeyIdentifier(ICA.skid, [x509.DirectoryName(ANCHOR.subject)], 5),
    ):
        assert _rule(_changed(methodcaller("having", value))) == "PATH-AKI"


def test_a_longer_life() -> None:
    """An anchor neither outlives its intermediate nor comes before it."""
    end, begin = ICA.certificate.not_valid_after_utc, ICA.certificate.not_valid_before_utc
    assert _rule(_changed(lambda draft: replace(draft, end=end + SECOND))) == "ANCHOR-VALIDITY"
    assert _rule(_changed(lambda draft: replace(draft, start=begin - SECOND))) == "ANCHOR-VALIDITY"
    verify_anchor(_changed(lambda draft: replace(draft, end=end - SECOND)), ICA.certificate)
