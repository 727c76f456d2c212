"""Processes, ports and scratch folders: every process started here is ended here, by its pid."""

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.ports import LOOPBACK, reserved_port
from tests.stacks.base import StackFailure

START_SECONDS = 30.0
RUN_SECONDS = 30.0
STOP_SECONDS = 5.0
NOTE_SECONDS = 10.0
LAG_SECONDS = 1.0
POLL_SECONDS = 0.01
ATTEMPTS = 5
TAKEN = re.compile(r"address already in use|EADDRINUSE|cannot bind socket", re.IGNORECASE)
PATH = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"]
)


@dataclass(frozen=True)
class Server:
    """A running server process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def words(self) -> str:
        """Everything that the process has said."""
        return self.log.read_text(errors="replace")

    def said(self, pattern: re.Pattern[str], seconds: float = NOTE_SECONDS) -> str:
        """The lines that match, waiting for one: a log lags behind the socket."""
        deadline = time.monotonic() + seconds
        while not (lines := matching(self.words(), pattern)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return lines


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    output: str
    errors: str

    @property
    def words(self) -> str:
        """Everything that it said."""
        return f"{self.errors}\n{self.output}"


def matching(words: str, pattern: re.Pattern[str]) -> str:
    """The lines that match, each once, as one line; empty if none does."""
    lines = (line.strip() for line in words.splitlines() if pattern.search(line))
    return " | ".join(dict.fromkeys(lines))


def missing(package: str, *binaries: str) -> str | None:
    """Name the package if one of its binaries is not there."""
    absent = [binary for binary in binaries if shutil.which(binary, path=PATH) is None]
    return f"Debian package {package} ({', '.join(absent)} not found)" if absent else None


def binary(name: str) -> str:
    """The full path of an installed binary; administrators' folders included."""
    path = shutil.which(name, path=PATH)
    if path is None:
        raise StackFailure(f"{name} is not installed")
    return path


@cache
def session_folder() -> Path:
    """A folder for what is made once per session; other users may pass through it.

    In ``/tmp``, because the folder that TMPDIR names may be closed to other users.
    """
    folder = Path(tempfile.mkdtemp(prefix="trustwright-stacks-", dir="/tmp"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A bare environment, so that no variable or dot file of the user takes part."""
    return {"PATH": PATH, "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC", **(extra or {})}


@contextmanager
def serving(
    command: Callable[[int], Sequence[str]],
    folder: Path,
    *,
    ready: re.Pattern[str] | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Server]:
    """Run the server whose command line is ``command(port)`` until the block is left.

    The server is ready when it accepts connections and, if asked for, has said ``ready``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = ""
    for _ in range(ATTEMPTS):
        with reserved_port() as port, started(command(port), port, folder, stop) as server:
            if becomes_ready(server, ready):
                yield server
                return
            said = f"{server.process.args!r} did not start: {tail(server.words())}"
        if not TAKEN.search(said):
            break
    raise StackFailure(said)


@contextmanager
def started(
    command: Sequence[str], port: int, folder: Path, stop: signal.Signals
) -> Iterator[Server]:
    """Start a process with its log in the folder; end it by its pid, whatever happens."""
    log = folder / "log"
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment(folder),
            )
    except OSError as error:
        raise StackFailure(f"{command[0]} cannot be started: {error}") from error
    try:
        yield Server(process, port, log)
    finally:
        end(process, stop)


def end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    """Ask, wait, then insist."""
    process.send_signal(stop)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def becomes_ready(server: Server, ready: re.Pattern[str] | None) -> bool:
    """Wait until the server listens and has said that it is ready; False if it ended or hangs."""
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        if listens(server.port) and (ready is None or ready.search(server.words())):
            return server.process.poll() is None
        time.sleep(POLL_SECONDS)
    return False


def listens(port: int) -> bool:
    """Whether a connection to the port is accepted."""
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


def run(
    command: Sequence[str],
    folder: Path,
    *,
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command to its end, in a bare environment plus the ``extra`` variables."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            cwd=folder,
            env=environment(folder, extra),
            timeout=RUN_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackFailure(f"{command[0]} did not run to its end: {error}") from error
    return Finished(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def tail(words: str) -> str:
    """The end of a long text, for an error message."""
    return words.strip()[-1500:] or "(it said nothing)"
