"""One sweep: every part is looked at, and one that cannot be looked at does not stop the others."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType

from trustwright.errors import ConflictError, TrustwrightError, Unavailable
from trustwright.lifecycle.comparison import compare_with_vault
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.findings import Settled, settle_findings
from trustwright.lifecycle.inspection import inspect_targets
from trustwright.lifecycle.judging import judge_crls, judge_deadlines, judge_records
from trustwright.lifecycle.probing import judge_endpoints
from trustwright.lifecycle.renewal import due_consumers
from trustwright.model.sweep import SweepRecord
from trustwright.policy.events import consumers_due
from trustwright.policy.findings import Finding, Part, Seen, finding, kinds_of
from trustwright.policy.phases import reached
from trustwright.policy.quoting import one_line
from trustwright.ports import Ports

A_DAY = timedelta(days=1)
_DEAD_AFTER = timedelta(minutes=10)
_KEPT_PROBLEMS = 20


def begin_sweep(ports: Ports, environment: str) -> str:
    """Write that a sweep runs, end the records of those that died; return its identifier.

    Args:
        ports: everything.
        environment: that it is limited to; empty for all.

    Raises:
        ConfigurationError: the estate has no such environment.
    """
    if environment:
        settings_of(ports, environment)
    now = ports.clock.now()
    for row in ports.records.sweeps.find(ended=None):
        if row.started + _DEAD_AFTER <= now and not ports.runs.alive(row.actor):
            with suppress(ConflictError):
                ports.records.sweeps.replace(row, ended=now, problems=(*row.problems, "it died"))
    key = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    record = SweepRecord(id=key, environment=environment, actor=ports.actor, started=now)
    return ports.records.sweeps.insert(record).id


def environments_of(ports: Ports, environment: str) -> list[str]:
    """Return the environments of a sweep that were begun: before that there is nothing to see."""
    begun = {
        row.name for row in ports.records.environments.find() if reached(row.phase, "prepared")
    }
    wanted = [environment] if environment else sorted(ports.estate.environments)
    return [name for name in wanted if name in begun]


def look_at(ports: Ports, environment: str, part: Part) -> Seen:
    """Look at one part of an environment; what cannot be looked at is said and closes nothing."""
    try:
        seen = _PARTS[part](ports, environment)
    except TrustwrightError as error:
        away = isinstance(error, Unavailable) and error.rule.startswith("VAULT-")
        return Seen(frozenset(), problems=(one_line(str(error)),), part=part, vault_away=away)
    return Seen(
        seen.kinds, seen.found, seen.subjects, seen.unseen, seen.problems, part, vault_away=False
    )


def _probe(ports: Ports, environment: str) -> Seen:
    return Seen(kinds_of("endpoints"), tuple(judge_endpoints(ports, environment)))


_PARTS: Mapping[Part, Callable[[Ports, str], Seen]] = MappingProxyType(
    {
        "records": judge_records,
        "consumers": inspect_targets,
        "vault": compare_with_vault,
        "crls": judge_crls,
        "deadlines": judge_deadlines,
        "endpoints": _probe,
    }
)


def settle_looks(ports: Ports, sweep: str, environment: str, looks: Iterable[Seen]) -> Settled:
    """Bring the record to what was seen, tell of what changed, and count it.

    Args:
        ports: everything.
        sweep: that looked.
        environment: that was looked at; empty for what concerns all.
        looks: one for each part.
    """
    seen = list(looks)
    settled = settle_findings(ports, environment, [*seen, _blindness(ports, environment, seen)])
    where = environment or "root"
    lines = [f"{where}: {each.part}: {problem}" for each in seen for problem in each.problems]
    _count(ports, sweep, opened=len(settled.opened), closed=len(settled.closed), problems=lines)
    return settled


def _blindness(ports: Ports, environment: str, looks: list[Seen]) -> Seen:
    """Return what could not be looked at, as findings: to see nothing is not to find nothing."""
    found = [*_unreachable(ports, environment, looks), *_blind(ports, environment, looks)]
    looked = frozenset({environment, *(each.part for each in looks)})
    return Seen(kinds_of("sweep"), tuple(found), subjects=looked)


def _unreachable(ports: Ports, environment: str, looks: list[Seen]) -> Iterator[Finding]:
    away = [each.problems[0] for each in looks if each.vault_away]
    if away:
        yield _lasting(ports, "vault-unreachable", environment, environment, away[0])


def _blind(ports: Ports, environment: str, looks: list[Seen]) -> Iterator[Finding]:
    for each in looks:
        if each.problems and not each.vault_away:
            more = f", and {len(each.problems) - 1} more" if len(each.problems) > 1 else ""
            what = f"{each.part} could not be looked at: {each.problems[0]}{more}"
            yield _lasting(ports, "sweep-blind", environment, each.part, what)


def _lasting(ports: Ports, kind: str, environment: str, subject: str, what: str) -> Finding:
    """Return a finding that is critical once it has lasted for a day."""
    row = ports.records.findings.get(f"{kind}/{environment}/{subject}")
    lasted = row is not None and row.state == "open" and row.opened + A_DAY <= ports.clock.now()
    return finding(kind, environment, subject, what, grown=lasted)


def hand_over_due(ports: Ports, sweep: str, environment: str) -> int:
    """Ring for the renewal when something is due; return how many consumers are."""
    try:
        due = len(due_consumers(ports, environment))
    except TrustwrightError as error:
        _count(ports, sweep, problems=[f"{environment}: what is due is not known: {error}"])
        return 0
    if due:
        rung = ports.events.emit([consumers_due(environment, due)])
        problems = [] if rung else [f"{environment}: nobody took the event of what is due"]
        _count(ports, sweep, due=due, problems=problems)
    return due


def judge_root(ports: Ports, sweep: str) -> Settled:
    """Judge and record what concerns every environment."""
    return settle_looks(ports, sweep, "", [look_at(ports, "", "deadlines")])


def end_sweep(ports: Ports, sweep: str) -> SweepRecord:
    """Write that the sweep came to its end."""
    return _count(ports, sweep, ended=True)


def sweep_estate(ports: Ports, environment: str = "") -> SweepRecord:
    """Sweep without Prefect: the steps of the flow ``sweep-expiry``, one after the other.

    Raises:
        ConfigurationError: the estate has no such environment.
        Unavailable: the store does not answer.
    """
    sweep = begin_sweep(ports, environment)
    for name in environments_of(ports, environment):
        settle_looks(ports, sweep, name, [look_at(ports, name, part) for part in _PARTS])
        hand_over_due(ports, sweep, name)
    judge_root(ports, sweep)
    return end_sweep(ports, sweep)


def _count(
    ports: Ports,
    sweep: str,
    *,
    due: int = 0,
    opened: int = 0,
    closed: int = 0,
    problems: Iterable[str] = (),
    ended: bool = False,
) -> SweepRecord:
    row = ports.records.sweeps.get(sweep)
    if row is None:
        raise ConflictError(f"no sweep {sweep}", rule="SWEEP-UNKNOWN", hint="run the sweep again")
    lines = (*row.problems, *(each[:500] for each in problems))
    try:
        return ports.records.sweeps.replace(
            row,
            due=row.due + due,
            opened=row.opened + opened,
            closed=row.closed + closed,
            problems=lines[:_KEPT_PROBLEMS],
            ended=ports.clock.now() if ended else row.ended,
        )
    except ConflictError:
        return _count(
            ports, sweep, due=due, opened=opened, closed=closed, problems=problems, ended=ended
        )
