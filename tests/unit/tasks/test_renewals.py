"""What a run of renewals does with its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows import renew_consumers as flow
from flows import report
from tasks import leaves, notices
from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import HOUR, bootstrap, events_told
from trustwright.errors import PolicyViolation, Rejected
from trustwright.policy import renewal

pytestmark = pytest.mark.unit

BROKEN = Rejected("the reload failed", rule="DLV-RELOAD")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose prod is due and whose ports every step gets; no Prefect takes part."""
    made = World(tmp_path)
    bootstrap(made)
    made.clock.advance(seconds=49 * HOUR)
    made.ports.chat.told.clear()

    @contextmanager
    def assembled(actor: str) -> Iterator[FakePorts]:
        made.ports.actor = actor
        yield made.ports

    for module in (leaves, notices):
        monkeypatch.setattr(module, "assembled", assembled)
        monkeypatch.setattr(module, "this_run", lambda: "run-2")
    monkeypatch.setattr(flow, "consumers_to_renew", leaves.consumers_to_renew.fn)
    monkeypatch.setattr(flow, "renew_batch", leaves.renew_batch.fn)
    monkeypatch.setattr(flow, "show_renewed", lambda *_: None)
    monkeypatch.setattr(report, "tell_renewed", notices.tell_renewed.fn)
    return made


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the artifacts that were made."""
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(report, "create_table_artifact", lambda **table: made.append(table))
    return made


def test_a_run_serves_what_is_due_and_shows_it(world: World, tables: list[dict[str, Any]]) -> None:
    """One table with a line for each that was served or failed; the run ends well all the same."""
    world.ports.targets["prod/billing"].broken = BROKEN
    flow.renew_consumers.fn("prod")
    (table,) = tables
    assert table["key"] == "renewals-prod"
    assert table["description"] == "Renewals of prod: 2 delivered, 1 failed"
    assert {row["consumer"]: (row["result"], row["problem"]) for row in table["table"]} == {
        "billing": ("failed", "the reload failed (DLV-RELOAD)"),
        "collector": ("new set", ""),
        "gateway": ("new set", ""),
    }
    assert events_told(world) == ["consumer.failed", "consumers.renewed"]
    flow.renew_consumers.fn("prod", ["gateway"])
    assert (tables[1]["table"], tables[1]["description"]) == (
        [], "Renewals of prod: nothing had to be delivered"
    )  # fmt: skip


def test_consumers_are_served_in_batches(
    world: World, tables: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step serves many, so that a fleet costs few of them; one digest for all."""
    monkeypatch.setattr(renewal, "BATCH", 2)
    steps: list[int] = []

    def noted(honest: Callable[..., Any]) -> Callable[..., Any]:
        def step(environment: str, names: list[str]) -> Any:
            steps.append(len(names))
            return honest(environment, names)

        return step

    monkeypatch.setattr(flow, "renew_batch", noted(leaves.renew_batch.fn))
    shown: list[tuple[str, int, int]] = []
    monkeypatch.setattr(flow, "show_renewed", lambda *progress: shown.append(progress))
    flow.renew_consumers.fn("prod")
    assert steps == [2, 1]
    assert shown == [("prod", 2, 3), ("prod", 3, 3)]
    assert events_told(world) == ["consumers.renewed"]
    assert tables[0]["description"] == "Renewals of prod: 3 delivered"


def test_an_environment_that_is_not_ready_fails_the_run(
    world: World, tables: list[dict[str, Any]]
) -> None:
    """Before anything is served."""
    with pytest.raises(PolicyViolation) as refused:
        flow.renew_consumers.fn("test")
    assert refused.value.rule == "ENVIRONMENT-NOT-READY"
    assert tables == []


def test_a_fleet_costs_one_step_for_each_250() -> None:
    """Never one for each certificate."""
    assert renewal.BATCH == 250
