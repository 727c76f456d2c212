"""What nobody starts: a fresh stack looks after its ceremonies by schedule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.outside import command, prefect
from tests.e2e.site import eventually
from tests.ports import free_port
from trustwright.embedded.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

WATCH = "watch-ceremonies/trustwright"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stack]:
    """Return a stack that the command has just started; nobody has written an estate yet."""
    stack = Stack(tmp_path / "home")
    ports = ("--openbao-port", str(free_port()), "--prefect-port", str(free_port()))
    try:
        done = command(stack, "up", *ports)
        assert (done.returncode, done.stderr) == (0, "")
        yield stack
    finally:
        stack.down()


def test_the_watch_runs_by_schedule(fresh: Stack) -> None:
    """One run soon after the start, without an error; the next ones stand in the calendar."""
    api = prefect(fresh)
    eventually("the watch has run", lambda: api.flow_runs(WATCH, {"COMPLETED", "FAILED"}), 120)
    assert [run.state_name for run in api.flow_runs(WATCH, {"COMPLETED", "FAILED"})] == [
        "Completed"
    ]
    assert len(api.flow_runs(WATCH, {"Scheduled"})) >= 3
    for part in ("prefect", "runner"):
        log = fresh.folder.log(part).read_text()
        assert re.findall(r".*(?:ERROR|CRITICAL|Traceback).*", log) == []
