"""The process dies at every call of a renewal; the next run leaves one valid certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import HOUR, bootstrap, rows_of, straighten
from tests.unit.lifecycle.test_kill import MOMENTS
from tests.unit.lifecycle.test_renewal import renew
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.lifecycle.renewal import due_consumers

pytestmark = pytest.mark.unit


def world_of_one(folder: Path) -> World:
    """Return a world whose prod is ready and has one consumer, billing."""
    world = World(folder)
    estate = world.ports.estate
    one = tuple(
        each for each in estate.consumers if (each.environment, each.name) == ("prod", "billing")
    )
    world.ports.estate = estate.model_copy(update={"consumers": one})
    bootstrap(world)
    return world


def check_renewed(world: World, before: str, when: str) -> None:
    """One valid certificate, the one in place; nothing open, nothing held, nothing forgotten."""
    found = world.ports.targets["prod/billing"].observed()
    assert found is not None, when
    assert found.in_service, when
    assert found.serial != before, when
    valid = [row.serial for row in rows_of(world, "billing", state="valid")]
    assert valid == [found.serial], when
    row = world.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert (row.state, row.serial, row.holder, row.problem, row.failing_since) == (
        "delivered", found.serial, None, "", None
    ), when  # fmt: skip
    assert list(world.ports.store.intents.find(state="open")) == [], when
    for breaker in world.ports.store.breakers.find():
        assert (breaker.state, breaker.failures) == ("closed", 0), (when, breaker.id)
    known = {row.serial for row in world.ports.store.certificates.find()}
    assert set(world.ports.vault.signer("prod").serials()) - known <= anchors(world), when
    assert due_consumers(world.ports, "prod") == [], when


def anchors(world: World) -> set[str]:
    """Return what Vault holds beside end entities."""
    return {
        serial
        for row in world.ports.store.issuers.find()
        for serial in (row.anchor_serial, row.canary)
        if serial
    }


@pytest.mark.parametrize("moment", MOMENTS)
def test_death_at_every_call_of_a_renewal(
    tmp_path: Path, moment: Literal["before", "after"]
) -> None:
    """One consumer through one death after another, until a run outlives its last call."""
    world = world_of_one(tmp_path)
    for number in range(1, 200):
        world.clock.advance(seconds=49 * HOUR)
        world.ports.vault.signer("prod").rotate_crl()
        found = world.ports.targets["prod/billing"].observed()
        assert found is not None
        world.ports.through = Mortal(last=number, moment=moment)
        try:
            renew(world, run=f"run-{number}")
        except ProcessDied as death:
            when = f"{moment} call {number}: {death}"
        else:
            assert number > 60, "a renewal makes more calls than that"
            return
        finally:
            straighten(world.ports)
        world.clock.advance(seconds=60)
        renew(world, run=f"run-{number}b")
        world.clock.advance(seconds=HOUR)
        settle_all_left_behind(world.ports, "prod")
        check_renewed(world, found.serial, when)
    pytest.fail("a renewal never came to its end")
