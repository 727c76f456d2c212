"""Anchors and CRLs beside a certificate that is still good; another organization."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    leave_request,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import VerificationError
from trustwright.lifecycle.consumers import Served, serve_consumers
from trustwright.ports import DeliverySet
from trustwright.x509 import parse

pytestmark = pytest.mark.unit


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready."""
    bootstrap(world)
    return world


def serve(world: World, name: str = "billing") -> Served:
    """Serve one consumer, as the flow does."""
    (served,) = serve_consumers(world.ports, [consumer(world, name)])
    return served


def delivery(world: World, name: str = "billing") -> DeliverySet:
    """Return the set in a consumer's folder."""
    found = world.ports.targets[f"prod/{name}"].delivery
    assert found is not None
    return found


def hours_left(world: World, name: str = "billing") -> float:
    """Return what is left of the delivered CRL, in hours."""
    end = parse.crl(delivery(world, name).crl).next_update_utc
    assert end is not None
    return (end - world.clock.now()).total_seconds() / HOUR


@pytest.mark.parametrize(("late", "changed"), [(-1, False), (0, True), (1, True)])
def test_a_crl_is_replaced_when_half_of_its_life_is_over(
    ready: World, late: int, changed: bool
) -> None:
    """72 hours of life; certificate and key stay what they are."""
    first = delivery(ready)
    ready.clock.advance(seconds=36 * HOUR + late)
    assert serve(ready).changed is changed
    assert (delivery(ready).certificate, delivery(ready).key) == (first.certificate, first.key)
    assert (delivery(ready).crl != first.crl) is changed
    if changed:
        assert hours_left(ready) == 72
    assert [row.state for row in rows_of(ready, "billing")] == ["valid"]


def test_the_record_says_until_when_the_crl_is_good(ready: World) -> None:
    """The earliest nextUpdate of those in the bundle."""
    change_consumer(ready, "billing", trusts=("prod", "test"))
    ready.clock.advance(seconds=10 * HOUR)
    bootstrap(ready, "test")
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert delivery(ready).crl.count("BEGIN X509 CRL") == 2
    assert row.crl_until is not None
    assert (row.crl_until - ready.clock.now()).total_seconds() == 62 * HOUR


def test_an_expired_crl_of_vault_is_made_anew(ready: World) -> None:
    """Nobody asked Vault for a while; what it holds is replaced before it is delivered."""
    ready.clock.advance(seconds=80 * HOUR)
    assert serve(ready).changed
    assert hours_left(ready) == 72


def test_a_current_set_costs_vault_nothing(ready: World) -> None:
    """What is in place is judged from the target alone."""
    twist(ready.ports, {"signer.crl": raising(AssertionError("asked"))})
    assert not serve(ready).changed


def test_a_host_that_took_its_request_away_gets_its_crl(ready: World) -> None:
    """Nothing has to be signed for it."""
    leave_request(ready, "ledger")
    serve(ready, "ledger")
    ready.ports.targets["prod/ledger"].request = None
    first = delivery(ready, "ledger")
    ready.clock.advance(seconds=40 * HOUR)
    assert serve(ready, "ledger").changed
    assert delivery(ready, "ledger").certificate == first.certificate
    assert delivery(ready, "ledger").key is None
    assert hours_left(ready, "ledger") == 72


def test_other_trust_comes_beside_the_same_key(ready: World) -> None:
    """The anchors change, the certificate does not."""
    first = delivery(ready)
    change_consumer(ready, "billing", trusts=("prod", "test"))
    bootstrap(ready, "test")
    assert delivery(ready).trust != first.trust
    assert (delivery(ready).certificate, delivery(ready).key) == (first.certificate, first.key)


def test_a_key_in_place_that_does_not_fit_is_replaced(ready: World) -> None:
    """The target refuses to keep it: the consumer gets a new key and certificate."""
    first = delivery(ready)
    ready.clock.advance(seconds=36 * HOUR)

    def unless_kept(honest: Any, asked: DeliverySet, **expected: Any) -> Any:
        if asked.keep_key:
            raise VerificationError("another key", rule="BUNDLE-KEY")
        return honest(asked, **expected)

    twist(ready.ports, {"target.deliver": unless_kept})
    assert serve(ready).changed
    straighten(ready.ports)
    assert delivery(ready).key != first.key
    assert sorted(row.state for row in rows_of(ready, "billing")) == ["superseded", "valid"]


def test_a_bundle_that_does_not_hold_comes_out(ready: World) -> None:
    """Only a key that does not fit is answered with a new one."""
    ready.clock.advance(seconds=36 * HOUR)
    broken = VerificationError("the root is in a bundle", rule="BUNDLE-ROOT")
    twist(ready.ports, {"target.deliver": raising(broken)})
    assert "[BUNDLE-ROOT]" in serve(ready).problem
    assert len(rows_of(ready, "billing")) == 1


def test_a_set_of_which_nobody_knows_the_crls_age_is_replaced(ready: World) -> None:
    """Its manifest does not say."""
    ready.ports.targets["prod/billing"].disturb(crl_until=None, crl_due=None)
    assert serve(ready).changed
    assert not serve(ready).changed


def test_another_organization_is_refused_until_the_issuer_has_it(ready: World) -> None:
    """The set is not current any more, and nothing is signed under the old name."""
    ready.ports.estate = ready.ports.estate.model_copy(update={"organization": "Renamed"})
    before = rows_of(ready, "billing")
    served = serve(ready)
    assert "[ESTATE-CHANGED]" in served.problem
    assert "rotate the intermediate of prod" in served.problem
    assert rows_of(ready, "billing") == before
    assert delivery(ready).certificate == before[0].pem
