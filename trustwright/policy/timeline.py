"""Time ahead in steps that a person thinks in: hours for leaves, months and years for issuers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_YEAR = 365 * _DAY

EDGES: tuple[tuple[str, timedelta], ...] = (
    ("now", timedelta()),
    ("1 h", _HOUR),
    ("3 h", 3 * _HOUR),
    ("6 h", 6 * _HOUR),
    ("12 h", 12 * _HOUR),
    ("1 d", _DAY),
    ("2 d", 2 * _DAY),
    ("3 d", 3 * _DAY),
    ("5 d", 5 * _DAY),
    ("7 d", 7 * _DAY),
    ("14 d", 14 * _DAY),
    ("30 d", 30 * _DAY),
    ("90 d", 90 * _DAY),
    ("180 d", 180 * _DAY),
    ("1 y", _YEAR),
    ("2 y", 2 * _YEAR),
    ("5 y", 5 * _YEAR),
    ("10 y", 10 * _YEAR),
    ("20 y", 20 * _YEAR),
)
"""Ends of the intervals in which certificates are counted. What ended before now is the first."""


def edges_from(now: datetime) -> tuple[datetime, ...]:
    """Return the edges as moments."""
    return tuple(now + after for _, after in EDGES)


@dataclass(frozen=True)
class Interval:
    """How much ends in one stretch of time.

    Attributes:
        label: like ``1 d to 2 d``.
        after, until: from now; None where it is open.
    """

    label: str
    after: timedelta | None
    until: timedelta | None
    number: int


def intervals(ending: Sequence[int]) -> list[Interval]:
    """Return the intervals that hold something; `ending` counts along `EDGES`."""
    names = [name for name, _ in EDGES]
    spans = [after for _, after in EDGES]
    found = []
    for place, number in enumerate(ending):
        first, last = place == 0, place == len(EDGES)
        label = (
            "ended"
            if first
            else f"{names[-1]} or more"
            if last
            else "{} to {}".format(*names[place - 1 : place + 1])
        )
        after, until = None if first else spans[place - 1], None if last else spans[place]
        if number:
            found.append(Interval(label, after, until, number))
    return found


def span(between: timedelta) -> str:
    """Return a length of time in the unit that a person would use, like ``3 d`` or ``14 min``."""
    seconds = int(abs(between).total_seconds())
    for size, unit, least in (
        (365 * 86_400, "y", 2),
        (86_400, "d", 2),
        (3600, "h", 2),
        (60, "min", 1),
    ):
        if seconds >= least * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def distance(moment: datetime, now: datetime) -> str:
    """Return ``in 3 d`` or ``3 d ago``."""
    text = span(moment - now)
    return f"in {text}" if moment > now else f"{text} ago"
