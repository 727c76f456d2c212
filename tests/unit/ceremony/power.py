"""Runs the real command line and cuts the power at a chosen boundary: a program for tests.

Reads one JSON task a line, forks, runs ``trustwright-root`` with the task's arguments in the child
and answers with what became of it. In the child, and nowhere else, the calls of `os` that touch a
file below ``watched`` are counted; before call number ``cut`` the child kills itself:

* ``kept``: everything that was written so far survives, synced or not;
* ``lost``: whatever was not synced is gone: octets, and renames whose folder was not synced;
* ``torn``: call ``cut`` is a write, and half of it survives.

Two more modes kill nobody. The disk fails, and the program must live with it:

* ``full``: call ``cut`` and every later one that needs room fails with ENOSPC;
* ``half``: call ``cut`` is a write, half of it is written, and from then on the disk is full;
* ``once``: call ``cut`` fails with EIO and nothing else does;
* ``short``: call ``cut`` is a write that writes half, and nothing fails.

A child that lives to its end leaves the names of the calls that it passed.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustwright.cli.root_crl
import trustwright.cli.root_recover
import trustwright.cli.root_sign
from trustwright.cli.root import root
from trustwright.cli.terminal import exit_code

_ = (trustwright.cli.root_crl, trustwright.cli.root_recover, trustwright.cli.root_sign)


class Power:
    """Counts boundaries and goes off at one of them."""

    def __init__(self, watched: Path, cut: int, mode: str) -> None:
        self.watched, self.cut, self.mode = watched, cut, mode
        self.passed: list[str] = []
        self.real: dict[str, Callable[..., Any]] = {}
        self.synced: dict[str, int] = {}
        self.renamed: list[tuple[str, bytes | None, str, bytes]] = []

    def install(self) -> None:
        """Put the counters in place of the calls."""
        wrappers = {
            "write": self._write,
            "fsync": self._fsync,
            "ftruncate": self._ftruncate,
            "replace": self._replace,
            "rename": self._replace,
            "unlink": self._unlink,
        }
        for name, wrapper in wrappers.items():
            self.real[name] = getattr(os, name)
            setattr(os, name, wrapper)

    def _write(self, descriptor: int, data: Any) -> int:
        path = self._watched(descriptor)
        if path is None:
            return int(self.real["write"](descriptor, data))
        size = os.fstat(descriptor).st_size
        self.synced.setdefault(path, size)
        if self._due() and self.mode in {"torn", "half", "short"}:
            self.passed.append("write")
            written = self.real["write"](descriptor, bytes(data)[: max(1, len(data) // 2)])
            if self.mode == "torn":
                self._off()
            return int(written)
        self._pass("write")
        return int(self.real["write"](descriptor, data))

    def _fsync(self, descriptor: int) -> None:
        path = self._watched(descriptor)
        if path is not None:
            self._pass("fsync")
        self.real["fsync"](descriptor)
        if path is None:
            return
        self.synced.pop(path, None)
        self.renamed = [each for each in self.renamed if str(Path(each[2]).parent) != path]

    def _ftruncate(self, descriptor: int, size: int) -> None:
        if self._watched(descriptor) is not None:
            self._pass("truncate")
        self.real["ftruncate"](descriptor, size)

    def _replace(self, source: Any, target: Any) -> None:
        if str(source).startswith(str(self.watched)):
            self._pass("replace")
        if str(source).startswith(str(self.watched)) and Path(source).is_file():
            old = Path(target).read_bytes() if Path(target).is_file() else None
            new = Path(source).read_bytes()
            self.renamed.append((str(source), old, str(target), new))
        self.real["replace"](source, target)

    def _unlink(self, path: Any, **given: Any) -> None:
        if str(path).startswith(str(self.watched)) and os.path.lexists(path):
            self._pass("unlink")
        self.real["unlink"](path, **given)

    def _watched(self, descriptor: int) -> str | None:
        mode = os.fstat(descriptor).st_mode
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        counts = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        return path if counts and path.startswith(str(self.watched)) else None

    def _due(self) -> bool:
        return len(self.passed) + 1 == self.cut

    def _pass(self, name: str) -> None:
        self.passed.append(name)
        reached = 0 < self.cut <= len(self.passed)
        if self.mode in {"full", "half"} and reached and name in {"write", "fsync", "replace"}:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.mode == "once" and len(self.passed) == self.cut:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.mode in {"kept", "lost", "torn"} and len(self.passed) == self.cut:
            self._off()

    def _off(self) -> None:
        if self.mode == "lost":
            for path, size in self.synced.items():
                os.truncate(path, size)
            for source, old, target, new in reversed(self.renamed):
                Path(source).write_bytes(new)
                if old is None:
                    self.real["unlink"](target)
                else:
                    Path(target).write_bytes(old)
        os.kill(os.getpid(), signal.SIGKILL)


def run(task: dict[str, Any]) -> int:
    """Run one command line in this process; return its exit code."""
    for number, name in ((0, os.devnull), (1, task["stdout"]), (2, task["stderr"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    power = Power(Path(task["watched"]), task["cut"], task["mode"])
    power.install()
    code = exit_code(root, "trustwright-root", task["args"])
    power.cut = 0
    Path(task["passed"]).write_text(json.dumps(power.passed))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve() -> None:
    """Answer tasks until standard input ends."""
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            ended = 70
            try:
                ended = run(task)
            finally:
                os._exit(ended)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        code = None if killed else os.waitstatus_to_exitcode(status)
        print(json.dumps({"killed": killed, "code": code}), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    serve()
