"""What other processes do to a store; run by spawn, so everything is imported anew."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from trustwright.errors import ConflictError
from trustwright.model.records import AuditRecord
from trustwright.store import migrate, open_records

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier


def migrate_together(url: str, start: Barrier, done: Queue[object]) -> None:
    """Migrate at the same moment as the others; put whether it changed anything, or the error."""
    start.wait(60)
    try:
        done.put(migrate(url))
    except Exception as error:  # noqa: BLE001 - the parent compares what came
        done.put(repr(error))


def compete(url: str, rounds: int, turn: Barrier, done: Queue[object]) -> None:
    """Replace the same version as the others, round by round; put the rounds that were won."""
    won = []
    with open_records(url) as records:
        for number in range(rounds):
            row = records.environments.get("prod")
            turn.wait(60)
            try:
                assert row is not None
                records.environments.replace(row, holder="me")
                won.append(number)
            except ConflictError:
                pass
            turn.wait(60)
    done.put(won)


def write_for_ever(url: str) -> None:
    """Insert lines and say each key after its insert returned, until killed."""
    with open_records(url) as records:
        for number in count():
            key = f"{number:08}"
            records.audit.insert(_line(key))
            print(key, flush=True)  # noqa: T201 - the parent reads it


def _line(key: str) -> AuditRecord:
    return AuditRecord(
        id=key,
        at=datetime(2026, 11, 23, tzinfo=UTC),
        event="e",
        environment="prod",
        subject="s",
        actor="a",
    )


if __name__ == "__main__":
    write_for_ever(sys.stdin.readline().strip())
