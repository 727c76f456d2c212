"""Carrying a plan out: what was approved and no more, whenever the process dies."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Literal

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.world import World, run_application
from tests.unit.lifecycle.scenes import (
    bootstrap,
    change_consumer,
    events_told,
    leave_request,
    lines_of,
    raising,
    rows_of,
    twist,
)
from tests.unit.lifecycle.test_kill import MOMENTS
from tests.unit.lifecycle.test_planning import drop_consumer, plan, signs
from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    Rejected,
    TransitionRefused,
)
from trustwright.lifecycle import environments
from trustwright.lifecycle.environments import record_of
from trustwright.model.plan import EnvironmentPlan
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

LEAVERS = ("prod/consumers/collector", "prod/consumers/gateway")
WIDE = "prod/vault/roles/wide"
EVERYTHING = (*LEAVERS, WIDE)


def disturbed(folder: Path) -> World:
    """Return a ready world in which much has changed since: estate, server and a target."""
    world = World(folder)
    leave_request(world)
    bootstrap(world)
    world.clock.advance(seconds=60)
    drop_consumer(world, "collector", "gateway")
    change_consumer(world, "billing", names=("pay.prod.example.internal",))
    world.ports.vault.mounts["prod"].surplus = {"wide", "other"}
    world.ports.vault.mounts["prod"].default = ""
    world.ports.targets["prod/ledger"].disturb(drift="cert.pem is 0666, not 0644")
    return world


def copied(world: World) -> World:
    """Return a world of its own that is as the first one is; only locks are shared."""
    tables = vars(world.ports.store).values()
    locks = [table._lock for table in tables if hasattr(table, "_lock")]
    made: World = deepcopy(world, {id(lock): lock for lock in locks})
    return made


@pytest.fixture
def changed(tmp_path: Path) -> World:
    """Return such a world."""
    return disturbed(tmp_path)


def check_converged(world: World, when: str = "") -> None:
    """Nothing is left but the role that nobody approved; who left holds nothing any more."""
    assert signs(plan(world)) == ["delete prod/vault/roles/other"], when
    records = world.ports.store
    record = record_of(world.ports, "prod")
    assert (record.phase, record.holder) == ("ready", None), when
    assert list(records.intents.find(state="open")) == [], when
    for name in ("collector", "gateway"):
        row = records.deliveries.get(f"prod/{name}")
        assert row is not None, when
        assert (row.state, row.holder) == ("retired", None), when
        assert [each.state for each in rows_of(world, name)] == ["revoked"], when
    assert [each.state for each in rows_of(world, "billing", state="valid")] == ["valid"], when
    (issuer,) = records.issuers.find(environment="prod")
    crl = parse.crl(world.ports.vault.signer("prod").crl(issuer.issuer_id or ""))
    revoked = {
        int(row.serial.replace(":", ""), 16) for row in records.certificates.find(state="revoked")
    }
    assert {entry.serial_number for entry in crl} == revoked, when


def test_what_was_approved_is_removed_and_the_rest_mended(changed: World) -> None:
    """Default, role, certificate, drift: mended. Two leavers and one role: removed. One is left."""
    left = run_application(changed.ports, "prod", *EVERYTHING)
    check_converged(changed)
    assert signs(left) == ["delete prod/vault/roles/other"]
    assert events_told(changed)[-1] == "environment.applied"
    told = changed.ports.chat.told[-1].body
    assert "Done: role wide removed" in told
    assert "Done: collector retired, 1 certificate revoked" in told
    assert "prod/vault/roles/other (delete)" in told
    retired = {line.subject for line in lines_of(changed, "trustwright.consumer.retired")}
    assert retired == {"prod/collector", "prod/gateway"}


def test_without_an_approval_nothing_is_removed(changed: World) -> None:
    """Whatever a plan shows: leavers go on until somebody says their name."""
    left = run_application(changed.ports, "prod")
    assert signs(left) == [
        "delete prod/vault/roles/other",
        "delete prod/vault/roles/wide",
        *(f"delete {each}" for each in LEAVERS),
    ]
    assert [each.state for each in rows_of(changed, "gateway")] == ["valid"]


def test_what_appeared_since_the_approval_is_left(changed: World) -> None:
    """The approval was for an address, not for everything."""
    approved = [each.address for each in plan(changed).destructive]
    drop_consumer(changed, "billing")
    changed.ports.vault.mounts["prod"].surplus.add("later")
    left = run_application(changed.ports, "prod", *approved)
    assert signs(left) == ["delete prod/vault/roles/later", "delete prod/consumers/billing"]
    assert [each.state for each in rows_of(changed, "billing")] == ["valid"]


def test_an_approval_for_what_stays_does_nothing(changed: World) -> None:
    """A consumer of the estate is not retired by its address."""
    run_application(changed.ports, "prod", *EVERYTHING, "prod/consumers/billing", "prod/x", "")
    check_converged(changed)


def test_applying_again_changes_nothing(changed: World) -> None:
    """Not even the chat hears of anything but of the second look."""
    run_application(changed.ports, "prod", *EVERYTHING)
    before = sorted(changed.ports.vault.signer("prod").serials())
    told = len(changed.ports.chat.told)
    run_application(changed.ports, "prod", *EVERYTHING)
    assert sorted(changed.ports.vault.signer("prod").serials()) == before
    assert len(changed.ports.chat.told) == told + 1
    check_converged(changed)


def test_a_retired_consumer_that_comes_back_is_new(changed: World) -> None:
    """It gets a certificate of its own; the revoked one stays revoked."""
    whole = World(changed.ports.folder.parent).ports.estate
    run_application(changed.ports, "prod", *EVERYTHING)
    gateway = next(
        each for each in whole.consumers if (each.environment, each.name) == ("prod", "gateway")
    )
    estate = changed.ports.estate
    changed.ports.estate = estate.model_copy(update={"consumers": (*estate.consumers, gateway)})
    assert "create prod/consumers/gateway" in signs(plan(changed))
    run_application(changed.ports, "prod")
    assert [each.state for each in rows_of(changed, "gateway")] == ["revoked", "valid"]
    row = changed.ports.store.deliveries.get("prod/gateway")
    assert row is not None
    assert row.state == "delivered"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("residue", range(2))
def test_death_at_every_call(
    tmp_path: Path, moment: Literal["before", "after"], residue: int
) -> None:
    """Wherever the process dies, another run with the same approvals converges."""
    first = disturbed(tmp_path)
    whole = copied(first)
    whole.ports.through = counting = Mortal()
    run_application(whole.ports, "prod", *EVERYTHING)
    calls = counting.calls
    parts = {call.partition(".")[0] for call in calls}
    assert {"records", "provisioner", "rotator", "signer", "target", "notifier"} <= parts
    for number in range(1 + residue, len(calls) + 1, 2):
        world = copied(first)
        world.ports.through = Mortal(last=number, moment=moment)
        with pytest.raises(ProcessDied):
            run_application(world.ports, "prod", *EVERYTHING)
        world.ports.through = lambda _name, part: part
        world.ports.actor = "run-2"
        world.clock.advance(seconds=60)
        run_application(world.ports, "prod", *EVERYTHING)
        check_converged(world, f"{moment} call {number} of {len(calls)}, {calls[number - 1]}")


def test_an_environment_that_is_not_ready_is_refused(world: World) -> None:
    """Its bootstrap does all of it; nothing is written, not even its row."""
    with pytest.raises(TransitionRefused) as refused:
        run_application(world.ports, "prod")
    assert (refused.value.rule, refused.value.hint) == (
        "APPLY-PHASE",
        "run: trustwright bootstrap prod",
    )
    assert list(world.ports.store.environments.find()) == []
    assert world.ports.vault.mounts == {}


def test_an_environment_that_another_run_holds_is_refused(changed: World) -> None:
    """And nothing is changed."""
    environments.claim(changed.ports, "prod", "run-9")
    changed.ports.orchestrator.living = {"run-9"}
    before = plan(changed)
    with pytest.raises(ConflictError) as refused:
        run_application(changed.ports, "prod", *EVERYTHING)
    assert refused.value.rule == "LOCK-HELD"
    assert plan(changed) == before


def test_a_leaver_that_another_run_serves_is_not_retired(changed: World) -> None:
    """An older estate file may still be at work there."""
    row = changed.ports.store.deliveries.get("prod/gateway")
    assert row is not None
    changed.ports.store.deliveries.replace(row, holder="run-9", held_since=changed.clock.now())
    changed.ports.orchestrator.living = {"run-9"}
    with pytest.raises(ConflictError) as refused:
        run_application(changed.ports, "prod", *EVERYTHING)
    assert refused.value.rule == "LOCK-HELD"
    changed.ports.orchestrator.living = set()
    run_application(changed.ports, "prod", *EVERYTHING)
    check_converged(changed)


def test_a_revocation_that_fails_leaves_the_leaver_in_the_plan(changed: World) -> None:
    """It is not called retired while a relying party would still take its certificate."""
    twist(changed.ports, {"signer.revoke": raising(Rejected("no", rule="VAULT-REFUSED"))})
    with pytest.raises(Rejected):
        run_application(changed.ports, "prod", *EVERYTHING)
    assert "delete prod/consumers/collector" in signs(plan(changed))


def test_without_the_rotators_login_the_default_stays(changed: World) -> None:
    """Everything else is done, and the audit trail says what was not looked at."""
    missing = ConfigurationError("no login", rule="KEY-FILE")
    twist(changed.ports, {"rotator.issuers": raising(missing)})
    left: EnvironmentPlan = run_application(changed.ports, "prod", *EVERYTHING)
    assert [each.kind for each in left.remarks] == ["unseen"]
    assert changed.ports.vault.mounts["prod"].default == ""
    (line,) = lines_of(changed, "trustwright.default.skipped")
    assert line.detail == "no login [KEY-FILE]"
