"""Runs that the command line starts: one for one state of the record and one set of approvals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap
from trustwright.cli.runs import APPLY, follow_application, start_application
from trustwright.errors import Rejected, UpstreamError
from trustwright.lifecycle import environments
from trustwright.lifecycle.journal import note_failure
from trustwright.prefect_api import FlowRun

pytestmark = pytest.mark.unit

GATEWAY, WIDE = "prod/consumers/gateway", "prod/vault/roles/wide"


class FakePrefect:
    """Makes one run for one key, as Prefect does.

    Attributes:
        asked: deployment and parameters of each new run.
        state: of every run, as the API shows it.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.runs: dict[str, str] = {}
        self.ended: set[str] = set()
        self.state = "COMPLETED"

    def run_deployment(self, name: str, parameters: dict[str, object], key: str) -> FlowRun:
        """Return the run of this key."""
        if key not in self.runs:
            self.runs[key] = f"run-{len(self.runs) + 1}"
            self.asked.append((name, parameters))
        run = self.runs[key]
        return FlowRun(run, "x", "COMPLETED" if run in self.ended else "RUNNING", "x")

    def wait(self, run: str, until: Any, *, deadline: float) -> FlowRun:
        """Return the run in its last state."""
        del until, deadline
        return FlowRun(run, "x", self.state, self.state.title(), "no word")


@pytest.fixture
def ports(tmp_path: Path) -> Any:
    """Return the ports of a ready prod, with a Prefect."""
    world = World(tmp_path)
    bootstrap(world)
    made: Any = world.ports
    made.prefect = FakePrefect()
    return made


def test_an_approval_goes_to_the_run_that_it_was_given_for(ports: Any) -> None:
    """In whatever order it was typed; another approval is another run."""
    first = start_application(ports, "prod", [WIDE, GATEWAY])
    assert ports.prefect.asked == [(APPLY, {"environment": "prod", "destroy": [GATEWAY, WIDE]})]
    assert start_application(ports, "prod", [GATEWAY, WIDE, WIDE]) == first
    assert start_application(ports, "prod", [GATEWAY]) != first
    assert start_application(ports, "prod", []) != first
    assert len(ports.prefect.asked) == 3


def test_a_run_that_ended_is_followed_by_another(ports: Any) -> None:
    """And so is one that has worked since: the record is another then."""
    first = start_application(ports, "prod", [])
    ports.prefect.ended.add(first)
    second = start_application(ports, "prod", [])
    assert second != first
    environments.claim(ports, "prod", second)
    environments.release(ports, "prod", second)
    assert start_application(ports, "prod", []) not in {first, second}


def test_a_run_is_followed_to_its_end(ports: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What it said when it failed is what the command says, or else how it ended."""
    follow_application(ports, "prod", "run-1", 5)
    assert capsys.readouterr().out == "prod was applied\n"
    ports.prefect.state = "CRASHED"
    with pytest.raises(UpstreamError) as crashed:
        follow_application(ports, "prod", "run-1", 5)
    assert crashed.value.what == "the run ended Crashed: no word"
    assert crashed.value.hint == "mend the cause, then run: trustwright apply prod"
    note_failure(ports, "prod", Rejected("disk full", rule="DLV-IO"))
    with pytest.raises(Rejected) as failed:
        follow_application(ports, "prod", ports.actor, 5)
    assert failed.value.rule == "DLV-IO"
