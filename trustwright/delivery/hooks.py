"""Reload and check commands: run without a shell, for a limited time, with little to see."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trustwright.errors import Rejected

TAIL = 500
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = ("HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_WINDOW = 16
_STEP = 0.05
_GRACE = 5.0
_CHUNK = 65_536


@dataclass(frozen=True)
class Hook:
    """One command of a directory target.

    Attributes:
        rule: ``DLV-RELOAD`` or ``DLV-CHECK``.
        facts: variables that the command gets beside PATH, HOME and the session's own.
        secret: the delivered key; output that shows a part of it is withheld.
    """

    rule: str
    command: Sequence[str]
    timeout: int
    facts: Mapping[str, str]
    secret: bytes

    def run(self) -> None:
        """Run the command in a session of its own.

        Raises:
            Rejected: it cannot be started, fails, or does not end in time; then its whole process
                group is killed. The end of its output is in the message.
        """
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell; the estate file names it
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=self._environment(),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no command"
            raise self._failed(f"cannot be started: {reason}", b"") from None
        try:
            ended, output = _follow(process, time.monotonic() + self.timeout)
        finally:
            _end(process)
        if not ended:
            raise self._failed(f"did not end within {self.timeout} seconds", output)
        if process.returncode:
            raise self._failed(_ending(process.returncode), output)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {"PATH": _PATH, "LANG": "C.UTF-8", **kept, **self.facts}

    def _failed(self, how: str, output: bytes) -> Rejected:
        tail = tail_text(output, self.secret)
        said = f"; it said: {tail}" if tail else ""
        return Rejected(
            f"{self.command[0]} {how}{said}", rule=self.rule, hint="run it by hand on this machine"
        )


def _follow(process: subprocess.Popen[bytes], deadline: float) -> tuple[bool, bytes]:
    """Return whether the process ended in time, and the end of its output.

    The process counts, not its output: a daemon that it started may keep the pipe open for ever.
    """
    kept = b""
    if process.stdout is None:
        return False, kept
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector, process.stdout as stream:
        selector.register(stream, selectors.EVENT_READ)
        while process.poll() is None and (left := deadline - time.monotonic()) > 0:
            if not selector.get_map():
                _wait(process, left)
            elif selector.select(min(_STEP, left)):
                part = stream.read(_CHUNK)
                kept = (kept + (part or b""))[-_CHUNK:]
                if part == b"":
                    selector.unregister(stream)
        part = stream.read(_CHUNK)
        return process.poll() is not None, (kept + (part or b""))[-_CHUNK:]


def _wait(process: subprocess.Popen[bytes], left: float) -> None:
    try:
        process.wait(left)
    except subprocess.TimeoutExpired:
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group of a process that still runs. It is not reaped yet: the id is its.

    One that waits for a broken disk does not die at once: it is not waited for without end.
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        _wait(process, _GRACE)


def _ending(code: int) -> str:
    return f"ended with {code}" if code > 0 else f"was ended by signal {-code}"


def tail_text(output: bytes, secret: bytes) -> str:
    """Return the end of a command's output as one line, or a note when it shows key material."""
    text = output.decode("utf-8", "replace")
    squeezed = re.sub(r"\s", "", text)
    body = re.sub(r"-----[A-Z ]+-----|\s", "", secret.decode("ascii", "replace"))
    parts = {body[i : i + _WINDOW] for i in range(len(body) - _WINDOW + 1)}
    if "PRIVATEKEY" in squeezed or any(part in squeezed for part in parts):
        return "(withheld: it shows key material)"
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[-TAIL:]
