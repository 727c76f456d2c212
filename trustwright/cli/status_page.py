"""The estate as lines of at most 80 columns where names are short, and as JSON."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from trustwright.ceremony.shown import printable
from trustwright.cli.terminal import laid_out

if TYPE_CHECKING:
    from trustwright.lifecycle.glance import EnvironmentGlance, Glance, IssuerGlance
    from trustwright.model.base import Artifact
    from trustwright.policy.deadlines import Deadline

SHOWN = 3
"""Rows of each kind that one screen has room for; all of them are counted."""

HEADINGS = ("environment", "phase", "issuer", "state", "until", "valid", "soon", "expired")
_DAY = "%Y-%m-%d"
_MINUTE = "%Y-%m-%d %H:%M"
_NARROWEST = 40


def estate_lines(found: Glance) -> Iterator[str]:
    """Yield the page; on a terminal, what does not fit into its columns ends with an ellipsis."""
    if not sys.stdout.isatty():
        yield from _page(found)
        return
    columns = max(_NARROWEST, shutil.get_terminal_size().columns)
    for line in map(printable, _page(found)):
        yield line if len(line) <= columns else line[: columns - 1].rstrip() + "…"


def _page(found: Glance) -> Iterator[str]:
    rows = [row for each in found.environments for row in _environment(each)]
    yield from laid_out([HEADINGS, *rows])
    yield ""
    yield from _expiring(found)
    yield from _ceremonies(found)
    yield from _deadlines(found)
    yield from _findings(found)
    yield from _breakers(found)
    yield _sweep(found)


def _environment(each: EnvironmentGlance) -> Iterator[tuple[str, ...]]:
    counts = (str(each.certificates.get("valid", 0)), str(each.expiring))
    last = (*counts, str(each.certificates.get("expired", 0)))
    newest, *others = each.issuers or (None,)
    yield (each.name, each.phase, *_issuer(newest), *last)
    for issuer in others:
        yield ("", "", *_issuer(issuer), "", "", "")


def _issuer(issuer: IssuerGlance | None) -> tuple[str, str, str]:
    if issuer is None:
        return "-", "-", "-"
    return issuer.id, issuer.state, f"{issuer.until:{_DAY}}" if issuer.until else "-"


def _expiring(found: Glance) -> Iterator[str]:
    number = sum(each.expiring for each in found.environments)
    yield f"expiring     {number or 'none'} within {_span(found.window)}"
    yield from _below(
        f"{row.environment}/{row.subject} ({row.role}) {_in(row.not_after, found.at)}"
        for row in found.expiring
    )


def _ceremonies(found: Glance) -> Iterator[str]:
    pending = found.ceremonies
    yield f"ceremonies   {len(pending) or 'none'} pending"
    yield from _below(
        f"{row.environment} {row.kind} {row.id[:12]}, expires {_in(row.expires, found.at)}"
        for row in pending
    )


def _deadlines(found: Glance) -> Iterator[str]:
    yield f"deadlines    {len(found.deadlines) or 'none'}"
    yield from _below(_deadline(each, found.at) for each in found.deadlines)


def _deadline(each: Deadline, now: datetime) -> str:
    whose = f"{each.environment or 'root'}: "
    return f"{_mark(each, now)}{each.at:{_DAY}} {_in(each.at, now)}: {whose}{each.summary}"


def _mark(each: Deadline, now: datetime) -> str:
    if each.at <= now:
        return "OVER "
    return "act now " if each.warn <= now else ""


def _findings(found: Glance) -> Iterator[str]:
    counts = [f"{number} {severity}" for severity, number in found.findings.items() if number]
    yield f"findings     {', '.join(counts) or 'none'} open"
    yield from _below(
        f"{row.severity}: {'/'.join(filter(None, (row.environment, row.subject)))}: {row.summary}"
        for row in found.worst
    )


def _breakers(found: Glance) -> Iterator[str]:
    yield f"breakers     {found.open_breakers or 'none'} open"
    yield from _below(
        f"{row.id} {row.state}, {_retry(row.retry_at, found.at)}: {row.problem}"
        for row in found.breakers
    )


def _retry(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "no trial is planned"
    return f"next trial {_in(moment, now)}" if moment > now else "a trial is due"


def _sweep(found: Glance) -> str:
    last = found.last_sweep
    if last is None or last.ended is None:
        return "last sweep   never"
    problems = f", parts not looked at: {len(last.problems)}" if last.problems else ""
    return (
        f"last sweep   {last.ended:{_MINUTE}} UTC, {_in(last.ended, found.at)}: {last.due} due, "
        f"{last.opened} opened, {last.closed} closed{problems}"
    )


def _below(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in islice(lines, SHOWN))


def _in(moment: datetime, now: datetime) -> str:
    if moment > now:
        return f"in {_span(moment - now)}"
    return f"{_span(now - moment)} ago"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    for size, unit in ((60 * 24, "d"), (60, "h")):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def estate_data(found: Glance) -> dict[str, Any]:
    """Return the glance as JSON; times in UTC."""
    return {
        "at": _stamp(found.at),
        "window_seconds": int(found.window.total_seconds()),
        "environments": [_environment_data(each) for each in found.environments],
        "expiring": [_record(row) for row in found.expiring],
        "ceremonies": [_record(row) for row in found.ceremonies],
        "deadlines": [_deadline_data(each, found.at) for each in found.deadlines],
        "findings": {"open": found.findings, "worst": [_record(row) for row in found.worst]},
        "breakers": {
            "open": found.open_breakers,
            "first": [_record(row) for row in found.breakers],
        },
        "last_sweep": found.last_sweep and _record(found.last_sweep),
    }


def _environment_data(each: EnvironmentGlance) -> dict[str, Any]:
    return {
        "name": each.name,
        "phase": each.phase,
        "held_by": each.holder,
        "issuers": [
            {"id": one.id, "state": one.state, "until": one.until and _stamp(one.until)}
            for one in each.issuers
        ],
        "certificates": each.certificates,
        "expiring": each.expiring,
    }


def _deadline_data(each: Deadline, now: datetime) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "environment": each.environment,
        "subject": each.subject,
        "warn": _stamp(each.warn),
        "at": _stamp(each.at),
        "over": each.at <= now,
        "summary": each.summary,
        "remedy": each.remedy,
    }


def _record(row: Artifact) -> dict[str, Any]:
    """Return a row without what is long or counts writes."""
    return row.model_dump(mode="json", exclude={"version", "pem", "request", "response"})


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
