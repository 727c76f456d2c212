"""What the flow ``sweep-expiry`` does with its steps, and what it does when one part is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows import sweep_expiry as flow
from tasks import sweeps as steps
from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, leave_request, raising, twist
from tests.unit.lifecycle.strangers import sign_behind_our_back
from trustwright.errors import ConfigurationError, Unavailable, VerificationError
from trustwright.lifecycle.sweep import begin_sweep, sweep_estate
from trustwright.model.sweep import SweepRecord
from trustwright.policy.endpoints import ENDPOINT_KINDS
from trustwright.policy.findings import CATALOGUE

pytestmark = pytest.mark.unit

STEPS = [
    "begin_sweep",
    "swept_environments",
    "judge_records",
    "judge_deadlines",
    "fetch_crls",
    "compare_with_vault",
    "inspect_targets",
    "probe_endpoints",
    "settle_findings",
    "hand_over_due",
    "judge_root",
    "end_sweep",
]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose prod is ready and whose ports every step gets, without Prefect."""
    made = World(tmp_path)
    leave_request(made)
    bootstrap(made)

    @contextmanager
    def assembled(actor: str) -> Iterator[FakePorts]:
        made.ports.actor = actor
        yield made.ports

    monkeypatch.setattr(steps, "assembled", assembled)
    monkeypatch.setattr(steps, "nothing_begun", lambda: False)
    monkeypatch.setattr(steps, "this_run", lambda: "run-9")
    for name in STEPS:
        monkeypatch.setattr(flow, name, getattr(steps, name).fn)
    monkeypatch.setattr(flow, "publish_estate", lambda: None)
    return made


def run(environment: str = "") -> None:
    """Run the flow's body."""
    flow.sweep_expiry.fn(environment)


def newest(world: World) -> SweepRecord:
    """Return the newest sweep's row."""
    return list(world.ports.store.sweeps.find())[-1]


def open_kinds(world: World) -> list[str]:
    """Return the kinds of what is open."""
    return sorted(row.kind for row in world.ports.store.findings.find(state="open"))


def test_the_flow_is_what_sweeping_without_prefect_is(world: World) -> None:
    """The same findings, and the same figures in the sweep's row."""
    sign_behind_our_back(world)
    world.ports.targets["prod/billing"].disturb(drift="key.pem is 0644")
    run()
    row = newest(world)
    assert open_kinds(world) == ["certificate-rogue", "set-drifted"]
    assert (row.actor, row.environment, row.opened, row.closed) == ("run-9", "", 2, 0)
    assert (row.ended, row.problems) == (world.clock.now(), ())
    before = {(each.id, each.opened, each.times) for each in world.ports.store.findings.find()}
    world.clock.advance(seconds=60)
    alone = sweep_estate(world.ports)
    assert (alone.opened, alone.closed, alone.problems) == (0, 0, ())
    assert before == {
        (each.id, each.opened, each.times) for each in world.ports.store.findings.find()
    }


def test_every_step_of_the_flow_is_named_here() -> None:
    """The fixture leaves none of them to Prefect."""
    assert set(flow.sweep_expiry.fn.__code__.co_names) == {*STEPS, "publish_estate"}


@pytest.mark.parametrize(
    ("call", "part"),
    [
        ("records.breakers.find", "records"),
        ("signer.crl", "crls"),
        ("signer.serials", "vault"),
        ("records.agenda.longest_unlooked", "consumers"),
        ("records.ceremonies.find", "deadlines"),
    ],
)
def test_a_part_that_fails_stops_no_other(world: World, call: str, part: str) -> None:
    """It is said in the sweep's row and as a finding; what the other parts find is recorded."""
    world.ports.targets["prod/billing"].disturb(drift="key.pem is 0644")
    sign_behind_our_back(world)
    twist(world.ports, {call: raising(VerificationError("nonsense", rule="X"))})
    run("prod")
    blind = list(world.ports.store.findings.find(kind="sweep-blind"))
    assert part in {row.subject for row in blind}
    assert any("nonsense" in problem for problem in newest(world).problems)
    assert newest(world).ended is not None
    expected = {"certificate-rogue": "vault", "set-drifted": "consumers"}
    assert set(open_kinds(world)) == {"sweep-blind"} | {
        kind for kind, looked in expected.items() if looked != part
    }


def test_a_vault_that_is_away_closes_nothing(world: World) -> None:
    """What it had shown before still stands; that it is away is one finding, not one a part."""
    sign_behind_our_back(world)
    run()
    world.ports.vault.sealed = True
    world.clock.advance(seconds=3600)
    run()
    assert open_kinds(world) == ["certificate-rogue", "vault-unreachable"]
    world.clock.advance(seconds=25 * 3600)
    run()
    away = world.ports.store.findings.get("vault-unreachable/prod/prod")
    assert away is not None
    assert (away.severity, away.times) == ("critical", 1)


def test_an_environment_that_was_never_begun_is_left_alone(world: World) -> None:
    """Test has no mount yet: that is no finding."""
    assert steps.swept_environments.fn("sweep", "") == ["prod"]
    assert steps.swept_environments.fn("sweep", "test") == []
    with pytest.raises(ConfigurationError):
        run("nowhere")


def test_without_an_estate_there_is_nothing_to_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack is started first and described afterwards."""
    monkeypatch.setattr(steps, "nothing_begun", lambda: True)
    run()
    assert list(world.ports.store.sweeps.find()) == []


def test_a_sweep_that_died_is_ended_by_the_next(world: World) -> None:
    """Not one that is at work, nor one that began a moment ago."""
    for run_id in ("dead", "alive"):
        world.ports.actor = run_id
        begin_sweep(world.ports, "")
        world.clock.advance(seconds=1)
    world.ports.orchestrator.living = {"alive"}
    run()
    assert [row.ended is None for row in world.ports.store.sweeps.find()] == [True, True, False]
    world.clock.advance(seconds=3600)
    run()
    rows = list(world.ports.store.sweeps.find())
    assert [(row.ended is None, row.problems) for row in rows] == [
        (False, ("it died",)),
        (True, ()),
        (False, ()),
        (False, ()),
    ]


def test_what_is_due_is_handed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one event for the environment, with how many there are; counted in the sweep's row."""
    monkeypatch.setattr("trustwright.lifecycle.sweep.due_consumers", lambda *_: ["a", "b"])
    run()
    (event,) = [each for each in world.ports.doorbell.emitted if "due" in each.name]
    assert (event.name, event.resource, event.environment, dict(event.payload)) == (
        "trustwright.consumers.due",
        "trustwright.environment.prod",
        "prod",
        {"environment": "prod", "count": 2},
    )
    assert newest(world).due == 2
    world.ports.doorbell.down = True
    world.clock.advance(seconds=60)
    run()
    assert "prod: nobody took the event of what is due" in newest(world).problems


def test_what_is_due_may_not_be_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep ends all the same, and says so."""

    def away(*_: Any) -> Any:
        raise Unavailable("locked", rule="STORE-BUSY")

    monkeypatch.setattr("trustwright.lifecycle.sweep.due_consumers", away)
    run()
    assert newest(world).ended is not None
    assert "prod: what is due is not known: locked [STORE-BUSY]" in newest(world).problems


def test_every_endpoint_kind_is_in_the_catalogue() -> None:
    """What the probes find has a place where people read what it means."""
    assert {kind.name for kind in CATALOGUE.values() if kind.part == "endpoints"} == set(
        ENDPOINT_KINDS
    )
