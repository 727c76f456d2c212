"""Running our two programs as separate processes, and speaking to the person who watches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

BIN = Path(sys.executable).parent
MARK = "made-by-the-trustwright-demo"


class DemoFailure(Exception):
    """A step did not do what it should; the message says which."""


@dataclass(frozen=True)
class Demo:
    """One run of the demo.

    Attributes:
        folder: everything is written below it.
        began: monotonic seconds at the start.
        channels: notification channels, name → apprise URL; an estate without any is silent.
    """

    folder: Path
    began: float
    channels: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Return the state folder of the online half."""
        return self.folder / "home"

    @property
    def estate(self) -> Path:
        """Return the estate file."""
        return self.folder / "estate" / "estate.yaml"

    @property
    def password(self) -> Path:
        """Return the file with the login of the Prefect UI."""
        return self.home / "prefect" / "auth"

    def say(self, line: str) -> None:
        """Print one line with the seconds since the start."""
        print(f"{time.monotonic() - self.began:5.1f}s  {line}", flush=True)

    def shown(self, path: Path) -> str:
        """Return a path as the person would type it."""
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

    def prepare_folder(self) -> None:
        """Empty the folder of an earlier demo, after stopping what it left running.

        Raises:
            DemoFailure: the folder holds something that no demo made, or cannot be emptied.
        """
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / MARK).exists():
                message = f"{self.folder} holds other things; name another with --folder"
                raise DemoFailure(message)
            self.trustwright("down")  # or the files of what runs would go
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / MARK).touch()

    def trustwright(self, *arguments: str, check: bool = True) -> str:
        """Run ``trustwright`` with this demo's home and estate; return what it printed."""
        return self._run("trustwright", *arguments, cwd=self.folder, check=check)

    def root(self, *arguments: str, cwd: Path, passphrase: str, stdin: str = "") -> str:
        """Run ``trustwright-root`` in its own folder, with the passphrase on a descriptor."""
        read, write = os.pipe()
        os.write(write, passphrase.encode() + b"\n")
        os.close(write)
        try:
            return self._run(
                "trustwright-root",
                *arguments,
                "--passphrase-fd",
                str(read),
                cwd=cwd,
                check=True,
                stdin=stdin,
                pass_fds=(read,),
            )
        finally:
            os.close(read)

    def run_root_public(self, *arguments: str, cwd: Path) -> str:
        """Run a ``trustwright-root`` command that needs no passphrase."""
        return self._run("trustwright-root", *arguments, cwd=cwd, check=True)

    def _run(
        self,
        program: str,
        *arguments: str,
        cwd: Path,
        check: bool,
        stdin: str = "",
        pass_fds: tuple[int, ...] = (),
    ) -> str:
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=cwd,
            env=self.environment(),
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            pass_fds=pass_fds,
        )
        if check and done.returncode != 0:
            message = (
                f"{program} {' '.join(arguments)} ended with {done.returncode}: "
                f"{(done.stderr or done.stdout).strip()}"
            )
            raise DemoFailure(message)
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Return the environment of both programs: this demo's home and estate."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PREFECT_", "TRUSTWRIGHT_", "VAULT_", "BAO_"))
        }
        named = {f"TRUSTWRIGHT_NOTIFY_{name.upper()}": url for name, url in self.channels.items()}
        return (
            kept
            | named
            | {
                "TRUSTWRIGHT_HOME": str(self.home),
                "TRUSTWRIGHT_ESTATE": str(self.estate),
            }
        )

    def runs(self) -> bool:
        """Return whether any part of the stack runs, or may run: `status` does not say."""
        shown = self.trustwright("status", "--json", check=False)
        return not shown or any(
            part["condition"] != "stopped" for part in json.loads(shown)["parts"]
        )

    def ui(self) -> str:
        """Return the address of the Prefect UI."""
        return str(json.loads((self.home / "stack.json").read_text())["prefect_ui"])
