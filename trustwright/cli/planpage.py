"""A plan as a page: sections by environment, a sign for each change, a line of counts."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from trustwright.model.plan import Change, EnvironmentPlan, Member, Remark, count

SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
KINDS = {"waits": "waits", "foreign": "foreign", "unseen": "not looked at"}
LONGEST = 24
"""Items of a list, and lines of a text, that are shown of one member."""
ONE_LINE = 72
"""Characters up to which two lists stand beside each other."""


class Line(NamedTuple):
    """A line and its colour, empty for none."""

    text: str
    colour: str = ""


def page(
    plans: Sequence[EnvironmentPlan],
    remarks: Sequence[Remark] = (),
    unplanned: Sequence[str] = (),
) -> Iterator[Line]:
    """Yield the lines of a plan; one line when nothing is to be said.

    Args:
        plans: in the order in which they are shown.
        remarks: what belongs to no environment of the estate.
        unplanned: environments that could not be planned.
    """
    for plan in plans:
        if plan.changes or plan.remarks:
            yield Line(f"{plan.environment} ({plan.phase})")
            yield from _section(plan)
            yield Line("")
    for remark in remarks:
        yield _remark(remark, "")
    missed = f"; not planned: {', '.join(unplanned)}" if unplanned else ""
    yield Line(_closing(plans) + missed)


def _closing(plans: Sequence[EnvironmentPlan]) -> str:
    """Return the line of counts."""
    if not any(plan.differs for plan in plans):
        unseen = any(each.kind == "unseen" for plan in plans for each in plan.remarks)
        return "no changes in what was looked at" if unseen else "no changes"
    counts, troubles = count(plans), sum(len(plan.troubles) for plan in plans)
    made = f"{counts['create']} to create, {counts['update']} to change"
    said = f"{made}, {counts['delete']} to remove"
    return f"{said}, {troubles} for a person" if troubles else said


def _section(plan: EnvironmentPlan) -> Iterator[Line]:
    for change in plan.changes:
        sign, colour = SIGNS[change.action]
        yield Line(f"  {sign} {change.address}", colour)
        yield from (Line(f"      {text}") for text in _details(change))
    for remark in plan.remarks:
        yield _remark(remark, "  ")


def _remark(remark: Remark, indent: str) -> Line:
    if remark.kind == "trouble":
        return Line(f"{indent}! {remark.address}: {remark.text}", "magenta")
    return Line(f"{indent}{KINDS[remark.kind]}: {remark.address}: {remark.text}")


def _details(change: Change) -> Iterator[str]:
    yield from change.why
    if change.action == "update":
        for member in change.members:
            yield from _member(member)
    yield from change.consequences
    if change.destructive:
        yield f"only when it is approved: --destroy {change.address}"


def _member(member: Member) -> Iterator[str]:
    now, wanted = member.now, member.wanted
    if isinstance(wanted, str) and "\n" in wanted:
        yield f"{member.name}:"
        yield from (f"  {line}" for line in _cut(_diff(str(now or ""), wanted)))
    elif isinstance(wanted, list) and len(_said(now)) + len(_said(wanted)) > ONE_LINE:
        before = now if isinstance(now, list) else []
        changed = [f"+ {each}" for each in wanted if each not in before]
        changed += [f"- {each}" for each in before if each not in wanted]
        yield f"{member.name}:"
        yield from (f"  {line}" for line in _cut(changed))
    else:
        yield f"{member.name}: {_said(now)} -> {_said(wanted)}"


def _diff(now: str, wanted: str) -> list[str]:
    """Return a unified diff with a line of context and without its heading."""
    lines = difflib.unified_diff(now.splitlines(), wanted.splitlines(), lineterm="", n=1)
    return list(lines)[2:]


def _cut(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - LONGEST
    return [*lines[:LONGEST], f"… and {rest} more"] if rest > 0 else list(lines)


def _said(value: Any) -> str:
    return "(absent)" if value is None else json.dumps(value, ensure_ascii=False)
