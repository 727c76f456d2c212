"""``trustwright findings`` and ``trustwright sweep``: what a person sees of the sweeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, leave_request
from tests.unit.lifecycle.strangers import sign_behind_our_back
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.lifecycle.sweep import sweep_estate

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world in which a sweep has found a stranger and a set that was changed."""
    made = World(tmp_path)

    @contextmanager
    def assembled(**_: object) -> Iterator[FakePorts]:
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    leave_request(made)
    bootstrap(made)
    sign_behind_our_back(made)
    made.ports.targets["prod/billing"].disturb(drift="key.pem is 0644")
    sweep_estate(made.ports)
    return made


def trustwright(*arguments: str) -> int:
    """Run the program; return its exit code."""
    return exit_code(cli, "trustwright", list(arguments))


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the kinds that are listed, in their order."""
    assert trustwright("findings", "list", *arguments, "--json") == 0
    return [row["kind"] for row in json.loads(capsys.readouterr().out)]


@pytest.mark.usefixtures("world")
def test_the_worst_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, and as JSON by every filter."""
    assert trustwright("findings", "list") == 0
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["severity", "environment", "kind"]
    assert first.split()[:3] == ["critical", "prod", "certificate-rogue"]
    assert second.split()[:4] == ["warning", "prod", "set-drifted", "billing"]
    assert listed(capsys) == ["certificate-rogue", "set-drifted"]
    assert listed(capsys, "--kind", "set-drifted") == ["set-drifted"]
    assert listed(capsys, "--environment", "test") == []
    assert listed(capsys, "--environment", "root") == []


def test_what_is_over_is_listed_when_it_is_asked_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Open ones alone by default; none is said in words."""
    world.ports.targets["prod/billing"].disturb(drift="")
    world.clock.advance(seconds=60)
    sweep_estate(world.ports)
    assert listed(capsys) == ["certificate-rogue"]
    assert listed(capsys, "--state", "closed") == ["set-drifted"]
    assert listed(capsys, "--state", "all") == ["certificate-rogue", "set-drifted"]
    assert trustwright("findings", "list", "--kind", "crl-stale") == 0
    assert capsys.readouterr().out == "nothing was found\n"


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--environment", "prdo"], "no environment 'prdo' in the estate file [EST-ENVIRONMENT]"),
        (["--kind", "rogue"], "no kind of finding is called 'rogue' [FINDING-UNKNOWN]"),
    ],
)
def test_a_slip_of_the_pen_is_no_all_clear(
    wrong: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is found in what is not there; a known name with nothing is an empty list."""
    assert trustwright("findings", "list", *wrong, "--json") == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


@pytest.mark.usefixtures("world")
def test_one_finding_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """By the identifier that messages name; an unknown one is an error with the way on."""
    assert trustwright("findings", "show", "set-drifted/prod/billing") == 0
    shown = capsys.readouterr().out
    assert "summary     what lies at" in shown
    assert "remedy      The next renewal writes the set anew." in shown
    assert trustwright("findings", "show", "set-drifted/prod/billing", "--json") == 0
    assert json.loads(capsys.readouterr().out)["times"] == 1
    assert trustwright("findings", "show", "nothing") == 2
    assert "[FINDING-UNKNOWN]" in capsys.readouterr().err


def test_a_sweep_in_this_process(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what changed, and what could not be looked at; an unknown name is an error."""
    world.ports.vault.sealed = True
    world.clock.advance(seconds=60)
    assert trustwright("sweep", "prod", "--here") == 0
    first, *problems = capsys.readouterr().out.splitlines()
    assert first == "due 1, opened 1, closed 0"
    assert problems
    assert all(line.startswith("not looked at: prod: ") for line in problems)
    assert trustwright("sweep", "nowhere", "--here") == 2
