"""``trustwright apply``: shown first, asked for, and only what was approved is removed."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World, run_application
from tests.unit.cli.test_plan import failing
from tests.unit.lifecycle.scenes import bootstrap, leave_request, twist
from tests.unit.lifecycle.test_planning import drop_consumer
from trustwright.cli.apply import name_to_type
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.errors import TrustwrightError, Unavailable, UpstreamError

pytestmark = pytest.mark.unit

Capture = pytest.CaptureFixture[str]
GATEWAY = "prod/consumers/gateway"
WIDE = "prod/vault/roles/wide"


class Desk:
    """A world, and the runs that the command starts in it: done at once, over the fakes.

    Attributes:
        started: flow, environment and approvals of each run.
        broken: environments whose runs fail, with the error.
        skips: the flows do not have the provisioner's key.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.started: list[tuple[str, str, tuple[str, ...]]] = []
        self.broken: dict[str, TrustwrightError] = {}
        self.skips = False

    def start_bootstrap(self, _ports: Any, name: str) -> str:
        """Note a bootstrap."""
        self.started.append(("bootstrap", name, ()))
        return "run-b"

    def start_application(self, _ports: Any, name: str, destroy: list[str]) -> str:
        """Note an application, and carry it out."""
        self.started.append(("apply", name, tuple(destroy)))
        if name not in self.broken and not self.skips:
            run_application(self.world.ports, name, *destroy)
        return "run-a"

    def follow(self, _ports: Any, name: str, *_: Any) -> None:
        """Say what became of it."""
        if name in self.broken:
            raise self.broken[name]
        sys.stdout.write(f"{name} followed\n")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a world whose prod is ready, with a leaver and a role too many."""
    world = World(tmp_path)
    leave_request(world)
    bootstrap(world)
    drop_consumer(world, "gateway")
    world.ports.vault.mounts["prod"].surplus = {"wide"}
    made = Desk(world)

    @contextmanager
    def assembled(**_: object) -> Iterator[FakePorts]:
        yield world.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    for name in ("start_bootstrap", "start_application"):
        monkeypatch.setattr(f"trustwright.cli.runs.{name}", getattr(made, name))
    for name in ("follow", "follow_application"):
        monkeypatch.setattr(f"trustwright.cli.runs.{name}", made.follow)
    return made


def run(*arguments: str) -> int:
    """Run the command; return its exit code."""
    return exit_code(cli, "trustwright", ["apply", *arguments])


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Let somebody type these lines."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def states(desk: Desk) -> list[str]:
    """Return the states of gateway's certificates."""
    return [row.state for row in desk.world.ports.store.certificates.find(subject="gateway")]


def test_yes_removes_nothing(desk: Desk, capsys: Capture) -> None:
    """Automation mends; what is surplus is shown as left."""
    assert run("prod", "--yes") == 0
    assert desk.started == [("apply", "prod", ())]
    assert states(desk) == ["valid"]
    shown = capsys.readouterr().out
    assert "what differs still:\nprod (ready)\n  - prod/vault/roles/wide\n" in shown
    assert shown.endswith("0 to create, 0 to change, 2 to remove\n")
    assert run("prod", "--yes") == 0
    assert "nothing was started: what is left needs an approval" in capsys.readouterr().out
    assert len(desk.started) == 1


def test_what_is_named_is_removed(desk: Desk, capsys: Capture) -> None:
    """By its address, and by no other; twice is the same as once."""
    arguments = ("prod", "--yes", "--destroy", GATEWAY, "--destroy", "prod/consumers/billing")
    assert run(*arguments) == 0
    assert desk.started == [("apply", "prod", (GATEWAY,))]
    shown = capsys.readouterr()
    assert shown.err == "note: nothing can be removed at prod/consumers/billing\n"
    assert states(desk) == ["revoked"]
    assert run("prod", "--yes", "--destroy", GATEWAY, "--destroy", WIDE) == 0
    assert desk.started[1:] == [("apply", "prod", (WIDE,))]
    assert capsys.readouterr().out.endswith("prod followed\nno changes\n")
    assert run("prod", "--yes", "--destroy", GATEWAY, "--destroy", WIDE) == 0
    assert capsys.readouterr().out == "no changes\n"


