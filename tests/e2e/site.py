"""A whole installation, as a person has it: programs, stack, estate, offline root."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from demo.estate import write_estate
from demo.operator import OfflineOperator
from demo.programs import Demo
from demo.story import start
from tests.ports import free_port
from tests.prefect.server import importable
from trustwright.embedded.stack import Stack
from trustwright.prefect_api import PrefectApi, PrefectRuns
from trustwright.settings import Settings

PATIENCE = 120.0
T = TypeVar("T")


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

    def change_environment(self, environment: str, **changes: object) -> None:
        """Write other values for an environment into the estate file."""
        estate = json.loads(self.demo.estate.read_text())
        estate["environments"][environment].update(changes)
        self.demo.estate.write_text(json.dumps(estate))

    def drop_consumer(self, environment: str, name: str) -> None:
        """Take a consumer out of the estate file."""
        estate = json.loads(self.demo.estate.read_text())
        estate["consumers"] = [
            each
            for each in estate["consumers"]
            if (each["environment"], each["name"]) != (environment, name)
        ]
        self.demo.estate.write_text(json.dumps(estate))

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
        done = self.run("bootstrap", environment, "--patience", "60", check=False)
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

    def serve_instead(self, module: str) -> None:
        """Have the runner serve another module than ``deployments.serve``."""
        self.kill_part("runner")
        with importable(), pytest.MonkeyPatch.context() as patch:
            for name, text in self.demo.environment().items():
                patch.setenv(name, text)
            Stack(self.home, module=module).up()


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
