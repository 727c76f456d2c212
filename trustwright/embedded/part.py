"""A part of the stack: one process, how it is started and how one knows that it works."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustwright.embedded import process
from trustwright.embedded.folder import empty_folder
from trustwright.embedded.process import MARK, Process
from trustwright.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LOOPBACK = "127.0.0.1"
TAIL_LINES = 6
LINE_LENGTH = 300
TAIL_BYTES = 65_536
LOG_LIMIT = 10_000_000


@dataclass(frozen=True)
class Part:
    """What `trustwright.embedded.stack` has to know of a process.

    Attributes:
        name: key in ``stack.json`` and name of the log.
        title: what people call it.
        mark: value of ``TRUSTWRIGHT_STACK`` in its environment and its children's.
        prepare: writes what the process reads; called before every start.
        needs: names of the parts that have to work before this one is started.
        port: on 127.0.0.1; None when it listens nowhere.
        option: command line option that chooses the port.
        scratch: its ``TMPDIR``; what an earlier start left there is removed at the next one.
        ready: asks the part itself whether it works.
        explain: what to do about it, given the last lines of its log.
        deadline: seconds that it may take to become ready.
        grace: seconds between SIGTERM and SIGKILL.
    """

    name: str
    title: str
    command: Callable[[], tuple[str, ...]]
    environment: Callable[[], Mapping[str, str]]
    mark: str
    folder: Path
    log: Path
    scratch: Path
    ready: Callable[[Process], bool]
    address: str = ""
    link: str = ""
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] = lambda: None
    port: int | None = None
    option: str = ""
    explain: Callable[[str], str] = lambda _words: ""
    deadline: float = 120.0
    grace: float = 20.0

    def start(self) -> Process:
        """Start it; its log begins anew when it has grown too long."""
        environment = self.enter()
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        return process.start(
            self.command(),
            environment=environment,
            folder=self.folder,
            log=self.log,
        )

    def enter(self) -> dict[str, str]:
        """Return its environment, with its folder for temporary files empty.

        Raises:
            ConfigurationError: the folder cannot be used.
        """
        if not process.marked(self.mark):  # a run may have outlived its runner
            empty_folder(self.scratch)
        return {**self.environment(), MARK: self.mark, "TMPDIR": str(self.scratch)}

    def refuse_taken_port(self) -> None:
        """Raise ConfigurationError if the port is not free."""
        if self.port is None:
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, self.port))
            except OSError as error:
                raise ConfigurationError(
                    f"port {self.port} of {LOOPBACK} cannot be used for {self.title}: "
                    f"{error.strerror}",
                    rule="STACK-PORT",
                    hint=f"free it, or choose another: trustwright up {self.option} NUMBER",
                ) from error

    def stop(self, found: Process | None) -> bool:
        """End the process and whatever it has left behind; tell whether it was running."""
        stopped = found is not None and process.stop(found, grace=self.grace)
        for orphan in process.marked(self.mark):
            process.stop(orphan, grace=self.grace)
        return stopped

    def silence(self, found: Process) -> Unavailable:
        """Return the error that says that it runs, has answered before, and does so no more."""
        return Unavailable(
            f"{self.title} runs (process {found.pid}) and does not answer",
            rule="STACK-SILENT",
            hint=f"run: trustwright down; then: trustwright up. Its log: {self.log}",
        )

    def failure(self, what: str, log_offset: int) -> Unavailable:
        """Return the error that says what happened, with what the log says since `log_offset`."""
        words = tail(self.log, log_offset)
        return Unavailable(
            f"{self.title} {what}; its last words: {words or '(none)'}",
            rule="STACK-START",
            hint=self.explain(words) or f"read {self.log}",
        )


def log_size(path: Path) -> int:
    """Return where the next line will stand."""
    return path.stat().st_size if path.exists() else 0


def tail(path: Path, offset: int) -> str:
    """Return the last lines written after `offset`, as one."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(offset, path.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    words = [line.strip()[:LINE_LENGTH] for line in lines if line.strip()]
    return " | ".join(words[-TAIL_LINES:])


def bare_environment() -> dict[str, str]:
    """Return an environment in which no variable of the caller steers a server."""
    kept = ("PATH", "HOME", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH")
    return {
        "LC_ALL": "C.UTF-8",
        "PYTHONSAFEPATH": "1",  # `python -m` must not import from wherever the caller stands
        **{name: os.environ[name] for name in kept if name in os.environ},
    }
