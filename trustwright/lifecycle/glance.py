"""The estate at a glance, from the record alone: nothing is asked of Vault or Prefect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest

from trustwright.lifecycle.deadlines import deadlines
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.estate import Severity
from trustwright.model.inventory import Selection
from trustwright.model.records import CertificateRecord, IssuerRecord, ShownState
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord
from trustwright.policy.deadlines import Deadline
from trustwright.ports import Ports
from trustwright.x509 import parse

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""Worst first."""

_ENDED = frozenset({"retired", "abandoned"})


@dataclass(frozen=True)
class IssuerGlance:
    """One generation that is not over.

    Attributes:
        until: notAfter of the intermediate; None before it is signed.
    """

    id: str
    state: str
    until: datetime | None


@dataclass(frozen=True)
class EnvironmentGlance:
    """One environment of the estate.

    Attributes:
        phase: *planned* when nobody has begun it.
        certificates: how many are in each state.
        expiring: valid ones that end within the window.
    """

    name: str
    phase: str
    holder: str | None
    issuers: tuple[IssuerGlance, ...]
    certificates: dict[ShownState, int]
    expiring: int


@dataclass(frozen=True)
class Glance:
    """What an operator looks at first.

    Attributes:
        window: in which *expiring* certificates end.
        expiring: the first of them, soonest first.
        findings: open ones of each severity.
        worst: the first of them: worst first, then oldest.
        open_breakers: how many are not closed.
        breakers: the first of them, longest open first.
        last_sweep: the newest of the whole estate that ended.
    """

    at: datetime
    window: timedelta
    environments: tuple[EnvironmentGlance, ...]
    expiring: tuple[CertificateRecord, ...]
    ceremonies: tuple[CeremonyRecord, ...]
    deadlines: tuple[Deadline, ...]
    findings: dict[Severity, int]
    worst: tuple[FindingRecord, ...]
    open_breakers: int
    breakers: tuple[BreakerRecord, ...]
    last_sweep: SweepRecord | None


def glance(ports: Ports, *, window: timedelta, shown: int) -> Glance:
    """Return the estate at a glance; of certificates, findings and breakers at most `shown`.

    Raises:
        Unavailable: the store does not answer.
        VerificationError: the newest root CRL on record is not the pinned root's.
    """
    now = ports.clock.now()
    soon = Selection(state="valid", ends_by=now + window)
    findings, worst = _findings(ports, shown)
    open_breakers, breakers = _breakers(ports, shown)
    pending = ports.records.ceremonies.find(state="pending")
    return Glance(
        at=now,
        window=window,
        environments=tuple(_environments(ports, soon, now)),
        expiring=tuple(ports.records.inventory.select(soon, now, limit=shown)),
        ceremonies=tuple(sorted(pending, key=lambda each: each.expires)),
        deadlines=tuple(deadlines(ports)),
        findings=findings,
        worst=worst,
        open_breakers=open_breakers,
        breakers=breakers,
        last_sweep=ports.records.agenda.last_sweep(""),
    )


def _environments(ports: Ports, soon: Selection, now: datetime) -> Iterator[EnvironmentGlance]:
    tallies = ports.records.inventory.tallies(Selection(), now)
    expiring = {
        each.environment: each.number for each in ports.records.inventory.tallies(soon, now)
    }
    for name in ports.estate.environments:
        record = ports.records.environments.get(name)
        yield EnvironmentGlance(
            name=name,
            phase=record.phase if record else "planned",
            holder=record.holder if record else None,
            issuers=tuple(map(_issuer, _standing(ports, name))),
            certificates={each.state: each.number for each in tallies if each.environment == name},
            expiring=expiring.get(name, 0),
        )


def _standing(ports: Ports, name: str) -> list[IssuerRecord]:
    """Return the generations that are not over, newest first."""
    found = [
        each for each in ports.records.issuers.find(environment=name) if each.state not in _ENDED
    ]
    return sorted(found, key=lambda each: -each.generation)


def _issuer(record: IssuerRecord) -> IssuerGlance:
    signed = parse.certificate(record.certificate) if record.certificate else None
    return IssuerGlance(record.id, record.state, signed.not_valid_after_utc if signed else None)


def _findings(ports: Ports, shown: int) -> tuple[dict[Severity, int], tuple[FindingRecord, ...]]:
    """Count the open findings and keep the first ones; they are met one at a time."""
    counted: Counter[Severity] = Counter()

    def met() -> Iterator[FindingRecord]:
        for row in ports.records.findings.find(state="open"):
            counted[row.severity] += 1
            yield row

    worst = nsmallest(
        shown, met(), key=lambda row: (SEVERITIES.index(row.severity), row.opened, row.id)
    )
    return {severity: counted[severity] for severity in SEVERITIES}, tuple(worst)


def _breakers(ports: Ports, shown: int) -> tuple[int, tuple[BreakerRecord, ...]]:
    """Count the breakers that are not closed and keep those that opened first."""
    counted = 0

    def met() -> Iterator[BreakerRecord]:
        nonlocal counted
        for state in ("open", "half-open"):
            for row in ports.records.breakers.find(state=state):
                counted += 1
                yield row

    first = nsmallest(shown, met(), key=lambda row: (row.opened or row.since, row.id))
    return counted, tuple(first)
