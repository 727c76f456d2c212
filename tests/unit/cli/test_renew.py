"""``trustwright renew``: what is refused before a run is started, and what is said after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import HOUR, bootstrap, lines_of
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.errors import Rejected
from trustwright.lifecycle.renewal import note_renewed, renew_consumers, to_renew
from trustwright.prefect_api import FlowRun

pytestmark = pytest.mark.unit

BROKEN = Rejected("the reload failed", rule="DLV-RELOAD")


class FakePrefect:
    """Carries a run out as soon as it is asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked: list[dict[str, Any]] = []

    def run_deployment(self, name: str, parameters: dict[str, Any]) -> FlowRun:
        """Do what the flow does."""
        assert name == "renew-consumers/trustwright"
        self.asked.append(parameters)
        run = f"run-{len(self.asked) + 1}"
        ports, environment = self._world.ports, parameters["environment"]
        ports.actor = run
        names = to_renew(ports, environment, parameters["consumers"])
        note_renewed(ports, environment, renew_consumers(ports, environment, names), "")
        return FlowRun(id=run, name="tall-otter", state_type="SCHEDULED", state_name="Scheduled")

    def wait(self, run: str, _until: Any, *, deadline: float) -> FlowRun:
        """Say that it has ended."""
        assert deadline == 300
        return FlowRun(id=run, name="tall-otter", state_type="COMPLETED", state_name="Completed")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose prod is due; the command gets its ports."""
    made = World(tmp_path)
    made.ports.prefect = FakePrefect(made)  # type: ignore[attr-defined] # as an assembly has it

    @contextmanager
    def assembled() -> Iterator[FakePorts]:
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    return made


@pytest.fixture
def due(world: World) -> World:
    """Return the world with prod due."""
    bootstrap(world)
    world.clock.advance(seconds=49 * HOUR)
    return world


def renew(*arguments: str) -> int:
    """Run the command."""
    return exit_code(cli, "trustwright", ["renew", *arguments])


def asked(world: World) -> list[dict[str, Any]]:
    """Return the parameters of the runs that were started."""
    found: list[dict[str, Any]] = world.ports.prefect.asked  # type: ignore[attr-defined]
    return found


def test_every_ready_environment_is_renewed(due: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A line with the run's page, and one with what it did; twice is once."""
    assert renew() == 0
    assert capsys.readouterr().out == (
        "renewal of prod: http://127.0.0.1:1/runs/run-2\nprod: 3 delivered\n"
    )
    assert renew("prod") == 0
    assert capsys.readouterr().out.endswith("prod: nothing had to be delivered\n")
    assert asked(due) == [{"environment": "prod", "consumers": []}] * 2


def test_nobody_waits_who_will_not(due: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The run is started, and that is all."""
    assert renew("prod", "--consumer", "billing", "--consumer", "gateway", "--no-wait") == 0
    assert capsys.readouterr().out == "renewal of prod: http://127.0.0.1:1/runs/run-2\n"
    assert asked(due) == [{"environment": "prod", "consumers": ["billing", "gateway"]}]


def test_a_consumer_that_failed_is_an_error(due: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Although the run ended well: whoever asked for it wants to know."""
    due.ports.targets["prod/billing"].broken = BROKEN
    assert renew("prod") == 5
    said = capsys.readouterr()
    assert said.out.endswith("prod: 2 delivered, 1 failed\n")
    assert said.err == (
        "error: http://127.0.0.1:1/runs/run-2: not every consumer of prod was served: "
        "billing: the reload failed (DLV-RELOAD) [CONSUMER-FAILED] → mend the cause; it is tried "
        "again by itself\n"
    )


def test_a_person_closes_a_breaker_and_tries_again(
    due: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind an open breaker nothing is ordered; with the option it is, and the audit says who."""
    target = due.ports.targets["prod/billing"]
    target.broken = BROKEN
    for _ in range(3):
        renew("prod", "--consumer", "billing")
    target.broken = None
    capsys.readouterr()
    assert renew("prod", "--consumer", "billing") == 5
    said = capsys.readouterr()
    assert "prod: 1 left out\n" in said.out
    assert "no certificate is ordered before 2026-11-25 14:30 UTC" in said.err
    due.ports.actor = "alice"
    assert renew("prod", "--consumer", "billing", "--close-breaker") == 0
    said = capsys.readouterr()
    assert said.out.endswith("prod: 1 delivered\n")
    assert said.err == "note: closed the breaker consumer/prod/billing\n"
    assert {line.actor for line in lines_of(due, "trustwright.breaker.reset")} == {"alice"}
    assert renew("prod", "--consumer", "billing", "--close-breaker") == 0
    assert capsys.readouterr().err == "note: no breaker of billing was open\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "EST-ENVIRONMENT"),
        (["test"], 3, "ENVIRONMENT-NOT-READY"),
        (["prod", "--consumer", "nobody"], 2, "EST-CONSUMER"),
        (["prod", "--consumer", "alice"], 3, "ADMIN-CONSUMER"),
        (["--consumer", "billing"], 2, "CLI-USAGE"),
        (["prod", "--close-breaker"], 2, "CLI-USAGE"),
        (["--close-breaker"], 2, "CLI-USAGE"),
    ],
)
def test_what_makes_no_sense_starts_nothing(
    due: World, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    """One line with the rule."""
    assert renew(*arguments) == code
    assert f"[{said}]" in capsys.readouterr().err
    assert asked(due) == []


def test_without_a_ready_environment_there_is_nothing_to_renew(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The remedy is a bootstrap."""
    assert renew() == 2
    assert capsys.readouterr().err == (
        "error: no environment is ready [ENVIRONMENT-NOT-READY] → run: trustwright bootstrap "
        "ENVIRONMENT\n"
    )
    assert asked(world) == []
