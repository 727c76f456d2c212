"""The machine that holds the root key: the base install, its own folder, no network."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.packaging.conftest import without_network

PASSPHRASE = "lantern orbit velvet cactus harbor pencil"
CLOSED = "http://127.0.0.1:1"
PROXIES = {f"{scheme}_proxy": CLOSED for scheme in ("http", "https", "ftp", "all")}
IMPORTED = re.compile(r"^import time:\s*\d+ \|\s*\d+ \|\s*(\S+)$")


@cache
def cut_off() -> tuple[str, ...]:
    """Return the command that runs another one in a network namespace with nothing in it.

    Empty where the kernel does not let us make one; then only proxies to a closed port are left.
    """
    unshare = shutil.which("unshare") or "unshare"
    for options in (("--net",), ("--net", "--user", "--map-root-user")):
        command = (unshare, *options, "--")
        try:
            subprocess.run([*command, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return command
    return ()


@dataclass
class OfflineMachine:
    """Runs what is installed in a virtual environment, without a network.

    Attributes:
        venv: the virtual environment.
        folder: where the person sits; the root's folder is ``root`` in it.
        imported: every module that a command loaded, by the command's name.
    """

    venv: Path
    folder: Path
    imported: dict[str, set[str]] = field(default_factory=dict)

    def root(self, *arguments: str, answers: Sequence[str] = ()) -> str:
        """Run a `trustwright-root` command that needs no passphrase; return what it prints."""
        return self._root(arguments, answers, passphrase_on=None)

    def unlock(self, *arguments: str, answers: Sequence[str] = ()) -> str:
        """Run one that does; the passphrase comes through a pipe."""
        readable, writable = os.pipe()
        try:
            os.write(writable, f"{PASSPHRASE}\n".encode())
            os.close(writable)
            return self._root(
                (*arguments, "--passphrase-fd", str(readable)), answers, passphrase_on=readable
            )
        finally:
            os.close(readable)

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python code, away from any checkout."""
        return self._run([self.venv / "bin/python", "-I", "-c", code])

    def _root(
        self, arguments: Sequence[str], answers: Sequence[str], passphrase_on: int | None
    ) -> str:
        done = self._run(
            [self.venv / "bin/trustwright-root", *arguments],
            said="".join(f"{answer}\n" for answer in answers),
            kept_open=() if passphrase_on is None else (passphrase_on,),
        )
        lines = done.stderr.splitlines()
        if done.returncode:
            spoken = [line for line in lines if not IMPORTED.match(line)]
            pytest.fail(f"{arguments}: exit {done.returncode}\n" + "\n".join(spoken))
        names = {match[1] for line in lines if (match := IMPORTED.match(line))}
        self.imported.setdefault(arguments[0], set()).update(names)
        return done.stdout

    def _run(
        self, command: Sequence[str | Path], *, said: str = "", kept_open: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*cut_off(), *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
            input=said,
            pass_fds=kept_open,
            env=without_network() | PROXIES | {"PYTHONPROFILEIMPORTTIME": "1"},
        )
