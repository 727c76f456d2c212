"""``trustwright status``: the estate and the stack, with whatever of them is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import DAY, bootstrap, reach_gate
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.embedded.stack import PartStatus
from trustwright.errors import Unavailable, VerificationError
from trustwright.model.estate import Severity
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord

pytestmark = pytest.mark.unit

Run = Callable[..., str]
SUMMARY = "a certificate stands in Vault that nobody ordered, signed through the role server"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which prod is ready, test waits for the root, and much is wrong."""
    world = World(tmp_path_factory.mktemp("status"))
    bootstrap(world)
    reach_gate(world, "test")
    world.clock.advance(seconds=DAY // 2)
    severities: tuple[Severity, ...] = ("info", "critical", "warning", "critical", "warning")
    for number, severity in enumerate(severities):
        world.ports.store.findings.insert(finding(world, f"host{number}", severity))
    world.ports.store.findings.insert(
        finding(world, "gone", "critical").model_copy(update={"state": "closed"})
    )
    for number in range(4):
        world.ports.store.breakers.insert(breaker(world, number))
    world.ports.store.sweeps.insert(sweep(world))
    return world


def finding(world: World, subject: str, severity: Severity) -> FindingRecord:
    """Return an open finding."""
    now = world.clock.now()
    return FindingRecord(
        id=f"certificate-rogue/prod/{subject}",
        kind="certificate-rogue",
        environment="prod",
        subject=subject,
        severity=severity,
        summary=f"{SUMMARY} \x1b[31m",
        opened=now,
        seen=now,
    )


def breaker(world: World, number: int) -> BreakerRecord:
    """Return a breaker; the last one is closed, the first opened last."""
    now = world.clock.now()
    return BreakerRecord(
        id=f"consumer/prod/host{number}",
        environment="prod",
        state=("open", "half-open", "open", "closed")[number],
        failures=4,
        since=now,
        opened=now - timedelta(minutes=number),
        retry_at=(now + timedelta(minutes=30), now, None, None)[number],
        problem="the reload failed",
        updated=now,
    )


def sweep(world: World) -> SweepRecord:
    """Return a sweep that ended 40 minutes ago."""
    now = world.clock.now()
    return SweepRecord(
        id="1",
        actor="run-9",
        started=now - timedelta(minutes=41),
        ended=now - timedelta(minutes=40),
        due=3,
        opened=2,
        closed=1,
        problems=("test: Vault does not answer",),
    )


def part(name: str, condition: Any = "running") -> PartStatus:
    """Return what a part says of itself."""
    return PartStatus(name, name, condition, f"127.0.0.1:{len(name)}", "", Path("/log"), 7, 3700.0)


RUNNING = (part("OpenBao"), part("Prefect"), part("runner"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `status` in a world with a stack and returns what it printed."""

    def ran(
        world: World | Exception,
        *options: str,
        parts: tuple[PartStatus, ...] = RUNNING,
        code: int = 0,
    ) -> str:
        @contextmanager
        def assembled(*, orchestrated: bool) -> Iterator[FakePorts]:
            assert orchestrated is False, "status is asked for when Prefect is down"
            if isinstance(world, Exception):
                raise world
            yield world.ports

        folder = SimpleNamespace(home=Path("/home/t"), password=Path("/home/t/auth"))
        stack = SimpleNamespace(status=lambda: parts, folder=folder)
        capsys.readouterr()
        with (
            patch("trustwright.assembly.assembled", assembled),
            patch("trustwright.cli.status.stack_here", lambda: stack),
        ):
            assert exit_code(cli, "trustwright", ["status", *options]) == code
        return capsys.readouterr().out

    return ran


def test_the_page(run: Run, busy: World) -> None:
    """Everything that an operator looks for first, worst first, counted where it is cut."""
    ceremony = next(busy.ports.store.ceremonies.find(state="pending"))
    shown = SUMMARY + " \\x1b[31m"
    counts = "3 due, 2 opened, 1 closed, parts not looked at: 1"
    assert run(busy).splitlines() == [
        "environment  phase      issuer   state      until       valid  soon  expired",
        "test         requested  test-g1  requested  -           0      0     0",
        "prod         ready      prod-g1  issuing    2028-11-22  3      1     0",
        "",
        "expiring     1 within 24 h",
        "  prod/collector (agent) in 12 h",
        "ceremonies   1 pending",
        f"  test sign-intermediate {ceremony.id[:12]}, expires in 6 d",
        "deadlines    7",
        f"  act now 2026-11-30 in 6 d: test: the request {ceremony.id[:12]} runs out unsigned",
        "  2027-05-22 in 179 d: root: the newest list of the root that is known here runs out",
        "  2028-11-05 in 712 d: prod: the successor of prod-g1 has to be signed",
        "findings     2 critical, 2 warning, 1 info open",
        f"  critical: prod/host1: {shown}",
        f"  critical: prod/host3: {shown}",
        f"  warning: prod/host2: {shown}",
        "breakers     3 open",
        "  consumer/prod/host2 open, no trial is planned: the reload failed",
        "  consumer/prod/host1 half-open, a trial is due: the reload failed",
        "  consumer/prod/host0 open, next trial in 30 min: the reload failed",
        f"last sweep   2026-11-23 23:20 UTC, 40 min ago: {counts}",
        "",
        "part     state    address      link  pid  up for",
        "OpenBao  running  127.0.0.1:7        7    1:01:40",
        "Prefect  running  127.0.0.1:7        7    1:01:40",
        "runner   running  127.0.0.1:6        7    1:01:40",
        "the pages ask for the text in /home/t/auth",
    ]


def test_a_quiet_estate(run: Run, tmp_path: Path) -> None:
    """Nothing was begun: each line says so, and the two environments are planned."""
    lines = run(World(tmp_path)).splitlines()
    assert lines[1:3] == [
        "test         planned  -       -      -      0      0     0",
        "prod         planned  -       -      -      0      0     0",
    ]
    assert {"expiring     none within 24 h", "ceremonies   none pending"} <= set(lines)
    assert {"findings     none open", "breakers     none open", "last sweep   never"} <= set(lines)


def test_the_window_is_asked_for(run: Run, busy: World) -> None:
    """`--within` widens what is said to expire soon."""
    assert "expiring     3 within 3 d" in run(busy, "--within", "72h")
    assert "expiring     none within 60 min" in run(busy, "--within", "60m")
    assert run(busy, "--within", "soon", code=2) == ""


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_a_terminal(
    run: Run, busy: World, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """On a terminal no line of the estate breaks; what is cut ends with an ellipsis."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = run(busy).splitlines()
    assert max(map(len, lines)) == (columns if columns == 80 else 114)
    assert len([line for line in lines if line.endswith("…")]) == (5 if columns == 80 else 0)


@pytest.mark.parametrize(
    ("parts", "known", "code"),
    [
        (RUNNING, True, 0),
        (RUNNING, False, 0),
        ((*RUNNING[:2], part("runner", "stopped")), True, 5),
        ((*RUNNING[:2], part("runner", "not answering")), True, 5),
        ((), True, 0),
        ((), False, 5),
    ],
)
def test_exit_codes(
    run: Run, busy: World, parts: tuple[PartStatus, ...], known: bool, code: int
) -> None:
    """5 unless all parts run; where no stack ever was, unless the record can be read."""
    for options in ((), ("--json",)):
        world = busy if known else VerificationError("another root", rule="EST-ROOT", hint="look")
        run(world, *options, parts=parts, code=code)


def test_without_an_estate(run: Run) -> None:
    """What is missing is said in one line, and the stack is shown all the same."""
    down = Unavailable("store: the database does not answer", rule="STORE-DOWN", hint="try again")
    lines = run(down).splitlines()
    assert lines[0] == f"no estate to show: {down}"
    assert lines[2].startswith("part ")
    data = json.loads(run(down, "--json"))
    assert data["estate"] is None
    assert data["problem"] == down.data()
    assert data["running"] is True


def test_where_no_stack_can_run(busy: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine of a fleet has no stack of its own: the estate is shown, exit code 0."""

    @contextmanager
    def assembled(**_: object) -> Iterator[FakePorts]:
        yield busy.ports

    absent = ModuleNotFoundError("No module named 'psutil'", name="psutil")
    with (
        patch("trustwright.assembly.assembled", assembled),
        patch("trustwright.cli.status.stack_here", side_effect=absent),
    ):
        assert exit_code(cli, "trustwright", ["status"]) == 0
        assert capsys.readouterr().out.endswith("\n\nno stack was ever started here\n")
        assert exit_code(cli, "trustwright", ["status", "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
    assert (data["running"], data["home"], data["parts"]) == (False, None, [])


def test_before_anything_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an empty home: no traceback, the way to begin, exit code 5."""
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRUSTWRIGHT_ESTATE", raising=False)
    assert exit_code(cli, "trustwright", ["status"]) == 5
    said = capsys.readouterr().out
    assert said.startswith("no estate to show: ")
    assert said.endswith(
        "no stack was ever started here\n"
        "not everything runs; 'trustwright up' starts what is missing\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_json_is_stable(run: Run, busy: World) -> None:
    """The members that docs/runbooks/inventory.md names, and no others."""
    data = json.loads(run(busy, "--json"))
    assert data.keys() == {
        *("format", "running", "home", "password_file", "parts", "problem", "estate")
    }
    assert (data["format"], data["running"], data["problem"]) == (1, True, None)
    assert data["parts"][2]["condition"] == "running"
    estate = data["estate"]
    assert estate.keys() == {
        *("at", "window_seconds", "environments", "expiring", "ceremonies", "deadlines"),
        *("findings", "breakers", "last_sweep"),
    }
    assert estate["environments"][1] == {
        "name": "prod",
        "phase": "ready",
        "held_by": None,
        "issuers": [{"id": "prod-g1", "state": "issuing", "until": "2028-11-22T12:00:00Z"}],
        "certificates": {"revoked": 1, "valid": 3},
        "expiring": 1,
    }
    assert estate["findings"]["open"] == {"critical": 2, "warning": 2, "info": 1}
    assert [row["subject"] for row in estate["findings"]["worst"]] == ["host1", "host3", "host2"]
    assert estate["breakers"]["open"] == 3
    assert estate["deadlines"][0].keys() == {
        *("kind", "environment", "subject", "warn", "at", "over", "summary", "remedy")
    }
    assert estate["last_sweep"]["due"] == 3
    assert "request" not in estate["ceremonies"][0]
