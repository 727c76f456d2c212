"""The folder that holds one machine's stack, and how files in it are written.

::

    <home>/                      0700
      stack.json  stack.lock
      identities/provisioner.key   logs into OpenBao and prepares environments
      logs/openbao.log  prefect.log  runner.log
      openbao/   configuration, seal.key, ca.pem, listener.*, audit.log, data/
      prefect/   PREFECT_HOME: database, UI files, password
      tmp/       TMPDIR of each part: in /tmp they would meet other accounts' files
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trustwright.errors import ConfigurationError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
BEFORE_UP = frozenset(
    {
        *("estate.yaml", "root.pem", "identities", "ceremonies"),
        *("store.db", "store.db-wal", "store.db-shm"),
        "lost+found",  # of a file system that is mounted here
    }
)
"""What a home may hold before anything was started in it."""


@dataclass(frozen=True)
class Folder:
    """The paths below one home."""

    home: Path

    @property
    def mark(self) -> str:
        """What processes of this home carry in their environment: the folder itself, not its name.

        Nothing has to be remembered for it, so a lost ``stack.json`` loses no process.
        """
        try:
            facts = self.home.stat()
        except FileNotFoundError:
            return "nowhere"
        return f"{facts.st_dev:x}-{facts.st_ino:x}"

    @property
    def state(self) -> Path:
        """What runs, and where."""
        return self.home / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by ``up`` and ``down``; it stays, and marks the folder as a home."""
        return self.home / "stack.lock"

    @property
    def identities(self) -> Path:
        """Keys with which this machine logs into OpenBao."""
        return self.home / "identities"

    @property
    def openbao(self) -> Path:
        """Configuration and data of OpenBao."""
        return self.home / "openbao"

    @property
    def prefect(self) -> Path:
        """Configuration and data of Prefect."""
        return self.home / "prefect"

    @property
    def password(self) -> Path:
        """``user:password`` of Prefect's API and pages."""
        return self.prefect / "auth"

    def log(self, part: str) -> Path:
        """Return where a part's output goes."""
        return self.home / "logs" / f"{part}.log"

    def scratch(self, part: str) -> Path:
        """Return where a part's temporary files go."""
        return self.home / "tmp" / part

    def refuse_foreign(self) -> None:
        """Refuse a folder with other things in it: making it a home would lock others out of them.

        Raises:
            ConfigurationError: no stack was ever started there, and something of which we know
                nothing lies in it (rule ``STACK-HOME``).
        """
        if not self.home.is_dir() or self.state.exists() or self.lock.exists():
            return
        others = sorted(path.name for path in self.home.iterdir() if path.name not in BEFORE_UP)
        if others:
            raise ConfigurationError(
                f"the folder holds other things ({others[0]})",
                rule="STACK-HOME",
                hint="name a new or an empty one: trustwright --home DIR, or TRUSTWRIGHT_HOME",
                where=str(self.home),
            )

    def create(self) -> None:
        """Make every folder.

        Raises:
            ConfigurationError: one cannot be made, belongs to somebody else or holds other things.
        """
        self.refuse_foreign()
        below = (self.identities, self.openbao, self.prefect, self.home / "logs", self.home / "tmp")
        private_folder(self.home)
        os.close(append_private(self.lock))  # whatever dies from here on leaves a home
        for path in below:
            private_folder(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home against a second ``up`` or ``down``.

        Raises:
            ConflictError: another one is at work.
        """
        with os.fdopen(append_private(self.lock), "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    f"another 'trustwright up' or 'down' works on {self.home}",
                    rule="STACK-LOCK",
                    hint="wait until it ends, then try again",
                ) from None
            yield


def private_folder(path: Path) -> None:
    """Make a folder that its owner alone may pass.

    Raises:
        ConfigurationError: it cannot be made, or belongs to somebody else (rule ``STACK-HOME``).
    """
    try:
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        if path.stat().st_uid != os.geteuid():
            raise _unusable(path, "it belongs to another account")
        path.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise _unusable(path, error.strerror) from error


def _unusable(path: Path, reason: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"the folder cannot be used: {reason}",
        rule="STACK-HOME",
        hint="name one that belongs to you: trustwright --home DIR, or TRUSTWRIGHT_HOME",
        where=str(path),
    )


def empty_folder(path: Path) -> None:
    """Make a private folder with nothing in it.

    Raises:
        ConfigurationError: it cannot be made, or belongs to somebody else (rule ``STACK-HOME``).
    """
    private_folder(path)
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def write_private(path: Path, data: bytes) -> None:
    """Write `data` in one step, readable by the owner alone; a crash leaves the old file."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the secret in `path`, made with `make` the first time.

    Raises:
        ConfigurationError: others may read the file (rule ``STACK-SECRET``).
    """
    if not path.exists():
        write_private(path, make())
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"{path} can be read by others",
            rule="STACK-SECRET",
            hint=f"if nobody has read it: chmod 600 {path}",
        )
    return path.read_bytes()


def append_private(path: Path) -> int:
    """Return a file descriptor that appends to `path`, readable by the owner alone."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
