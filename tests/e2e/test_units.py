"""The units of systemd: what they start is what ``trustwright up`` starts."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.outside import command, everything, prefect, state_of, variables
from tests.e2e.site import eventually
from tests.ports import free_port
from tests.prefect.server import REPOSITORY
from trustwright.embedded.process import MARK
from trustwright.embedded.stack import NAMES, Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

UNITS = REPOSITORY / "infra" / "systemd"
HOME, PROGRAM = "/var/lib/trustwright", "/opt/trustwright/bin/trustwright"
INSTALLED = Path(sys.executable).parent / "trustwright"
PR_SET_MDWE, REFUSE_EXECUTABLE_MEMORY = 65, 1
GIVEN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": HOME, "USER": "trustwright"}
"""What systemd itself puts into the environment of a unit."""

PYTHONS_OWN = {"LC_CTYPE": "C.UTF-8"}
"""What Python adds where no locale is named."""

each_unit = pytest.mark.parametrize("name", NAMES)


def lines(name: str) -> list[tuple[str, str]]:
    """Return a unit's assignments in order."""
    text = (UNITS / f"trustwright-{name}.service").read_text()
    found = (line.partition("=") for line in text.splitlines() if line[:1] not in {"", "#", "["})
    return [(key, value) for key, _, value in found]


def values(name: str, key: str) -> list[str]:
    """Return what a unit says for a key."""
    return [value for found, value in lines(name) if found == key]


@each_unit
def test_a_unit_says_nothing_that_the_program_knows(name: str) -> None:
    """No setting of a server stands in it: it would be forgotten when the program learns one."""
    assert values(name, "Environment") == [f"TRUSTWRIGHT_HOME={HOME}"]
    assert values(name, "ExecStart") == [f"{PROGRAM} run {name}"]
    assert {"NoNewPrivileges", "ProtectSystem", "UMask", "LimitCORE"} <= dict(lines(name)).keys()


def test_every_part_has_a_unit() -> None:
    """And nothing else lies there."""
    assert sorted(path.name for path in UNITS.iterdir()) == sorted(
        f"trustwright-{name}.service" for name in NAMES
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """No key is unknown to it, no value wrong, no dependency missing."""
    for name in NAMES:
        text = (UNITS / f"trustwright-{name}.service").read_text()
        (tmp_path / f"trustwright-{name}.service").write_text(text.replace(PROGRAM, str(INSTALLED)))
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    assert (done.returncode, [s for s in done.stderr.splitlines() if "trustwright" in s]) == (0, [])


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Stack]:
    """Return a home in which a stack was started once and stopped; nothing runs in the end."""
    stack = Stack(tmp_path / "home")
    ports = ("--openbao-port", str(free_port()), "--prefect-port", str(free_port()))
    try:
        assert command(stack, "up", *ports).returncode == 0
        assert command(stack, "down").returncode == 0
        yield stack
    finally:
        stack.down()


def like_systemd(stack: Stack, name: str) -> subprocess.Popen[bytes]:
    """Start a unit's command as systemd does: bare, in a session of its own, from the root."""
    (start,) = values(name, "ExecStart")
    words = [word.replace(PROGRAM, str(INSTALLED)) for word in start.split()]
    strict = values(name, "MemoryDenyWriteExecute") == ["yes"]

    def refuse_executable_memory() -> None:
        ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXECUTABLE_MEMORY, 0, 0, 0)

    with stack.folder.log(f"unit-{name}").open("wb") as log:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**GIVEN, "TRUSTWRIGHT_HOME": str(stack.folder.home)},
            start_new_session=True,
            preexec_fn=refuse_executable_memory if strict else None,  # noqa: PLW1509 - one thread
        )


def leave_a_stray(stack: Stack) -> str:
    """Have Prefect believe that a run is at work; return its identifier."""
    api = prefect(stack)
    run = api.run_deployment("watch-ceremonies/trustwright")
    body = {"state": {"type": "RUNNING"}, "force": True}
    assert api._server.call("POST", f"/flow_runs/{run.id}/set_state", body).ok
    return run.id


def test_units_are_the_stack(begun: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` sees them, they are told what `up` tells, and no run stays Running for ever."""
    units = {name: like_systemd(begun, name) for name in ("prefect", "openbao")}
    try:
        eventually("Prefect answers", prefect(begun).healthy)
        stray = leave_a_stray(begun)
        units["runner"] = like_systemd(begun, "runner")
        eventually("everything runs", lambda: command(begun, "status").returncode == 0)
        assert {part.name: part.pid for part in begun.status()} == {
            name: unit.pid for name, unit in units.items()
        }
        assert prefect(begun).flow_run(stray).state_name == "Crashed"
        assert begun.up() == ()
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, text in (GIVEN | PYTHONS_OWN).items():
            monkeypatch.setenv(name, text)
        for part in begun._parts(state_of(begun)):
            told = {**part.environment(), MARK: part.mark, "TMPDIR": str(part.scratch)}
            assert variables(psutil.Process(units[part.name].pid)) == told
        monkeypatch.undo()
        done = command(begun, "run", "prefect")
        assert (done.returncode, "[STACK-RUNS]" in done.stderr) == (6, True)
    finally:
        for unit in units.values():
            unit.send_signal(signal.SIGTERM)
        for unit in units.values():
            unit.wait(30)
    eventually("nothing is left", lambda: everything(begun) == [])


def test_a_part_cannot_be_run_before_the_stack_was_begun(tmp_path: Path) -> None:
    """The ports and the estate are what `up` remembered."""
    done = command(Stack(tmp_path / "home"), "run", "openbao")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "trustwright up" in done.stderr
