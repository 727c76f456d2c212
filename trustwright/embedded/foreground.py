"""One part as this very process, for a service manager that starts, watches and ends it.

It is prepared and told what ``trustwright up`` would tell it, and carries the same mark: `status`
sees it, and nothing of its environment stands in a unit.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NoReturn

from trustwright.embedded.process import find
from trustwright.errors import ConflictError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustwright.embedded.part import Part

POLL_SECONDS = 0.2


def become(part: Part, needs: Sequence[Part]) -> NoReturn:
    """Turn this process into the part; its words go where this one's go.

    Args:
        part: what is run.
        needs: parts that have to answer first; somebody else starts them.

    Raises:
        ConfigurationError: its port is taken, or a file is missing or unusable.
        ConflictError: it runs already (rule ``STACK-RUNS``).
        Unavailable: one that it needs does not answer in time.
    """
    found = find(part.mark, None)
    if found is not None:
        raise ConflictError(
            f"{part.title} runs already (process {found.pid})",
            rule="STACK-RUNS",
            hint="end it where it was started: 'trustwright down', or the service manager",
        )
    part.refuse_taken_port()
    for each in needs:
        _await(each)
    part.prepare()
    environment = part.enter()
    command = part.command()
    os.chdir(part.folder)
    os.umask(0o077)
    os.execve(command[0], command, environment)  # noqa: S606 - the part's own program, no shell


def _await(part: Part) -> None:
    end = time.monotonic() + part.deadline
    while (process := find(part.mark, None)) is None or not part.ready(process):
        if time.monotonic() > end:
            raise Unavailable(
                f"{part.title} does not answer after {part.deadline:g} s", rule="STACK-START"
            )
        time.sleep(POLL_SECONDS)
