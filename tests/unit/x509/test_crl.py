"""CRLs: built whole, verified strictly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.vectors import octets, pki
from tests.vectors.bad_crls import PARTIAL, REVOKED, UNKNOWN, built, good_crl, rebuilt
from trustwright.errors import LintViolation, VerificationError
from trustwright.x509 import crl, encoding, keys, parse

ROOT = pki.root().certificate


def _rule(
    subject: x509.CertificateRevocationList, issuer: x509.Certificate = ROOT, hours: int = 1
) -> str:
    with pytest.raises(VerificationError) as caught:
        crl.verify_crl(subject, issuer, at=pki.later(hours=hours))
    return caught.value.rule


def test_build_crl() -> None:
    """Entries by serial, reasons where they say something, number and key identifier."""
    made = good_crl(*REVOKED)
    assert crl.crl_number(made) == 7
    assert [entry.serial_number for entry in made] == [2**80, 2**81]
    assert [len(entry.extensions) for entry in made] == [1, 0]
    reason = made[0].extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason == x509.ReasonFlags.key_compromise
    assert (made.last_update_utc, made.next_update_utc) == (pki.NOW, pki.later(days=30))
    assert crl.is_revoked(made, 2**80)
    assert not crl.is_revoked(made, 2**82)


def test_the_issuer_s_crl_holds() -> None:
    """From thisUpdate, with the clocks' difference, up to nextUpdate."""
    for moment in (pki.NOW - crl.CLOCK_SKEW, pki.NOW, pki.later(days=30) - timedelta(seconds=1)):
        crl.verify_crl(good_crl(*REVOKED), ROOT, at=moment)


def test_an_anchor_verifies_the_intermediate_s_crl() -> None:
    """A consumer that holds the anchor alone can verify: same name, same key."""
    authority = pki.intermediate()
    made = crl.build_crl(
        issuer_key=authority.key,
        issuer=authority.certificate,
        number=1,
        this_update=pki.NOW,
        next_update=pki.later(days=3),
        revoked=(),
    )
    crl.verify_crl(made, pki.anchor(), at=pki.NOW)
    crl.verify_crl(made, authority.certificate, at=pki.NOW)


def test_time() -> None:
    """A CRL from the future or past its nextUpdate does not hold; history may be read."""
    assert _rule(good_crl(), hours=-1) == "CRL-FUTURE"
    assert _rule(good_crl(), hours=30 * 24) == "CRL-STALE"
    crl.verify_crl(good_crl(), ROOT, at=pki.later(days=90), freshness=False)


def test_without_next_update_it_is_stale() -> None:
    """A CRL that never ends is never fresh."""
    assert _rule(rebuilt(octets.drop(4))()) == "CRL-STALE"


def test_other_issuers() -> None:
    """Another name, another key of the same name, and a certificate that may not sign CRLs."""
    assert _rule(good_crl(), pki.intermediate().certificate) == "CRL-ISSUER"
    assert _rule(good_crl(), pki.root("another").certificate) == "CRL-AKI"
    usage = encoding.key_usage(("key_cert_sign",))
    mute = pki.Draft.of(ROOT).having(usage, critical=True).sign(pki.root().key)
    assert _rule(good_crl(), mute) == "CRL-ISSUER"
    bare = pki.Draft.of(ROOT).without(x509.KeyUsage.oid).sign(pki.root().key)
    assert _rule(good_crl(), bare) == "CRL-ISSUER"


def test_a_forged_signature() -> None:
    """The right name and key identifier do not help another key."""
    whole = octets.rebuild(parse.der(good_crl()), pki.root("forger").key, lambda fields: fields)
    assert _rule(parse.crl(whole)) == "CRL-SIGNATURE"
    flipped = bytearray(parse.der(good_crl(*REVOKED)))
    flipped[flipped.index((2**80).to_bytes(11, "big")) + 5] ^= 1
    assert _rule(parse.crl(bytes(flipped))) == "CRL-SIGNATURE"


@pytest.mark.parametrize(
    ("extension", "critical", "rule"),
    [
        (PARTIAL, True, "CRL-PARTIAL"),
        (PARTIAL, False, "CRL-PARTIAL"),
        (x509.DeltaCRLIndicator(3), True, "CRL-PARTIAL"),
        (UNKNOWN, True, "CRL-CRITICAL"),
    ],
)
def test_a_crl_that_says_less_than_all(
    extension: x509.ExtensionType,
    critical: bool,
    rule: str,
) -> None:
    """Partial and delta CRLs, and what we do not understand, are refused."""
    assert _rule(built((extension, critical))()) == rule


def test_number_and_key_identifier_are_needed() -> None:
    """Without them nobody can tell which CRL is the newest, or whose it is."""
    assert _rule(built(leave_out=x509.CRLNumber)()) == "CRL-NUMBER"
    assert _rule(built(leave_out=x509.AuthorityKeyIdentifier)()) == "CRL-AKI"


def test_an_issuer_with_an_unusual_key() -> None:
    """A CRL of a key that is neither P-256 nor P-384 does not hold; the error is one of ours."""
    key = ec.generate_private_key(ec.SECP521R1())
    draft = replace(pki.Draft.of(ROOT), public_key=key.public_key())
    assert _rule(good_crl(), draft.sign(pki.root().key)) == "CRL-SIGNATURE"


@pytest.mark.parametrize(
    ("revoked", "rule"),
    [
        ((crl.Revoked(5, pki.NOW), crl.Revoked(5, pki.NOW)), "RFC5280-5.1.2.6"),
        ((crl.Revoked(5, pki.NOW, "bored"),), "RFC5280-5.1"),
        ((crl.Revoked(-5, pki.NOW),), "RFC5280-5.1"),
    ],
)
def test_a_crl_that_cannot_be_built(revoked: tuple[crl.Revoked, ...], rule: str) -> None:
    """A serial twice, an unknown reason, an impossible serial."""
    with pytest.raises(LintViolation) as caught:
        good_crl(*revoked)
    assert caught.value.rule == rule


def test_p256_signs_with_sha256() -> None:
    """The hash follows the issuer's key."""
    key = keys.generate_key("ec-p256")
    draft = replace(pki.Draft.of(ROOT), public_key=key.public_key())
    made = crl.build_crl(
        issuer_key=key,
        issuer=draft.sign(key),
        number=1,
        this_update=pki.NOW,
        next_update=pki.later(days=1),
        revoked=(),
    )
    algorithm = made.signature_hash_algorithm
    assert algorithm is not None
    assert algorithm.name == "sha256"
