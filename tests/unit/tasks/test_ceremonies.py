"""What the flows around the gate and the watch do with their steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import gate as gate_flow
from flows import watch_ceremonies as watch_flow
from tasks import ceremonies as steps
from tests.fakes.mortal import ProcessDied
from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    bootstrap,
    consumer,
    losing,
    reach_gate,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import Unavailable, VerificationError
from trustwright.lifecycle import gate
from trustwright.lifecycle.consumers import serve_consumer
from trustwright.model.ceremony import CeremonyRecord

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose ports every step gets."""
    made = World(tmp_path)

    @contextmanager
    def assembled(actor: str) -> Iterator[FakePorts]:
        made.ports.actor = actor
        yield made.ports

    monkeypatch.setattr(steps, "assembled", assembled)
    monkeypatch.setattr(steps, "nothing_begun", lambda: False)
    return made


def test_the_watch_accounts_for_what_dead_runs_left(world: World) -> None:
    """In every environment of the estate, also in one that was never bootstrapped."""
    bootstrap(world)
    world.ports.targets["prod/billing"].lose()
    twist(world.ports, {"signer.sign": losing(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        serve_consumer(world.ports, consumer(world, "billing"))
    straighten(world.ports)
    world.clock.advance(seconds=3600)
    assert steps.settle_left_behind_everywhere.fn() == ["consumer/prod/billing: abandoned"]
    assert {row.state for row in rows_of(world, "billing")} == {"superseded", "revoked"}
    assert steps.settle_left_behind_everywhere.fn() == []


def test_the_watch_flow_looks_at_ceremonies_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Vault that is slow to answer keeps no expired run waiting."""
    done: list[str] = []
    monkeypatch.setattr(watch_flow, "look_after", lambda: done.append("ceremonies"))
    monkeypatch.setattr(
        watch_flow, "settle_left_behind_everywhere", lambda: done.append("left behind")
    )
    watch_flow.watch_ceremonies.fn()
    assert done == ["ceremonies", "left behind"]


def considering(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[str]:
    """Let the check of a response raise; return the list of reasons to ask again."""
    reasons: list[str] = []

    def consider(_ceremony: CeremonyRecord, _response: str) -> None:
        raise error

    monkeypatch.setattr(gate_flow, "consider_response", consider)
    monkeypatch.setattr(gate_flow, "ask_again", lambda _, reason: reasons.append(reason))
    return reasons


def test_the_gate_asks_again_when_vault_stays_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is not failed over it: what was pasted is asked for once more, with the reason."""
    error = Unavailable("Vault is `sealed`", rule="VAULT-SEALED", hint="unseal it")
    reasons = considering(monkeypatch, error)
    waiting = reach_gate(world)
    gate_flow._consider(waiting, "pasted")
    assert reasons == ["Vault is 'sealed' [VAULT-SEALED] → unseal it"]


def test_what_is_wrong_for_good_fails_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only waiting is waited for."""
    reasons = considering(monkeypatch, VerificationError("no", rule="X"))
    waiting = reach_gate(world)
    with pytest.raises(VerificationError):
        gate_flow._consider(waiting, "pasted")
    assert reasons == []


def test_asking_again_changes_the_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step writes the reason that the form shows."""
    monkeypatch.setattr(steps, "this_run", lambda: "run-1")
    waiting = reach_gate(world)
    steps.ask_again.fn(waiting, "Vault is sealed [VAULT-SEALED]")
    found = gate.ceremony_of(world.ports, waiting.id)
    assert (found.state, found.refusals) == ("pending", 1)
    assert found.refusal == "nothing was decided: Vault is sealed [VAULT-SEALED]"
