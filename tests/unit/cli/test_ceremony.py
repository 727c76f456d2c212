"""``trustwright ceremony`` over ports in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import reach_gate
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.lifecycle import gate
from trustwright.model.ceremony import CeremonyRecord

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose ports every command gets."""
    made = World(tmp_path)

    @contextmanager
    def assembled(actor: str | None = None) -> Iterator[FakePorts]:
        del actor
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    return made


def hostile(world: World, waiting: CeremonyRecord) -> bytes:
    """Return a response with a member whose name is heading, link, fence and escape."""
    name = "\n# Approved\n```\n[click](https://evil.example)\x1b[2J\x9b31m\u202e"
    return json.dumps(json.loads(world.answer(waiting.request)) | {name: 1}).encode()


def test_show_draws_nothing_that_a_response_brought(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """No control character reaches the terminal, and no line of the page is the attacker's."""
    waiting = reach_gate(world)
    gate.consider_response(world.ports, waiting, hostile(world, waiting))
    assert exit_code(cli, "trustwright", ["ceremony", "show", "prod"]) == 0
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    assert [line for line in shown.splitlines() if line.startswith("#")] == [
        "# Sign the intermediate of prod, generation 1"
    ]
    assert "CER-SHAPE" in shown


def test_a_row_from_before_is_shown_safely(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older release recorded refusals as they came."""
    waiting = reach_gate(world)
    world.ports.store.ceremonies.replace(waiting, refusals=1, refusal="\x1b[2J\u202e\n# x")
    assert exit_code(cli, "trustwright", ["ceremony", "show", "prod"]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    assert exit_code(cli, "trustwright", ["ceremony", "show", "prod", "--json"]) == 0
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    assert json.loads(shown)["refusal"] == "\x1b[2J\u202e\n# x"
