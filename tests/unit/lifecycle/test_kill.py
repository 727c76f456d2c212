"""The process dies at every call through a port, before and after it; the next run converges."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.world import World, run_bootstrap
from tests.unit.lifecycle.scenes import dump
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.x509 import parse

MOMENTS: tuple[Literal["before", "after"], ...] = ("before", "after")


def calls_of_a_whole_run(folder: Path) -> list[str]:
    """Return every call that an undisturbed bootstrap makes."""
    world = World(folder)
    world.ports.through = Mortal()
    run_bootstrap(world.ports, "prod", world.answer)
    return world.ports.through.calls


def test_the_enumeration_covers_every_port(tmp_path: Path) -> None:
    """The list of boundaries names every part that the lifecycle speaks to."""
    parts = {call.split(".")[0] for call in calls_of_a_whole_run(tmp_path)}
    assert parts == {
        "records",
        "runs",
        "notifier",
        "provisioner",
        "rotator",
        "anchor",
        "signer",
        "target",
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("residue", range(4))
def test_death_at_every_call(
    tmp_path: Path, moment: Literal["before", "after"], residue: int
) -> None:
    """Whatever call the process dies at, running again from the top converges."""
    calls = calls_of_a_whole_run(tmp_path / "whole")
    for number in range(1 + residue, len(calls) + 1, 4):
        world = World(tmp_path / str(number))
        world.ports.through = Mortal(last=number, moment=moment)
        with pytest.raises(ProcessDied):
            run_bootstrap(world.ports, "prod", world.answer)
        world.ports.through = lambda _name, part: part
        world.ports.actor = "run-2"
        world.clock.advance(seconds=60)
        run_bootstrap(world.ports, "prod", world.answer)
        when = f"{moment} call {number} of {len(calls)}, {calls[number - 1]}"
        check_converged(world, when)
        check_no_doubt(world, when)


def check_no_doubt(world: World, when: str) -> None:
    """What nobody could tell at once is explained when nothing can come of it any more."""
    world.clock.advance(seconds=3600)
    settle_all_left_behind(world.ports, "prod")
    assert {row.state for row in world.ports.store.intents.find()} <= {"done", "abandoned"}, when
    check_converged(world, when)


def check_converged(world: World, when: str) -> None:
    """One key, one issuer, one certificate per consumer that it serves, nothing unexplained."""
    records, vault = world.ports.store, world.ports.vault
    assert len(vault.rotator("prod").keys()) == 1, when
    assert len(vault.rotator("prod").issuers()) == 1, when
    (issuer,) = records.issuers.find(environment="prod")
    assert issuer.state == "issuing", when
    (environment,) = records.environments.find()
    assert (environment.phase, environment.holder) == ("ready", None), when
    assert list(records.intents.find(state="open")) == [], when
    valid = Counter(row.subject for row in records.certificates.find(state="valid"))
    assert valid == {"billing": 1, "gateway": 1, "collector": 1}, when
    recorded = {row.serial for row in records.certificates.find()}
    assert set(vault.signer("prod").serials()) == recorded, when
    for consumer in ("billing", "gateway", "collector"):
        target = world.ports.targets[f"prod/{consumer}"]
        observed = target.observed()
        delivered = records.deliveries.get(f"prod/{consumer}")
        assert observed is not None, when
        assert delivered is not None, when
        assert observed.serial == delivered.serial, when
        assert observed.in_service, when
        assert target.loaded == target.delivery, when
        assert delivered.holder is None, when
        (row,) = records.certificates.find(subject=consumer, state="valid")
        assert row.serial == observed.serial, when
    check_revoked(world, when)


def check_revoked(world: World, when: str) -> None:
    """Whatever is not valid in the inventory was revoked in Vault, or was replaced in place."""
    (issuer,) = world.ports.store.issuers.find()
    crl = parse.crl(world.ports.vault.signer("prod").crl(issuer.issuer_id or ""))
    listed = {entry.serial_number for entry in crl}
    rows = world.ports.store.certificates.find(state="revoked")
    assert {int(row.serial.replace(":", ""), 16) for row in rows} == listed, when


def test_running_again_changes_nothing(tmp_path: Path) -> None:
    """A second whole run signs nothing, delivers nothing and tells nobody."""
    world = World(tmp_path)
    run_bootstrap(world.ports, "prod", world.answer)
    before = (
        sorted(world.ports.vault.signer("prod").serials()),
        len(world.ports.chat.told),
        dump(world.ports.store)["deliveries"],
    )
    world.clock.advance(seconds=3600)
    served = run_bootstrap(world.ports, "prod", world.answer)
    assert before == (
        sorted(world.ports.vault.signer("prod").serials()),
        len(world.ports.chat.told),
        dump(world.ports.store)["deliveries"],
    )
    assert [each.changed for each in served] == [False] * 4
    assert os.listdir(world.ports.folder)  # noqa: PTH208 - only its being there counts
