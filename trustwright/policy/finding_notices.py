"""What people are told of findings: critical ones at once, the rest in one digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trustwright.clock import utc_text
from trustwright.model.estate import Severity
from trustwright.model.sweep import FindingRecord
from trustwright.policy.events import FINDING_CLOSED, FINDING_OPENED
from trustwright.policy.quoting import one_line
from trustwright.ports import Event, Notice

SHOWN: Final = 20
"""Findings of one sort that a message lists; the rest are counted."""

ALONE: Final = 5
"""Critical findings that get a message each; more than that come in one."""

_RANK: dict[Severity, int] = {"info": 0, "warning": 1, "critical": 2}
_LONGEST = 600


def rank(severity: Severity) -> int:
    """Return a number by which severities are compared."""
    return _RANK[severity]


def finding_event(row: FindingRecord) -> Event:
    """Return the event that a finding was opened, became worse, or is gone.

    Its key is that of the occurrence: sent twice after a crash, it is one event.
    """
    return Event(
        name=FINDING_OPENED if row.state == "open" else FINDING_CLOSED,
        resource=f"trustwright.finding.{row.kind}.{row.environment or 'estate'}.{row.subject}",
        environment=row.environment,
        payload={
            "id": row.id,
            "kind": row.kind,
            "subject": row.subject,
            "severity": row.severity,
            "summary": row.summary[:_LONGEST],
            "times": row.times,
        },
        key=f"{row.id} {row.times} {row.state} {row.severity}",
        occurred=row.closed or row.seen,
    )


def notices_of(environment: str, rows: Sequence[FindingRecord]) -> list[Notice]:
    """Return what to tell of findings that are new, worse or gone: the critical ones first."""
    new = [row for row in rows if row.state == "open"]
    gone = [row for row in rows if row.state == "closed"]
    critical = [row for row in new if row.severity == "critical"]
    milder = [row for row in new if row.severity != "critical"]
    told = [_alarm(environment, row) for row in critical]
    if len(critical) > ALONE:
        told = [_digest(environment, critical, [])]
    return told + ([_digest(environment, milder, gone)] if milder or gone else [])


def _alarm(environment: str, row: FindingRecord) -> Notice:
    return Notice(
        event=FINDING_OPENED,
        severity="critical",
        title=f"{_where(environment)}: {row.kind.replace('-', ' ')}",
        body="\n".join(_told(row)),
        environment=environment,
    )


def _told(row: FindingRecord) -> list[str]:
    lines = [one_line(row.summary, _LONGEST), one_line(row.remedy, _LONGEST)]
    if row.due is not None:
        lines.append(f"Date: {utc_text(row.due)}")
    return [*lines, "", f"    trustwright findings show {one_line(row.id)}", ""]


def _digest(environment: str, new: list[FindingRecord], gone: list[FindingRecord]) -> Notice:
    lines = [*_part("New:", new), *_part("Gone:", gone), "", "    trustwright findings list", ""]
    return Notice(
        event=FINDING_OPENED if new else FINDING_CLOSED,
        severity=_severity(new, gone),
        title=f"{_where(environment)}: {_counted(new, gone)}",
        body="\n".join(lines),
        environment=environment,
    )


def _severity(new: list[FindingRecord], gone: list[FindingRecord]) -> Severity:
    """Return the highest; the end of something critical is told where warnings are."""
    worst: list[Severity] = [row.severity for row in new]
    worst += ["warning" if row.severity == "critical" else row.severity for row in gone]
    return max(worst, key=rank)


def _part(heading: str, rows: list[FindingRecord]) -> list[str]:
    if not rows:
        return []
    worst = sorted(rows, key=lambda row: (-rank(row.severity), row.id))
    lines = [f"- {row.severity}: {one_line(row.summary)}" for row in worst[:SHOWN]]
    more = [f"- and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return [heading, *lines, *more]


def _counted(new: list[FindingRecord], gone: list[FindingRecord]) -> str:
    counts = [(len(new), "new"), (len(gone), "gone")]
    return "findings: " + ", ".join(f"{count} {what}" for count, what in counts if count)


def _where(environment: str) -> str:
    return environment or "the root"
