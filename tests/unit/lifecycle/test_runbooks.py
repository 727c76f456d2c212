"""What the runbooks promise of a bootstrap that is run again, by a timer or by hand."""

from __future__ import annotations

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import HOUR, bootstrap, change_consumer, raising, twist
from trustwright.errors import ConfigurationError
from trustwright.ports import DeliverySet
from trustwright.x509 import parse

pytestmark = pytest.mark.unit


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose test and prod are ready."""
    for name in ("test", "prod"):
        bootstrap(world, name)
    return world


def billing(world: World) -> DeliverySet:
    """Return the set of a server: 72 hours of life, renewed in the last 24."""
    found = world.ports.targets["prod/billing"].delivery
    assert found is not None
    return found


def phase(world: World) -> str:
    """Return the phase of prod."""
    row = world.ports.store.environments.get("prod")
    assert row is not None
    assert row.holder is None
    return row.phase


def test_a_run_in_time_changes_nothing(ready: World) -> None:
    """Every four hours costs nothing until something is due."""
    ready.clock.advance(seconds=4 * HOUR)
    assert not any(served.changed for served in bootstrap(ready).values())
    assert phase(ready) == "ready"


def test_a_run_later_on_makes_crls_anew_and_renews(ready: World) -> None:
    """After half of a CRL's life the CRL is replaced, in the last day the certificate, too."""
    first = billing(ready)
    ready.clock.advance(seconds=40 * HOUR)
    assert bootstrap(ready)["prod/billing"].changed
    second = billing(ready)
    assert (second.certificate, second.crl != first.crl) == (first.certificate, True)
    ready.clock.advance(seconds=10 * HOUR)
    assert bootstrap(ready)["prod/billing"].changed
    third = billing(ready)
    assert (third.certificate != second.certificate, third.key != second.key) == (True, True)
    end = parse.certificate(third.certificate).not_valid_after_utc
    assert end - ready.clock.now() > (
        parse.certificate(second.certificate).not_valid_after_utc - ready.clock.now()
    )
    assert phase(ready) == "ready"


def test_an_anchor_leaves_the_others_bundles(ready: World) -> None:
    """An environment that is taken out of `trusts` loses its place in trust.pem and crl.pem."""
    alone = billing(ready)
    change_consumer(ready, "billing", trusts=("prod", "test"))
    bootstrap(ready)
    both = billing(ready)
    assert (both.trust.count("BEGIN"), both.crl.count("BEGIN")) == (2, 2)
    change_consumer(ready, "billing", trusts=("prod",))
    bootstrap(ready)
    assert (billing(ready).trust, billing(ready).crl.count("BEGIN")) == (alone.trust, 1)
    assert (billing(ready).certificate, billing(ready).key) == (alone.certificate, alone.key)


def test_a_set_that_was_removed_comes_back_under_a_new_key(ready: World) -> None:
    """The key that is out is not delivered again."""
    target, out = ready.ports.targets["prod/billing"], billing(ready)
    target.lose()
    bootstrap(ready)
    assert billing(ready).key not in {out.key, None}
    assert billing(ready).certificate != out.certificate


def test_daily_runs_need_the_issuer_identity_alone(ready: World) -> None:
    """The other identities' keys may be kept off the machine once an environment is ready."""
    absent = raising(ConfigurationError("the key is elsewhere", rule="KEY-FILE"))
    ready.clock.advance(seconds=71 * HOUR)
    before = billing(ready).certificate
    calls = ("import_intermediate", "make_default", "issuers", "keys", "ensure_key")
    doors = {f"rotator.{call}": absent for call in calls}
    twist(ready.ports, doors | {"anchor.sign_self_issued": absent})
    bootstrap(ready)
    assert billing(ready).certificate != before
