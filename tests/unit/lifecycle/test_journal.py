"""Each line of the audit trail rings once, after it was written, and nothing waits for it."""

from __future__ import annotations

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, raising, twist
from trustwright.errors import Rejected, Unavailable
from trustwright.lifecycle.journal import note, note_failure, note_once, tell_once
from trustwright.policy.events import CATALOGUE
from trustwright.ports import Event, Notice

pytestmark = pytest.mark.unit

REMINDED = Notice("trustwright.ceremony.reminded", "warning", "title", "body", "prod")


def rung(world: World) -> list[Event]:
    """Return what was emitted, oldest first."""
    return world.ports.doorbell.emitted


def test_a_note_rings(world: World) -> None:
    """The event has the row's time; the same line is the same event."""
    note(world.ports, "trustwright.consumer.delivered", "prod", "prod/billing", "serial aa")
    (line,) = world.ports.store.audit.find()
    (event,) = rung(world)
    assert (event.name, event.occurred) == (line.event, line.at)
    assert event.key.startswith(line.id)


def test_what_was_not_written_does_not_ring(world: World) -> None:
    """A line that stands already, and one that the store refuses, are no news."""
    for _ in range(2):
        note_once(world.ports, "key", "trustwright.certificate.exposed", "prod", "prod-g1/aa")
        tell_once(world.ports, "reminded", REMINDED, "cc")
    assert [each.name for each in rung(world)] == [
        "trustwright.certificate.exposed",
        "trustwright.ceremony.reminded",
    ]
    lost = Unavailable("the store is away", rule="STORE-UNAVAILABLE")
    twist(world.ports, {"records.audit.insert": raising(lost)})
    with pytest.raises(Unavailable):
        note(world.ports, "trustwright.consumer.delivered", "prod", "prod/billing")
    assert len(rung(world)) == 2


def test_a_run_that_fails_again_rings_again(world: World) -> None:
    """Its line is written over; each failure is an event of its own."""
    for rule in ("FIRST", "SECOND"):
        note_failure(world.ports, "prod", Rejected("what", rule=rule))
        world.clock.advance(seconds=1)
    assert [each.name for each in rung(world)] == ["trustwright.run.failed"] * 2
    assert len({each.key for each in rung(world)}) == 2


def test_nobody_listens(world: World) -> None:
    """A bootstrap is the same with a dead orchestrator's events as without."""
    world.ports.doorbell.down = True
    served = bootstrap(world)
    assert {each.state for each in served.values()} == {"delivered", "waiting"}
    assert rung(world) == []


def test_a_whole_bootstrap_rings_by_the_catalogue(world: World) -> None:
    """Every event is one of the catalogue's, bears its resource, and is emitted once."""
    bootstrap(world)
    assert {each.name for each in rung(world)} <= CATALOGUE.keys()
    assert len({each.key for each in rung(world)}) == len(rung(world))
    phases = [each.name for each in rung(world) if "environment" in each.name]
    assert phases == [
        f"trustwright.environment.{phase}"
        for phase in ("prepared", "requested", "signed", "introduced", "proven", "ready")
    ]
    delivered = [each for each in rung(world) if each.name == "trustwright.consumer.delivered"]
    assert {each.resource for each in delivered} == {
        f"trustwright.consumer.prod.{name}" for name in ("billing", "gateway", "collector")
    }
    assert "PRIVATE KEY" not in str(rung(world))
