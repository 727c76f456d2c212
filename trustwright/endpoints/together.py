"""Many endpoints at the same time: one that is dead holds up nobody else."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from trustwright.errors import TrustwrightError, Unavailable
from trustwright.ports import POSTPONED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustwright.ports import Look, Presented

AT_ONCE = 16
SECONDS = 60.0
"""For all of them. What was not looked at by then waits for the next time."""


def looked_at(
    looks: Sequence[Look],
    presented: Callable[[str, str], Presented],
    at_once: int = AT_ONCE,
    seconds: float = SECONDS,
) -> list[Presented | TrustwrightError]:
    """Return what each endpoint presented or why nothing is known, in the order of `looks`."""
    found: list[Presented | TrustwrightError] = [_postponed(each) for each in looks]
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for place in range(len(looks)):
        waiting.put(place)
    deadline = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < deadline:
            try:
                place = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                found[place] = presented(looks[place].probe, looks[place].server_name)
            except TrustwrightError as error:
                found[place] = error

    # Daemons: a resolver that hangs holds up neither the result nor the end of the process.
    workers = [
        threading.Thread(target=work, name=f"probe-{number}", daemon=True)
        for number in range(min(at_once, len(looks)))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(deadline - time.monotonic(), 0))
    return list(found)


def _postponed(look: Look) -> Unavailable:
    return Unavailable(
        f"{look.probe} was not looked at in time",
        rule=POSTPONED,
        hint="the next sweep looks again",
        where=look.probe,
    )
