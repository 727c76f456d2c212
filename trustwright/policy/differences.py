"""Two sorted streams side by side: what only one of them has."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from trustwright.errors import VerificationError
from trustwright.ports import Recorded


def differences(listed: Iterable[str], recorded: Iterable[Recorded]) -> Iterator[str | Recorded]:
    """Yield serials that only the server lists, and rows that only the inventory has.

    A merge: of each stream one item is held, and the rows of one serial.

    Args:
        listed: the server's serials, ascending; each once.
        recorded: the inventory's rows, ascending by serial; two issuers may have used one.

    Raises:
        VerificationError: a stream is out of order (rule ``LIST-ORDER``): nothing can be concluded
            from what it lacks.
    """
    left = ((serial, None) for serial in _ascending(listed))
    merged = heapq.merge(left, _by_serial(recorded), key=itemgetter(0))
    for serial, group in groupby(merged, key=itemgetter(0)):
        rows = [row for _, row in group]
        if None not in rows:
            yield from (row for row in rows if row is not None)
        elif rows == [None]:
            yield serial


def _ascending(serials: Iterable[str]) -> Iterator[str]:
    last = ""
    for serial in serials:
        if serial <= last:
            raise _unordered("Vault's list", serial)
        yield serial
        last = serial


def _by_serial(rows: Iterable[Recorded]) -> Iterator[tuple[str, Recorded]]:
    last = ""
    for row in rows:
        if row.serial < last:
            raise _unordered("the inventory", row.serial)
        yield row.serial, row
        last = row.serial


def _unordered(whose: str, serial: str) -> VerificationError:
    return VerificationError(
        f"{whose} is out of order at {serial}",
        rule="LIST-ORDER",
        hint="nothing was concluded from it; look at the server, or at the database's collation",
    )
