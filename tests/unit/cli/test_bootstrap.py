"""``trustwright bootstrap --new-generation``: given up first, then started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, reach_gate
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.lifecycle import environments

pytestmark = pytest.mark.unit

COMMAND = ["bootstrap", "prod", "--no-wait", "--new-generation", "the disk is gone"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose ports the command gets; nothing is started."""
    made = World(tmp_path)

    @contextmanager
    def assembled() -> Iterator[FakePorts]:
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    monkeypatch.setattr("trustwright.cli.runs.start_bootstrap", lambda _ports, _name: "run-2")
    return made


def generation(world: World) -> int:
    """Return prod's generation."""
    return environments.record_of(world.ports, "prod").generation


def test_the_next_generation_is_said_and_started(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each."""
    reach_gate(world)
    assert exit_code(cli, "trustwright", COMMAND) == 0
    assert capsys.readouterr().out == (
        "prod goes on with generation 2\nbootstrap of prod: http://127.0.0.1:1/runs/run-2\n"
    )
    assert generation(world) == 2


def test_a_proven_generation_starts_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rule and the remedy on one line."""
    bootstrap(world)
    assert exit_code(cli, "trustwright", COMMAND) == 3
    assert capsys.readouterr() == (
        "",
        "error: this generation is ready [GENERATION-PROVEN] → rotate the intermediate instead\n",
    )
    assert generation(world) == 1


def test_a_living_run_is_taken_over_first(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Both options together: the run that a person declares dead keeps nothing from it."""
    reach_gate(world)
    (waiting,) = world.ports.store.ceremonies.find()
    world.ports.store.ceremonies.replace(waiting, flow_run=None)
    world.ports.orchestrator.living = {"run-1"}
    assert exit_code(cli, "trustwright", COMMAND) == 6
    assert "[LOCK-HELD]" in capsys.readouterr().err
    assert generation(world) == 1
    assert [row.state for row in world.ports.store.ceremonies.find()] == ["pending"]
    assert exit_code(cli, "trustwright", [*COMMAND, "--take-over"]) == 0
    assert generation(world) == 2
