"""One part: where its temporary files go, and when they are removed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.site import eventually
from trustwright.embedded.part import Part, bare_environment
from trustwright.embedded.process import Process

pytestmark = pytest.mark.unit

TELLS = "import os, tempfile; print(tempfile.gettempdir(), flush=True); input()"
SLEEPS = "import time; print('up', flush=True); time.sleep(60)"


def part_of(folder: Path, code: str) -> Part:
    """Return a part that runs Python code."""
    return Part(
        name="part",
        title="the part",
        command=lambda: (sys.executable, "-c", code),
        environment=bare_environment,
        mark=f"{folder}:part",
        folder=folder,
        log=folder / "log",
        scratch=folder / "tmp",
        ready=lambda process: process.alive(),
    )


@pytest.fixture
def ended() -> Iterator[ExitStack]:
    """Return a stack of what ends the processes of a test."""
    with ExitStack() as stack:
        yield stack


def started(part: Part, ended: ExitStack) -> Process:
    """Start a part; it ends with the test."""
    process = part.start()
    ended.callback(part.stop, process)
    return process


def test_temporary_files_go_where_the_part_says(
    tmp_path: Path, ended: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where the caller's go, who may be another account of this machine."""
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    part = part_of(tmp_path, TELLS)
    assert started(part, ended).ends(10)  # there is no input
    assert part.log.read_text().splitlines()[0] == str(tmp_path / "tmp")


def test_a_start_removes_what_an_earlier_one_left(tmp_path: Path, ended: ExitStack) -> None:
    """Unless a process of the earlier one is still at work with it."""
    part = part_of(tmp_path, SLEEPS)
    left = part.scratch / "left"
    left.mkdir(parents=True)
    started(part, ended)
    eventually("it is up", lambda: "up" in part.log.read_text(), 10)
    assert list(part.scratch.iterdir()) == []
    left.mkdir()
    started(part, ended)
    assert list(part.scratch.iterdir()) == [left]
