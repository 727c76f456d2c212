"""Waiting for parts that were started side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trustwright.embedded.part import log_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustwright.embedded.part import Part
    from trustwright.embedded.process import Process

POLL_SECONDS = 0.05
SILENCE = 10.0
"""Seconds that a part which has answered before may leave a question open."""


class Starting:
    """The parts of one ``up``: while one is awaited, the end of any other is noticed, too.

    Args:
        parts: all of them.
        running: processes by part; the caller adds those that it starts.
    """

    def __init__(self, parts: Sequence[Part], running: Mapping[str, Process]) -> None:
        self._parts = {part.name: part for part in parts}
        self._running = running
        self._offsets = {part.name: log_size(part.log) for part in parts}

    def refuse_silent(self, names: Sequence[str]) -> None:
        """Refuse parts that run, have answered before, and do not now.

        Raises:
            Unavailable: one of them gives no answer (rule ``STACK-SILENT``).
        """
        for name in names:
            part, process = self._parts[name], self._running[name]
            end = time.monotonic() + SILENCE
            while not part.ready(process):
                self._refuse_ended()
                if time.monotonic() > end:
                    raise part.silence(process)
                time.sleep(POLL_SECONDS)

    def await_ready(self, names: Sequence[str]) -> None:
        """Return when these parts work.

        Raises:
            Unavailable: a part ended or did not come in time; the message ends with its last words.
        """
        for name in names:
            part = self._parts[name]
            end = time.monotonic() + part.deadline
            while not part.ready(self._running[name]):
                self._refuse_ended()
                if time.monotonic() > end:
                    what = f"does not answer after {part.deadline:g} s"
                    raise part.failure(what, self._offsets[name])
                time.sleep(POLL_SECONDS)

    def _refuse_ended(self) -> None:
        for name, process in self._running.items():
            if not process.alive():
                raise self._parts[name].failure("ended while starting", self._offsets[name])
