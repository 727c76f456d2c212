"""What Prefect's artifacts show: rows for tables, and the estate as Markdown.

Every text of others is one harmless line (`trustwright.policy.quoting`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trustwright.policy.overview import Need, Overview, needs, standing
from trustwright.policy.quoting import one_line
from trustwright.policy.timeline import Interval, distance, intervals
from trustwright.report.chart import happenings

ROWS = 100
"""Rows of a table that is shown whole; the command line shows the rest."""

_FULL, _PARTS = 24, " ▏▎▍▌▋▊▉"
_SAID = {"good": "Nothing needs a person", "warning": "Not at once", "critical": "Now"}

Row = Mapping[str, str | int]


def finding_rows(overview: Overview) -> list[Row]:
    """Return the open findings, worst first, at most `ROWS`."""
    return [
        {
            "severity": each.severity,
            "kind": each.kind,
            "environment": each.environment or "-",
            "subject": one_line(each.subject),
            "what": one_line(each.summary),
            "since": f"{each.opened:%Y-%m-%d %H:%M}",
        }
        for each in overview.findings[:ROWS]
    ]


def expiring_rows(overview: Overview) -> list[Row]:
    """Return, for each environment and role, how much is due and what ends first."""
    return [
        {
            "environment": each.name,
            "role": role.name,
            "valid": role.valid,
            "due": role.due,
            "late": role.overdue,
            "ended": role.expired,
            "first end": f"{role.earliest:%Y-%m-%d %H:%M}" if role.earliest else "-",
            "which is": distance(role.earliest, overview.at) if role.earliest else "-",
        }
        for each in overview.environments
        for role in each.roles
    ]


def estate_page(overview: Overview) -> str:
    """Return the estate in Markdown: what needs a person, what ends when, the issuers."""
    found = needs(overview)
    lines = [
        f"# {one_line(overview.organization)}: {_SAID[standing(found)]}",
        "",
        f"As of {overview.at:%Y-%m-%d %H:%M} UTC.",
        "",
        *_needs(found, overview),
        *_timeline(overview),
        *_dates(overview),
        *_issuers(overview),
    ]
    return "\n".join(lines)


def _needs(found: list[Need], overview: Overview) -> Iterator[str]:
    if not found:
        return
    yield from ("## What needs you", "")
    for each in found[:ROWS]:
        where = each.environment or "whole estate"
        due = f", {distance(each.due, overview.at)}" if each.due else ""
        remedy = f" → {one_line(each.remedy)}" if each.remedy else ""
        yield f"- **{each.severity}** ({where}{due}): {one_line(each.what)}{remedy}"
    if len(found) > ROWS:
        yield f"- and {len(found) - ROWS} more: `trustwright findings list`"
    yield ""


def _timeline(overview: Overview) -> Iterator[str]:
    yield from ("## Certificates that end", "")
    yield from ("| environment | from now | certificates | |", "|---|---|--:|:--|")
    shown = [(each.name, intervals(each.ending)) for each in overview.environments]
    highest = max((one.number for _, found in shown for one in found), default=1)
    for name, found in shown:
        for each in found or [Interval("none valid", None, None, 0)]:
            yield f"| {name} | {each.label} | {each.number} | {bar(each.number, highest)} |"
    yield ""


def bar(number: int, highest: int) -> str:
    """Return a bar of text beside the highest one; never empty for one or more."""
    eighths = 8 * _FULL * number // max(highest, 1)
    whole, part = divmod(max(eighths, 1 if number else 0), 8)
    return ("█" * whole + _PARTS[part]).rstrip()


def _dates(overview: Overview) -> Iterator[str]:
    found = happenings(overview)
    if not found:
        return
    yield from ("## Dates", "", "| when (UTC) | | where | what |", "|---|---|---|---|")
    for each in found[:ROWS]:
        when = f"{each.at:%Y-%m-%d %H:%M} | {distance(each.at, overview.at)}"
        yield f"| {when} | {each.environment or 'root'} | {one_line(each.what)} |"
    yield ""


def _issuers(overview: Overview) -> Iterator[str]:
    yield from ("## Intermediates", "", "| issuer | state | ends | anchor |", "|---|---|---|---|")
    for environment in overview.environments:
        for each in environment.issuers:
            ends = f"{each.not_after:%Y-%m-%d}" if each.not_after else "-"
            anchor = f"`{each.anchor[7:23]}`" if each.anchor else "-"
            yield f"| {each.id} | {each.state} | {ends} | {anchor} |"
