"""The process dies inside a delivery, or while it replaces an exposed key; the next run mends."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.target import FakeTarget
from tests.fakes.world import World, run_bootstrap
from tests.unit.lifecycle.scenes import HOUR, change_consumer, consumer, lines_of, rows_of
from tests.unit.lifecycle.test_kill import MOMENTS, check_converged
from trustwright.errors import Rejected
from trustwright.lifecycle.consumers import serve_consumer
from trustwright.ports import Delivered

pytestmark = pytest.mark.unit

UNFIT = Rejected("the service is not well", rule="DLV-CHECK")
BROKEN = Rejected("the reload failed", rule="DLV-RELOAD")


def billing(world: World) -> FakeTarget:
    """Return the target of billing."""
    world.ports.target(consumer(world, "billing"))
    return world.ports.targets["prod/billing"]


def in_place(world: World) -> Delivered:
    """Return what billing has in its folder."""
    found = billing(world).observed()
    assert found is not None
    return found


def die_at(world: World, at: str) -> None:
    """Let the process die when the delivery reaches this step."""

    def moment(name: str) -> None:
        if name == at:
            raise ProcessDied(name)

    billing(world).moment = moment


def live_on(world: World, run: str = "run-2") -> None:
    """Go on as another run, whose process does not die."""
    billing(world).moment = lambda _name: None
    world.ports.through = lambda _name, part: part
    world.ports.actor = run
    world.clock.advance(seconds=60)


def bootstrap_and_die(world: World, at: str) -> None:
    """Run a bootstrap whose process dies inside the delivery to billing."""
    die_at(world, at)
    with pytest.raises(ProcessDied):
        run_bootstrap(world.ports, "prod", world.answer)


@pytest.mark.parametrize(
    ("at", "signed"), [("written", 2), ("swapped", 1), ("reloaded", 1), ("checked", 1)]
)
@pytest.mark.parametrize("before", ["nothing", "a set that is due"])
def test_death_inside_a_delivery(tmp_path: Path, before: str, at: str, signed: int) -> None:
    """In the end software has read the set in place; only one that was lost is signed again."""
    world = World(tmp_path)
    if before != "nothing":
        run_bootstrap(world.ports, "prod", world.answer)
        world.clock.advance(seconds=48 * HOUR)
        world.ports.vault.signer("prod").rotate_crl()
    earlier = len(rows_of(world, "billing"))
    bootstrap_and_die(world, at)
    live_on(world)
    run_bootstrap(world.ports, "prod", world.answer)
    check_converged(world, f"{at}, {before} before")
    assert len(rows_of(world, "billing")) == earlier + signed


@pytest.mark.parametrize("at", ["swapped", "reloaded", "checked"])
def test_a_set_that_was_cut_is_not_called_delivered(tmp_path: Path, at: str) -> None:
    """Its hooks have not passed; the one before stays in the record until they have."""
    world = World(tmp_path)
    run_bootstrap(world.ports, "prod", world.answer)
    first = in_place(world)
    world.clock.advance(seconds=48 * HOUR)
    bootstrap_and_die(world, at)
    live_on(world)
    billing(world).broken = BROKEN
    with pytest.raises(Rejected) as failed:
        serve_consumer(world.ports, consumer(world, "billing"))
    assert failed.value.rule == "DLV-RELOAD"
    row = world.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert (row.state, row.serial) == ("failed", first.serial)
    assert in_place(world).serial == first.serial
    assert {each.serial: each.state for each in rows_of(world, "billing")}[first.serial] == "valid"
    assert [each.state for each in rows_of(world, "billing")] == ["valid", "revoked"]


def test_death_in_the_undo_before_its_reload(tmp_path: Path) -> None:
    """The set before is in place and software has read the other: it is told again, no more."""
    world = World(tmp_path)
    run_bootstrap(world.ports, "prod", world.answer)
    first, trusts = billing(world).delivery, consumer(world, "billing").trusts
    run_bootstrap(world.ports, "test", world.answer)
    change_consumer(world, "billing", trusts=("prod", "test"))
    billing(world).unfit = UNFIT
    bootstrap_and_die(world, "undone")
    assert billing(world).delivery == first
    assert billing(world).loaded != first

    live_on(world)
    billing(world).unfit = None
    change_consumer(world, "billing", trusts=trusts)
    billing(world).broken = BROKEN
    with pytest.raises(Rejected):
        serve_consumer(world.ports, consumer(world, "billing"))
    row = world.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert (row.state, billing(world).delivery) == ("failed", first)

    billing(world).broken = None
    attempts = len(billing(world).attempts)
    assert serve_consumer(world.ports, consumer(world, "billing")).changed
    assert (billing(world).loaded, billing(world).delivery) == (first, first)
    assert len(billing(world).attempts) == attempts
    assert in_place(world).in_service


def test_a_service_that_does_not_reload_keeps_its_set(tmp_path: Path) -> None:
    """However often the run comes by: what passed once never gives way to something older."""
    world = World(tmp_path)
    run_bootstrap(world.ports, "prod", world.answer)
    for _ in range(2):
        world.clock.advance(seconds=48 * HOUR)
        world.ports.vault.signer("prod").rotate_crl()
        run_bootstrap(world.ports, "prod", world.answer)
    held = in_place(world)
    change_consumer(world, "billing", trusts=("prod", "test"))
    run_bootstrap(world.ports, "test", world.answer)
    change_consumer(world, "billing", trusts=("prod",))
    billing(world).broken = BROKEN
    for _ in range(4):
        with pytest.raises(Rejected):
            serve_consumer(world.ports, consumer(world, "billing"))
        assert in_place(world).serial == held.serial
    billing(world).broken = None
    assert serve_consumer(world.ports, consumer(world, "billing")).changed
    assert billing(world).loaded == billing(world).delivery
    assert in_place(world).serial == held.serial
    assert in_place(world).in_service


def test_a_set_that_never_passed_is_replaced_when_it_is_due(tmp_path: Path) -> None:
    """A service that is down at first is served as soon as it reloads, with a fresh set."""
    world = World(tmp_path)
    bootstrap_and_die(world, "swapped")
    live_on(world)
    billing(world).broken = BROKEN
    with pytest.raises(Rejected):
        serve_consumer(world.ports, consumer(world, "billing"))
    assert billing(world).delivery is None
    billing(world).broken = None
    run_bootstrap(world.ports, "prod", world.answer)
    check_converged(world, "after it was down")
    assert [each.state for each in rows_of(world, "billing")] == ["revoked", "valid"]


def exposed_world(folder: Path) -> World:
    """Return a world whose prod is ready; others could read billing's key."""
    world = World(folder)
    run_bootstrap(world.ports, "prod", world.answer)
    world.clock.advance(seconds=60)
    billing(world).disturb(drift="key.pem is 0666", exposed=True)
    return world


