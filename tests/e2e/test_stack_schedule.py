"""What nobody starts: a fresh stack looks after its ceremonies and its certificates by schedule."""

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
SWEEP = "sweep-expiry/trustwright"


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


def test_watch_and_sweep_run_by_schedule(fresh: Stack) -> None:
    """One run soon after the start, without an error; the next ones stand in the calendar."""
    api = prefect(fresh)
    for flow in (WATCH, SWEEP):
        eventually(f"{flow} ran", lambda: api.flow_runs(flow, {"COMPLETED", "FAILED"}), 120)  # noqa: B023
        ended = api.flow_runs(flow, {"COMPLETED", "FAILED"})
        assert [run.state_name for run in ended] == ["Completed"]
        assert len(api.flow_runs(flow, {"Scheduled"})) >= 2
    for part in ("prefect", "runner"):
        log = fresh.folder.log(part).read_text()
        assert re.findall(r".*(?:ERROR|CRITICAL|Traceback).*", log) == []
