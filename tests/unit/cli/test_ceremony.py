"""``trustwright ceremony`` over ports in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import events_told, reach_gate
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.lifecycle import gate
from trustwright.lifecycle.watch import cancel_ceremony
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


def good(world: World, waiting: CeremonyRecord) -> bytes:
    """Return the response that opens a gate."""
    return world.answer(waiting.request)


def submit(world: World, data: bytes, *options: str) -> int:
    """Hand a file in; return the exit code."""
    file = world.ports.folder / "handed-in.json"
    file.write_bytes(data)
    return exit_code(cli, "trustwright", ["ceremony", "submit", str(file), *options])


UNREADABLE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (lambda text: text[:-40], "CER-JSON"),
    "no JSON": (lambda _: b"-----BEGIN CERTIFICATE-----", "CER-JSON"),
    "too large": (lambda text: text + b" " * 200_000, "CER-SIZE"),
    "endless": (lambda text: text + b" " * 2_000_000, "CER-SIZE"),
    "empty": (lambda _: b"", "GATE-EMPTY"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_refused_by_the_gate(
    world: World, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """With one ceremony pending: in terminal, record and chat, and the waiting run asks again."""
    waiting = reach_gate(world)
    world.ports.orchestrator.asleep = {"run-1"}
    spoil, rule = UNREADABLE[kind]
    assert submit(world, spoil(good(world, waiting))) == 3
    err = capsys.readouterr().err
    assert (err.count("\n"), f"[{rule}]" in err) == (1, True)
    found = world.ports.store.ceremonies.get(waiting.id)
    assert found is not None
    assert (found.state, found.refusals, f"[{rule}]" in found.refusal) == ("pending", 1, True)
    assert events_told(world)[-1] == "ceremony.refused"
    assert world.ports.orchestrator.woken == ["run-1"]


@pytest.mark.parametrize("pending", [0, 2])
def test_what_is_nobodys_is_refused_in_the_terminal_alone(
    world: World, capsys: pytest.CaptureFixture[str], pending: int
) -> None:
    """Which gate it was meant for cannot be told: the option says it."""
    for name in ("prod", "test")[:pending]:
        reach_gate(world, name)
    world.ports.folder.mkdir(exist_ok=True)
    told = len(world.ports.chat.told)
    assert submit(world, b"junk") == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "[CER-JSON]" in err
    assert "--ceremony NAME" in err
    assert [row.refusals for row in world.ports.store.ceremonies.find()] == [0] * pending
    assert len(world.ports.chat.told) == told


@pytest.mark.parametrize("data", [b"junk", b"other"])
def test_the_option_names_the_gate(
    world: World, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    """What cannot be read, and what answers another request, is refused there."""
    prod, test = reach_gate(world, "prod"), reach_gate(world, "test")
    handed = good(world, test) if data == b"other" else data
    assert submit(world, handed, "--ceremony", "prod") == 3
    assert ("[CER-201]" if data == b"other" else "[CER-JSON]") in capsys.readouterr().err
    rows = {row.id: row.refusals for row in world.ports.store.ceremonies.find()}
    assert rows == {prod.id: 1, test.id: 0}


def test_the_response_to_an_unknown_request_is_the_only_gates(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers something else: the one gate that waits says so, everywhere."""
    waiting = reach_gate(world)
    stray = json.dumps(json.loads(good(world, waiting)) | {"request": "0" * 64}).encode()
    assert submit(world, stray) == 3
    assert "[CER-201]" in capsys.readouterr().err
    assert events_told(world)[-1] == "ceremony.refused"


def test_a_response_to_a_closed_ceremony_wakes_nobody(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run that waits for another one is not asked with an empty form."""
    first = reach_gate(world)
    cancel_ceremony(world.ports, first, "wrong domain")
    world.ports.actor = "run-2"
    world.clock.advance(seconds=60)
    reach_gate(world)
    world.ports.orchestrator.asleep = {"run-2"}
    assert submit(world, good(world, first)) == 3
    assert "[GATE-CLOSED]" in capsys.readouterr().err
    assert world.ports.orchestrator.woken == []


def test_cancelling_what_was_begun_to_be_cancelled(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command died in the middle: the same command again finishes it; a third has nothing."""
    waiting = reach_gate(world)
    world.ports.store.ceremonies.replace(waiting, state="cancelling", reason="wrong domain")
    command = ["ceremony", "cancel", waiting.id[:12]]
    assert exit_code(cli, "trustwright", command) == 0
    assert events_told(world)[-1] == "ceremony.cancelled"
    assert exit_code(cli, "trustwright", command) == 2
    assert "the ceremony is cancelled [GATE-CLOSED]" in capsys.readouterr().err