def calls_of_a_rekey(folder: Path) -> int:
    """Return how many calls replacing an exposed key makes."""
    world = exposed_world(folder)
    world.ports.through = Mortal()
    serve_consumer(world.ports, consumer(world, "billing"))
    return len(world.ports.through.calls)


@pytest.mark.parametrize("moment", MOMENTS)
def test_death_at_every_call_of_a_rekey(tmp_path: Path, moment: Literal["before", "after"]) -> None:
    """An exposed key's certificate is revoked in the end, wherever the process died."""
    count = calls_of_a_rekey(tmp_path / "whole")
    assert count > 30
    for number in range(1, count + 1):
        world = exposed_world(tmp_path / str(number))
        first = in_place(world).serial
        world.ports.through = Mortal(last=number, moment=moment)
        with pytest.raises(ProcessDied):
            serve_consumer(world.ports, consumer(world, "billing"))
        live_on(world)
        run_bootstrap(world.ports, "prod", world.answer)
        when = f"{moment} call {number} of {count}"
        check_converged(world, when)
        states = {each.serial: each.state for each in rows_of(world, "billing")}
        assert states[first] == "revoked", when
        assert states[in_place(world).serial] == "valid", when
        assert len(lines_of(world, "trustwright.certificate.exposed")) == 1, when
