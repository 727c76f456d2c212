"""Processes that outlive the command that started them, and how they are known again.

A process identifier alone is worth nothing after a crash: the kernel gives it to somebody else. So
a process is known by its identifier, the kernel's start time (clock ticks since boot, untouched by
a corrected clock) and the boot. What it starts in turn inherits a mark in its environment, by which
orphans are found.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from trustwright.embedded.folder import append_private
from trustwright.model.base import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MARK = "TRUSTWRIGHT_STACK"
POLL_SECONDS = 0.02
_TICKS = os.sysconf("SC_CLK_TCK")
_ENV = "/usr/bin/env"
_CLEARED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)


class Process(Setting):
    """One process.

    Attributes:
        started: clock ticks between boot and its start (field 22 of ``/proc/<pid>/stat``).
        boot: the kernel's identifier of this boot.
    """

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Tell whether this very process runs; one that ended and was not reaped does not."""
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return self.boot == _boot() and _start_ticks(self.pid) == self.started

    def age(self) -> float:
        """Return for how many seconds it has been running."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / _TICKS

    def port(self) -> int | None:
        """Return the port that it listens on; the first of several."""
        with suppress(psutil.Error):
            for connection in psutil.Process(self.pid).net_connections("tcp4"):
                if connection.status == psutil.CONN_LISTEN:
                    return int(connection.laddr.port)
        return None

    def send(self, number: signal.Signals) -> None:
        """Signal it, if it still is this very process."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def ends(self, seconds: float) -> bool:
        """Wait for its end; tell whether it came in time."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def start(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> Process:
    """Start a process in its own session, with default signals, writing to `log` (0600).

    ``posix_spawn`` because it resets signals: a command started with ``&`` by a script ignores
    SIGINT, and Prefect, which turns SIGTERM into SIGINT, would inherit that and never stop.
    """
    output = append_private(log)
    before = os.umask(0o077)  # inherited: whatever the process writes is the owner's alone
    try:
        pid = os.posix_spawn(
            _ENV,
            [_ENV, f"--chdir={folder}", *command],
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigdef=_CLEARED,
            setsigmask=(),
        )
    finally:
        os.umask(before)
        os.close(output)
    return Process(pid=pid, started=_start_ticks(pid) or 0, boot=_boot())


def marked(mark: str) -> tuple[Process, ...]:
    """Return the processes that carry ``TRUSTWRIGHT_STACK=mark``, oldest first."""
    found = []
    for process, _ in _environments(mark):
        if ticks := _start_ticks(process.pid):
            found.append(Process(pid=process.pid, started=ticks, boot=_boot()))
    return tuple(sorted(found, key=lambda process: process.started))


def marked_values(mark: str, variable: str) -> tuple[str, ...]:
    """Return what `variable` says in the processes that carry the mark."""
    return tuple(text for _, names in _environments(mark) if (text := names.get(variable)))


def find(mark: str, remembered: Process | None) -> Process | None:
    """Return the remembered process, or else the session leader that carries the mark.

    The second way finds what was started by a command that died before it could write it down.
    """
    if remembered is not None and remembered.alive():
        return remembered
    return next((found for found in marked(mark) if _leads(found.pid)), None)


def stop(process: Process, *, grace: float) -> bool:
    """End a process: SIGTERM, up to `grace` seconds, then SIGKILL; tell whether it was running."""
    if not process.alive():
        return False
    process.send(signal.SIGTERM)
    process.send(signal.SIGCONT)  # one that was stopped would sleep through the other
    if not process.ends(grace):
        process.send(signal.SIGKILL)
        process.ends(grace)
    return True


def _environments(mark: str) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            names = process.environ()
            if names.get(MARK) == mark:
                yield process, names


def _leads(pid: int) -> bool:
    with suppress(ProcessLookupError):
        return os.getsid(pid) == pid
    return False


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_ticks(pid: int) -> int | None:
    """Return the start time of a process that runs, None when there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    return None if fields[0] in "ZX" else int(fields[19])
