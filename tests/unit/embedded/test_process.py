"""Processes are known by more than their number, and end when they are told to."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trustwright.embedded import process
from trustwright.embedded.process import MARK, Process

pytestmark = pytest.mark.unit

Starter = Callable[[str], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Return a function that runs Python code with a mark; what it starts is killed in the end."""
    started: list[Process] = []

    def run(code: str) -> Process:
        found = process.start(
            [sys.executable, "-c", code],
            environment={"PATH": os.defpath, MARK: f"{tmp_path}"},
            folder=tmp_path,
            log=tmp_path / "log",
        )
        started.append(found)
        return found

    yield run
    for one in started:
        one.send(signal.SIGKILL)
        one.ends(10)


def said(folder: Path, words: str) -> bool:
    """Wait until the log holds these words."""
    end = time.monotonic() + 10
    while words not in (folder / "log").read_text():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER


def test_a_process_is_known_until_it_ends(start: Starter, tmp_path: Path) -> None:
    """It has an age, can be found again by what was written down, and is gone after SIGTERM."""
    one = start(SLEEPER)
    assert said(tmp_path, "up")
    again = Process.model_validate_json(one.model_dump_json())
    assert again.alive()
    assert 0 <= again.age() < 10
    assert process.stop(again, grace=10) is True
    assert not again.alive()
    assert process.stop(again, grace=10) is False


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another"}])
def test_a_stranger_with_the_same_number_is_left_alone(
    start: Starter, change: dict[str, object]
) -> None:
    """A reused number, or a number of before the reboot, is neither alive nor killed."""
    one = start(SLEEPER)
    stranger = Process.model_validate(one.model_dump() | change)
    assert not stranger.alive()
    stranger.send(signal.SIGKILL)
    assert process.stop(stranger, grace=0.1) is False
    assert one.alive()


def test_a_stubborn_process_is_killed(start: Starter, tmp_path: Path) -> None:
    """SIGKILL follows SIGTERM after the grace."""
    one = start(STUBBORN)
    assert said(tmp_path, "up")
    begun = time.monotonic()
    assert process.stop(one, grace=0.2) is True
    assert not one.alive()
    assert time.monotonic() - begun >= 0.2


def test_a_stopped_process_ends_by_itself(start: Starter, tmp_path: Path) -> None:
    """It is woken to take the SIGTERM, so it need not be killed."""
    code = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')));"
    one = start(code + SLEEPER)
    assert said(tmp_path, "up")
    one.send(signal.SIGSTOP)
    assert process.stop(one, grace=10) is True
    assert said(tmp_path, "bye")


def test_it_runs_apart_from_the_caller(start: Starter, tmp_path: Path) -> None:
    """Own session, own folder, no input, only the given environment, a log nobody else reads."""
    code = (
        "import os, sys; print(os.getsid(0) == os.getpid(), os.getcwd(), sys.stdin.read() == '',"
        "sorted(os.environ), oct(os.umask(0)), flush=True)"
    )
    assert start(code).ends(10)
    words = (tmp_path / "log").read_text().strip()
    names = sorted(["LC_CTYPE", "PATH", MARK])
    assert words in {
        f"True {tmp_path} True {names} 0o77",
        f"True {tmp_path} True {sorted(['PATH', MARK])} 0o77",
    }
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_an_ignored_interrupt_is_not_inherited(start: Starter, tmp_path: Path) -> None:
    """A script's ``&`` ignores SIGINT; what we start does not."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        one = start("import signal; print(signal.getsignal(signal.SIGINT), flush=True)")
    finally:
        signal.signal(signal.SIGINT, before)
    assert one.ends(10)
    assert "default_int_handler" in (tmp_path / "log").read_text()


def test_what_is_not_written_down_is_found_by_its_mark(start: Starter, tmp_path: Path) -> None:
    """The session leader with the mark is the process; a child of it is not, but carries it."""
    one = start(
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " env={'CHILD': 'yes', **__import__('os').environ}); print('up', flush=True);"
        "time.sleep(60)"
    )
    assert said(tmp_path, "up")
    mark = str(tmp_path)
    assert process.find(mark, None) == one
    assert process.find(mark, Process(pid=one.pid, started=1, boot="another")) == one
    assert process.find("nobody's", None) is None
    end = time.monotonic() + 10
    while process.marked_values(mark, "CHILD") != ("yes",) and time.monotonic() < end:
        time.sleep(0.01)
    family = process.marked(mark)
    assert (family[0], len(family)) == (one, 2)
    for member in family:
        process.stop(member, grace=10)
    assert process.marked(mark) == ()
