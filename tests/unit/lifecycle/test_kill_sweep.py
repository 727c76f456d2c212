"""The process dies at every call of a sweep: nothing that was found is lost or stays untold."""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.records import FakeRows
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, leave_request, rows_of, straighten
from tests.unit.lifecycle.strangers import sign_behind_our_back
from trustwright.lifecycle.sweep import sweep_estate
from trustwright.model.sweep import BreakerRecord

pytestmark = pytest.mark.unit


def troubled(folder: Path) -> World:
    """Return a world in which one finding is gone, one has grown, and three are new."""
    world = World(folder)
    leave_request(world)
    bootstrap(world)
    breakers, now = world.ports.store.breakers, world.clock.now()
    breaker = BreakerRecord(
        id="role/prod/another", environment="prod", state="open", since=now, updated=now
    )
    breakers.insert(breaker)
    world.ports.targets["prod/gateway"].disturb(drift="key.pem is 0644")
    sweep_estate(world.ports)
    world.clock.advance(seconds=120)
    breakers.replace(breaker, state="closed")
    sign_behind_our_back(world)
    (row,) = rows_of(world, "billing", state="valid")
    del world.ports.vault.mounts["prod"].certificates[row.serial]
    world.ports.targets["prod/collector"].disturb(drift="key.pem is 0644")
    world.ports.chat.told.clear()
    world.ports.doorbell.emitted.clear()
    return world


OPEN = {"certificate-rogue": 1, "certificate-missing": 1, "set-drifted": 2}
NEWS = {
    "certificate-rogue": "opened",
    "certificate-missing": "opened",
    "set-drifted": "opened",
    "breaker-open": "closed",
}


def check(world: World, when: str) -> None:
    """Rows are right, everything was told at least once, and the sweeps have ended."""
    store = world.ports.store
    assert Counter(row.kind for row in store.findings.find(state="open")) == OPEN, when
    assert [row.kind for row in store.findings.find(state="closed")] == ["breaker-open"], when
    assert {row.times for row in store.findings.find()} == {1}, when
    assert None not in {row.told for row in store.findings.find()}, when
    assert None not in {row.emitted for row in store.findings.find()}, when
    emitted = {
        str(event.payload["kind"]): event.name.rpartition(".")[2]
        for event in world.ports.doorbell.emitted
        if event.name.startswith("trustwright.finding.")
    }
    assert emitted == NEWS, when
    bodies = "\n".join(notice.body for notice in world.ports.chat.told)
    for text in ("signed behind our back", "Vault does not hold", "prod/collector", "role another"):
        assert text in bodies, (when, text)
    assert all(row.ended is not None for row in store.sweeps.find()), when


class Before:
    """A world to which one can go back: a sweep changes the store, and nothing else of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = world.clock.now()
        self.rows: dict[str, dict[str, Any]] = {
            name: dict(table._rows) for name, table in self._tables().items()
        }

    def again(self) -> World:
        """Return the world as it was."""
        for name, table in self._tables().items():
            table._rows = dict(self.rows[name])
        straighten(self.world.ports)
        self.world.ports.actor = "run-1"
        self.world.ports.chat.told.clear()
        self.world.ports.doorbell.emitted.clear()
        elapsed = self.world.clock.now() - self.now
        self.world.clock.advance(seconds=-int(elapsed.total_seconds()))
        return self.world

    def _tables(self) -> dict[str, Any]:
        store = vars(self.world.ports.store)
        return {name: part for name, part in store.items() if isinstance(part, FakeRows)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_at_every_call(tmp_path: Path, moment: Literal["before", "after"]) -> None:
    """The next sweep finds the same, tells what was not told, and ends the record of the dead."""
    before = Before(troubled(tmp_path))
    for number in count(1):
        world = before.again()
        mortal = Mortal(last=number, moment=moment)
        world.ports.through = mortal
        try:
            sweep_estate(world.ports)
        except ProcessDied:
            pass
        else:
            assert number > 40
            break
        straighten(world.ports)
        world.ports.actor = "run-2"
        world.clock.advance(seconds=3600)
        sweep_estate(world.ports)
        check(world, f"{moment} call {number}, {mortal.calls[-1]}")
        told = len(world.ports.chat.told)
        world.clock.advance(seconds=120)
        sweep_estate(world.ports)
        assert len(world.ports.chat.told) == told, f"told thrice: {moment} call {number}"


def test_nobody_dies(tmp_path: Path) -> None:
    """One sweep tells each thing once."""
    world = troubled(tmp_path)
    sweep_estate(world.ports)
    check(world, "no death")
    assert len(world.ports.chat.told) == 2
    rung = [each for each in world.ports.doorbell.emitted if "finding" in each.name]
    assert len(rung) == len(OPEN) + 1
