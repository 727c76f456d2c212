"""What lies at the targets: looked at in turn, and never confused with a delivery under way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, consumer, leave_request, straighten, twist
from trustwright.errors import Rejected
from trustwright.lifecycle import inspection
from trustwright.lifecycle.consumers import serve_consumer
from trustwright.lifecycle.inspection import inspect_targets
from trustwright.lifecycle.sweep import sweep_estate
from trustwright.policy.findings import Seen
from trustwright.ports import Bundles

pytestmark = pytest.mark.unit


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose hosts have all asked."""
    leave_request(world)
    bootstrap(world)
    return world


def found(seen: Seen) -> list[tuple[str, str]]:
    """Return kinds and subjects."""
    return [(each.kind, each.subject) for each in seen.found]


def test_a_delivery_that_happens_meanwhile_is_no_drift(ready: World) -> None:
    """The row was read, then a run delivered, then the target was looked at."""
    ready.ports.targets["prod/billing"].lose()

    def meanwhile(honest: Any) -> Any:
        straighten(ready.ports)
        serve_consumer(ready.ports, consumer(ready, "billing"))
        return honest()

    row = ready.ports.store.deliveries.get("prod/billing")
    twist(
        ready.ports,
        {
            "records.agenda.longest_unlooked": lambda _honest, *_: [row],
            "target.observed": meanwhile,
        },
    )
    seen = inspect_targets(ready.ports, "prod")
    assert found(seen) == []
    assert not seen.saw("set-drifted", "billing")
    assert inspect_targets(ready.ports, "prod").saw("set-drifted", "billing")


def test_a_consumer_that_is_being_served_is_left_alone(ready: World) -> None:
    """Between swap and record its target and its row say two things."""
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    ready.ports.store.deliveries.replace(row, holder="run-7")
    ready.ports.targets["prod/billing"].disturb(drift="key.pem is 0644")
    seen = inspect_targets(ready.ports, "prod")
    assert found(seen) == []
    assert not seen.saw("set-drifted", "billing")


def test_what_cannot_be_reached_is_said_and_hides_nothing(ready: World) -> None:
    """One folder may not be read; the others are looked at, and its findings stand."""
    ready.ports.targets["prod/gateway"].disturb(drift="key.pem is 0644")

    def refused(honest: Any) -> Any:
        if honest.__self__ is ready.ports.targets["prod/billing"]:
            raise Rejected("permission denied", rule="DLV-PERMISSION")
        return honest()

    twist(ready.ports, {"target.observed": refused})
    seen = inspect_targets(ready.ports, "prod")
    assert found(seen) == [("set-drifted", "gateway")]
    assert seen.problems == ("prod/billing: permission denied (DLV-PERMISSION)",)
    assert not seen.saw("set-drifted", "billing")
    assert seen.saw("set-drifted", "collector")


def test_those_that_were_not_right_are_looked_at_again(
    ready: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the turn is: a finding closes as soon as it is mended."""
    target = ready.ports.targets["prod/gateway"]
    target.disturb(drift="key.pem is 0644")
    sweep_estate(ready.ports)
    monkeypatch.setattr(inspection, "LOOKS", 1)
    target.disturb(drift="")
    twist(ready.ports, {"records.agenda.longest_unlooked": lambda _honest, *_: []})
    seen = inspect_targets(ready.ports, "prod")
    assert (found(seen), seen.saw("set-drifted", "gateway")) == ([], True)
    assert not seen.saw("set-drifted", "billing")


def test_a_bundle_that_is_no_bundle_is_an_alarm(ready: World) -> None:
    """Software that reads it may take it for something."""
    target = ready.ports.targets["prod/billing"]
    target.swapped = Bundles("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "")
    assert found(inspect_targets(ready.ports, "prod")) == [("anchor-differs", "billing")]


def test_an_anchor_on_record_that_is_no_twin_is_an_alarm(ready: World) -> None:
    """Somebody wrote into the store: it is an anchor of nothing that the root signed."""
    issuer = ready.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    ready.ports.store.issuers.replace(issuer, anchor=ready.root.pem)
    assert ("anchor-differs", "prod-g1") in found(inspect_targets(ready.ports, "prod"))
