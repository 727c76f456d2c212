"""The rules over a set: no root, the anchors that were meant, parts that fit together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.delivery.material import DAY, NOW, Pki, host_delivery, pki
from trustwright.errors import VerificationError
from trustwright.ids import new_serial
from trustwright.policy.bundle import check_bundle
from trustwright.ports import DeliverySet
from trustwright.x509 import parse
from trustwright.x509.build import sign_certificate


def broken_rule(delivery: DeliverySet, anchors: list[str] | None = None, days: int = 0) -> str:
    """Return the rule that refuses a set."""
    meant = [parse.pem(pki().anchor)] if anchors is None else anchors
    with pytest.raises(VerificationError) as refused:
        check_bundle(delivery, root=pki().root.pem, anchors=meant, at=NOW + timedelta(days=days))
    return refused.value.rule


@pytest.mark.parametrize("delivery", [pki().delivery(), host_delivery()], ids=["managed", "host"])
def test_a_good_set_passes(delivery: DeliverySet) -> None:
    """With and without a key, with the root as text or bytes."""
    anchors = [parse.pem(pki().anchor)]
    check_bundle(delivery, root=pki().root.pem, anchors=anchors, at=NOW)
    check_bundle(delivery, root=pki().root.pem.encode(), anchors=anchors)


def test_the_root_is_in_no_bundle() -> None:
    """Neither in trust.pem nor behind the chain, even where it was meant."""
    good, root = pki().delivery(), pki().root.pem

    assert broken_rule(replace(good, trust=good.trust + root)) == "BUNDLE-ROOT"
    assert broken_rule(replace(good, trust=root), [root]) == "BUNDLE-ROOT"
    assert broken_rule(replace(good, chain=good.chain + root)) == "BUNDLE-ROOT"


def test_another_certificate_over_the_roots_key_is_the_root() -> None:
    """It would accept what the root accepts; its fingerprint differs."""
    root = pki().root
    again = sign_certificate(
        pki().profile,
        public_key=root.key.public_key(),
        serial=new_serial(),
        signed_at=NOW,
        issuer_key=root.key,
        issuer_name=root.certificate.subject,
        issuer_skid=None,
    )
    good = pki().delivery()

    assert broken_rule(replace(good, trust=good.trust + parse.pem(again))) == "BUNDLE-ROOT"


def test_the_anchors_are_those_that_were_meant() -> None:
    """One more, one less, one twice, another, none: all refused."""
    good, own, strange = pki().delivery(), parse.pem(pki().anchor), parse.pem(Pki().anchor)

    for trust, meant in (
        (own + strange, [own]),
        (own, [own, strange]),
        (own + own, [own]),
        (strange, [own]),
        ("", [own]),
        ("", []),
        (own, []),
    ):
        assert broken_rule(replace(good, trust=trust), meant) == "BUNDLE-ANCHORS"


def test_the_chain_is_leaf_and_intermediate() -> None:
    """In this order, with nothing else, and the root-signed form of the intermediate."""
    good, other = pki().delivery(), pki().delivery()
    leaf, intermediate = good.certificate, parse.pem(pki().intermediate)

    for chain in (
        leaf,
        intermediate + leaf,
        leaf + intermediate + intermediate,
        leaf + good.trust,
        other.certificate + intermediate,
    ):
        assert broken_rule(replace(good, chain=chain)) == "BUNDLE-CHAIN"
    assert broken_rule(replace(good, chain=leaf + leaf)) == "PATH-ISSUER"


def test_the_intermediate_signed_the_leaf() -> None:
    """An intermediate of the same name with another key is not enough."""
    good = pki().delivery()
    chain = good.certificate + parse.pem(Pki().intermediate)

    assert broken_rule(replace(good, chain=chain)).startswith("PATH-")


@pytest.mark.parametrize("key", [pki().delivery().key, b"", b"-----BEGIN PRIVATE KEY-----\nAA=="])
def test_the_key_fits(key: bytes) -> None:
    """Another key, or rubbish, is refused without being shown."""
    good = pki().delivery()

    assert broken_rule(replace(good, key=key)) == "BUNDLE-KEY"


@pytest.mark.parametrize("days", [-1, 4, 731])
def test_every_certificate_is_valid(days: int) -> None:
    """Neither before nor after its life is a set delivered."""
    assert broken_rule(pki().delivery(ttl=3 * DAY), days=days) == "BUNDLE-DATES"
