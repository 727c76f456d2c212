"""A program on a terminal of its own: what a person sees and types."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

_STEP = 0.05


class Session:
    """Starts a program on a new terminal, which is also its controlling one."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, seconds: float = 30
    ) -> None:
        self.command, self.environment = list(command), dict(environment)
        self.deadline = time.monotonic() + seconds
        self.seen = ""
        self._position = 0
        self._process = -1
        self._terminal = -1

    def __enter__(self) -> Self:
        """Start the program."""
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            try:
                # A job in the background of a shell ignores it, and so would its children.
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                os.execve(self.command[0], self.command, self.environment)  # noqa: S606 - our own program
            finally:
                os._exit(127)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the program, if it still runs."""
        if self._process > 0:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._terminal)

    def expect(self, text: str) -> str:
        """Wait until `text` appears; return what came before it."""
        while text not in self.seen[self._position :]:
            assert self._read(), f"{text!r} did not appear in:\n{self.seen}"
        end = self.seen.index(text, self._position)
        before = self.seen[self._position : end]
        self._position = end + len(text)
        return before

    def first_of(self, *texts: str) -> tuple[str, str]:
        """Wait until one of these appears; return it and what came before it."""
        while not any(text in self.seen[self._position :] for text in texts):
            assert self._read(), f"none of {texts!r} appeared in:\n{self.seen}"
        rest = self.seen[self._position :]
        found = min((text for text in texts if text in rest), key=rest.index)
        return found, self.expect(found)

    def type(self, line: str) -> None:
        """Type a line."""
        self.send(f"{line}\n".encode())

    def send(self, octets: bytes) -> None:
        """Send octets as a keyboard does."""
        os.write(self._terminal, octets)

    def end(self) -> int:
        """Wait until the program ends; return its exit code."""
        while self._read():
            pass
        _, status = os.waitpid(self._process, 0)
        self._process = -1
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        while time.monotonic() < self.deadline:
            ready, _, _ = select.select([self._terminal], [], [], _STEP)
            if not ready:
                continue
            try:
                data = os.read(self._terminal, 65_536)
            except OSError:  # the other side of the terminal was closed
                return False
            self.seen += data.decode(errors="replace").replace("\r\n", "\n")
            return bool(data)
        raise AssertionError(f"{sys.argv[0]}: {self.command} is still running:\n{self.seen}")