def test_a_person_types_names_and_yes(
    desk: Desk, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each removal by its own name, with what goes with it; a wrong name leaves it."""
    typed(monkeypatch, "yes", "gateway", "yes")
    assert run("prod") == 0
    assert desk.started == [("apply", "prod", (GATEWAY,))]
    shown = capsys.readouterr().out
    assert "remove prod/vault/roles/wide?\ntype wide to remove it" in shown
    assert "remove prod/consumers/gateway?\n  revokes prod-g1/" in shown
    assert (states(desk), desk.world.ports.vault.mounts["prod"].surplus) == (["revoked"], {"wide"})


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("prod/vault/roles/wide", "wide"),
        ("prod/consumers/mailer", "mailer"),
        ("prod/vault/trustwright-delivery/metadata/mailer/set", "mailer/set"),
    ],
)
def test_a_name_that_is_typed_is_that_of_one_thing(address: str, name: str) -> None:
    """Every consumer's secret is called *set*."""
    assert name_to_type(address) == name


@pytest.mark.parametrize(
    "answers", [("", "", ""), ("wide", "gateway", "y"), ("wide", "gateway", "no")]
)
def test_anything_but_yes_starts_nothing(
    desk: Desk, capsys: Capture, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...]
) -> None:
    """Whatever was approved before."""
    typed(monkeypatch, *answers)
    assert run("prod") == 0
    assert desk.started == []
    assert capsys.readouterr().out.endswith("nothing was started\n")


def test_nobody_there_to_type_starts_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A job without --yes stops."""
    typed(monkeypatch)
    assert run("prod") == 130
    assert desk.started == []
    assert capsys.readouterr().err.endswith("error: stopped\n")


def test_no_changes_ask_nothing(desk: Desk, capsys: Capture) -> None:
    """One line, as the plan has it."""
    run("prod", "--yes", "--destroy", GATEWAY, "--destroy", WIDE)
    capsys.readouterr()
    desk.started.clear()
    assert run("prod") == 0
    assert capsys.readouterr() == ("no changes\n", "")
    assert desk.started == []


def test_an_environment_that_is_not_there_is_bootstrapped(desk: Desk, capsys: Capture) -> None:
    """It is said, and its approvals wait."""
    assert run("--yes", "--destroy", "test/consumers/billing") == 0
    assert desk.started == [("bootstrap", "test", ()), ("apply", "prod", ())]
    shown = capsys.readouterr()
    assert "test is not ready yet; its bootstrap: http://127.0.0.1:1/runs/run-b\n" in shown.out
    assert "note: nothing can be removed at test/consumers/billing" in shown.err


def test_an_incomplete_plan_is_not_carried_out(desk: Desk, capsys: Capture) -> None:
    """Of the other environment neither: name it, when it is to go on alone."""
    twist(
        desk.world.ports, {"provisioner.plan": failing({"prod": Unavailable("sealed", rule="S")})}
    )
    assert run("--yes") == 5
    assert desk.started == []
    assert capsys.readouterr().err.endswith("error: sealed [S]\n")
    assert run("test", "--yes") == 0
    assert desk.started == [("bootstrap", "test", ())]


def test_one_that_fails_stops_no_other(desk: Desk, capsys: Capture) -> None:
    """The first error gives the code."""
    desk.broken = {"test": UpstreamError("it broke", rule="B")}
    assert run("--yes") == 5
    assert [each[1] for each in desk.started] == ["test", "prod"]
    shown = capsys.readouterr()
    assert "prod followed" in shown.out
    assert shown.err == "error: it broke [B]\n"


def test_what_the_flows_leave_is_no_success(desk: Desk, capsys: Capture) -> None:
    """They may run where the provisioner's key is not."""
    desk.skips = True
    assert run("prod", "--yes") == 5
    assert "[APPLY-LEFT]" in capsys.readouterr().err
