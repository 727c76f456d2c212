"""A whole installation, as a person has it: programs, stack, estate, offline root."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil

from demo.estate import write_estate
from demo.operator import OfflineOperator
from demo.programs import Demo
from demo.story import start
from trustwright.model.records import EnvironmentPhase
from trustwright.policy.phases import ORDER
from trustwright.prefect_api import PrefectApi, PrefectRuns
from trustwright.settings import Settings

PATIENCE = 120.0
T = TypeVar("T")


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: str, look: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Return the first true result of `look`, asked again and again."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {patience:g} s: {what}")


@dataclass
class Site:
    """One installation."""

    demo: Demo
    operator: OfflineOperator

    @property
    def home(self) -> Path:
        """Return the home of the online half."""
        return self.demo.home

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``trustwright`` as a person does."""
        done = subprocess.run(
            [Path(sys.executable).parent / "trustwright", *arguments],
            cwd=self.demo.folder,
            env=self.demo.environment(),
            text=True,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def ceremonies(self, environment: str) -> list[dict[str, Any]]:
        """Return an environment's ceremonies, oldest first."""
        rows = json.loads(self.run("ceremony", "list", "--all", "--json").stdout)
        return [row for row in rows if row["environment"] == environment]

    def ceremony(self, environment: str) -> dict[str, Any]:
        """Return the newest ceremony of an environment."""
        return self.ceremonies(environment)[-1]

    def request(self, environment: str) -> Path:
        """Export the pending request."""
        name = self.ceremony(environment)["id"][:12]
        return self.demo.folder / self.run("ceremony", "export", name).stdout.strip()

    def sign(self, environment: str) -> Path:
        """Have the pending request signed offline."""
        return self.operator.sign(self.request(environment))

    def row(self, statement: str, *values: str) -> tuple[Any, ...] | None:
        """Look into the store from outside."""
        # Not read-only: such a connection cannot lock the write-ahead log against its removal.
        with closing(sqlite3.connect(self.home / "store.db", timeout=20)) as store:
            found = store.execute(statement, values).fetchone()
            return tuple(found) if found else None

    def phase(self, environment: str) -> str:
        """Return the environment's phase, or an empty text."""
        found = self.row("select phase from environments where name = ?", environment)
        return str(found[0]) if found else ""

    def reached(self, environment: str, phase: EnvironmentPhase) -> bool:
        """Return whether the environment's phase is this one or lies after it."""
        found = self.phase(environment)
        return found in ORDER and ORDER.index(found) >= ORDER.index(phase)

    def holder(self, environment: str) -> str | None:
        """Return the run that holds an environment, if there is one."""
        found = self.row("select holder from environments where name = ?", environment)
        return str(found[0]) if found and found[0] else None

    def prefect(self) -> PrefectApi:
        """Return this site's Prefect."""
        settings = Settings.from_environment({"TRUSTWRIGHT_HOME": str(self.home)})
        return PrefectApi(settings.prefect_api, settings.prefect_auth)

    def crashed(self, environment: str) -> bool:
        """Return whether the run that holds an environment has ended, for Prefect."""
        holder = self.holder(environment)
        return holder is not None and not PrefectRuns(self.prefect()).alive(holder)

    def waits(self, environment: str) -> bool:
        """Return whether the environment's run is suspended at the gate."""
        done = self.run("bootstrap", environment, "--patience", "60")
        return "waits for the offline signature" in done.stdout

    def process(self, part: str) -> psutil.Process:
        """Return a part of the stack as a process."""
        state = json.loads((self.home / "stack.json").read_text())
        return psutil.Process(state["processes"][part]["pid"])

    def kill_part(self, part: str) -> None:
        """End a part of the stack like a power cut."""
        process = self.process(part)
        process.kill()
        process.wait(10)

    def flow_process(self, environment: str) -> psutil.Process | None:
        """Return the process of the run that holds an environment, if it is at work.

        Others may be at work beside it: a cancelled bootstrap starts the watch flow.
        """
        holder = self.holder(environment)
        for child in self.process("runner").children(recursive=True):
            try:
                if holder is not None and child.environ().get("PREFECT__FLOW_RUN_ID") == holder:
                    return child
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return None

    def kill_flow(self, environment: str) -> None:
        """End the process of the run that holds an environment with SIGKILL."""
        look = partial(self.flow_process, environment)
        process = eventually(f"the flow process of {environment}", look, 20)
        os.kill(process.pid, signal.SIGKILL)


@contextmanager
def installed(folder: Path, channels: dict[str, str] | None = None) -> Iterator[Site]:
    """Install a site below `folder`, and stop it in the end."""
    demo = Demo(folder=folder, began=time.monotonic(), channels=channels or {})
    demo.prepare_folder()
    try:
        start(demo, free_port(), free_port())
        operator = OfflineOperator(folder / "offline", demo)
        write_estate(demo, operator.make_root())
        yield Site(demo, operator)
    finally:
        demo.trustwright("down", check=False)
