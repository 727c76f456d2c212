"""Findings in the record: opened, refreshed, closed, and told of once each.

The row is written first, then the event goes out, then people are told, then the row says so: a
crash in between tells twice rather than never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from trustwright.errors import ConflictError
from trustwright.lifecycle.journal import is_heard
from trustwright.model.sweep import FindingRecord
from trustwright.policy.finding_notices import finding_event, notices_of, rank
from trustwright.policy.findings import Finding, Seen
from trustwright.ports import Ports

UNTOLD = timedelta(minutes=1)
"""A row that was written and not told of for so long was left by a sweep that died."""

_NEWS = {"told": None, "emitted": None}


@dataclass(frozen=True)
class Settled:
    """What a settling changed: findings that are new or worse, and those that are gone."""

    opened: tuple[FindingRecord, ...] = ()
    closed: tuple[FindingRecord, ...] = ()


def settle_findings(ports: Ports, environment: str, looks: Iterable[Seen]) -> Settled:
    """Bring the record to what was seen, and tell of what is new, worse or gone.

    A finding is closed only by a look that looked for its kind and at its subject. Two sweeps at
    once write each change once: whoever loses a compare-and-swap leaves the telling to the other.

    Args:
        ports: everything.
        environment: that was looked at; empty for what concerns all, like the root.
        looks: what was seen; a finding of another environment is not looked at.
    """
    left = {row.id for row in _left_untold(ports, environment)}
    changed = [row for look in looks for row in _changes(ports, environment, look)]
    # As they are now: what was left untold may have been refreshed, or be gone.
    found = (ports.records.findings.get(key) for key in sorted(left | {row.id for row in changed}))
    _tell(ports, environment, [row for row in found if row is not None])
    return Settled(
        tuple(row for row in changed if row.state == "open"),
        tuple(row for row in changed if row.state == "closed"),
    )


def _left_untold(ports: Ports, environment: str) -> Iterator[FindingRecord]:
    latest = ports.clock.now() - UNTOLD
    for column in _NEWS:
        for row in ports.records.findings.find(environment=environment, **{column: None}):
            if (row.closed or row.seen) <= latest:
                yield row


def _changes(ports: Ports, environment: str, look: Seen) -> Iterator[FindingRecord]:
    """Write what one look saw; yield the rows of which there is something to tell."""
    found = {each.id: each for each in look.found if each.environment == environment}
    for each in found.values():
        with suppress(ConflictError):
            yield from _opened(ports, each)
    for row in _open(ports, environment, look.kinds):
        if row.id not in found and look.saw(row.kind, row.subject):
            with suppress(ConflictError):
                now = ports.clock.now()
                yield ports.records.findings.replace(row, state="closed", closed=now, **_NEWS)


def _open(ports: Ports, environment: str, kinds: Iterable[str]) -> list[FindingRecord]:
    rows = ports.records.findings
    return [
        row
        for kind in sorted(kinds)
        for row in rows.find(state="open", kind=kind, environment=environment)
    ]


def _opened(ports: Ports, found: Finding) -> Iterator[FindingRecord]:
    rows, now = ports.records.findings, ports.clock.now()
    row = rows.get(found.id)
    says = {
        "severity": found.severity,
        "summary": found.summary[:2000],
        "remedy": found.remedy,
        "due": found.due,
    }
    if row is None:
        yield rows.insert(_first(found, summary=found.summary[:2000], ports=ports))
    elif row.state == "closed":
        again = {"state": "open", "opened": now, "closed": None, "times": row.times + 1}
        yield rows.replace(row, **says, **again, seen=now, **_NEWS)
    elif rank(found.severity) > rank(row.severity):
        yield rows.replace(row, **says, seen=now, **_NEWS)
    else:
        rows.replace(row, **says, seen=now)


def _first(found: Finding, *, summary: str, ports: Ports) -> FindingRecord:
    now = ports.clock.now()
    return FindingRecord(
        id=found.id,
        kind=found.kind,
        environment=found.environment,
        subject=found.subject,
        severity=found.severity,
        summary=summary,
        remedy=found.remedy,
        due=found.due,
        opened=now,
        seen=now,
    )


def _tell(ports: Ports, environment: str, rows: Sequence[FindingRecord]) -> None:
    """Send the events, then the messages; mark each row with what arrived."""
    silent = [row for row in rows if row.emitted is None]
    taken = bool(silent) and ports.events.emit([finding_event(row) for row in silent])
    untold = [row for row in rows if row.told is None]
    heard = _heard(ports, environment, untold)
    for row in rows:
        _mark(ports, row, taken=taken, heard=heard)


def _mark(ports: Ports, told: FindingRecord, *, taken: bool, heard: bool) -> None:
    """Write on a row what arrived, unless it tells of something else by now."""
    row = ports.records.findings.get(told.id)
    if row is None or (row.state, row.times, row.severity) != (
        told.state,
        told.times,
        told.severity,
    ):
        return
    arrived = {"emitted": taken, "told": heard}
    marks = {name: ports.clock.now() for name in _NEWS if arrived[name] and not getattr(row, name)}
    if marks:
        try:
            ports.records.findings.replace(row, **marks)
        except ConflictError:
            _mark(ports, told, taken=taken, heard=heard)


def _heard(ports: Ports, environment: str, rows: Sequence[FindingRecord]) -> bool:
    """Tell people; return whether every message reached at least one channel."""
    outcomes = [
        is_heard(ports, ports.notifier.tell(notice)) for notice in notices_of(environment, rows)
    ]
    return all(outcomes)
