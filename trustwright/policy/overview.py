"""The state of an estate at one moment, as plain facts, and what of it needs a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from trustwright.model.estate import Severity
from trustwright.model.records import EnvironmentPhase, IssuerState
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord
from trustwright.policy.deadlines import Deadline

SWEEP_LATE = timedelta(hours=3)
"""A sweep is due every hour; after this long without one, nobody is looking."""

SEVERITIES: Sequence[Severity] = ("critical", "warning", "info")
"""Worst first."""

Standing = Literal["critical", "warning", "good"]


@dataclass(frozen=True)
class RootFacts:
    """The pinned root.

    Attributes:
        fingerprint: ``sha256:…`` of its certificate.
        crl_number, crl_until: of the newest root CRL on record, if there is one.
    """

    name: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    crl_number: int | None = None
    crl_until: datetime | None = None


@dataclass(frozen=True)
class IssuerFacts:
    """One generation of an intermediate.

    Attributes:
        fingerprint: of the root-signed certificate; None until it is signed.
        anchor: fingerprint of its self-signed twin; None until it is made.
        anchored: its anchor stands in bundles.
    """

    id: str
    generation: int
    state: IssuerState
    not_before: datetime | None = None
    not_after: datetime | None = None
    fingerprint: str | None = None
    anchor: str | None = None
    anchored: bool = False


@dataclass(frozen=True)
class RoleFacts:
    """What consumers hold under one role.

    Attributes:
        ttl, renew_before: as the estate says.
        ending: valid certificates by when they end: see `trustwright.policy.timeline.EDGES`;
            the first figure is of those whose end has passed.
        earliest: soonest end among the certificates of the estate's consumers.
        due: consumers whose certificate is within `renew_before` of its end.
        overdue: of these, the ones with less than half of it left.
        expired: of these, the ones whose end has passed.
    """

    name: str
    ttl: timedelta
    renew_before: timedelta
    ending: tuple[int, ...]
    earliest: datetime | None = None
    due: int = 0
    overdue: int = 0
    expired: int = 0

    @property
    def valid(self) -> int:
        """Return how many certificates are valid now."""
        return sum(self.ending[1:])


@dataclass(frozen=True)
class EnvironmentFacts:
    """One environment.

    Attributes:
        policy: certificate policy OID.
        held: a run works on it.
        consumers: how many the estate file names.
        deliveries: consumers by the state of their newest delivery.
        sets: how many sets were ever delivered.
        failures: how often a consumer could not be served.
        crl_until: nextUpdate of the delivered CRLs that end first.
        trusts: of its consumers, how many trust each environment.
    """

    name: str
    domain: str
    policy: str
    namespace: str
    mount: str
    phase: EnvironmentPhase
    held: bool
    issuers: tuple[IssuerFacts, ...]
    roles: tuple[RoleFacts, ...]
    consumers: int
    deliveries: Mapping[str, int]
    sets: int
    failures: int
    crl_until: datetime | None
    trusts: Mapping[str, int]

    @property
    def ending(self) -> tuple[int, ...]:
        """Return its valid certificates by when they end, all roles together."""
        return tuple(sum(each) for each in zip(*(role.ending for role in self.roles), strict=True))

    @property
    def issuing(self) -> IssuerFacts | None:
        """Return the newest issuer that signs for consumers."""
        signing = [each for each in self.issuers if each.state == "issuing"]
        return max(signing, key=lambda each: each.generation, default=None)

    @property
    def foreign(self) -> int:
        """Return how many of its consumers were told to trust another environment."""
        return sum(number for name, number in self.trusts.items() if name != self.name)


@dataclass(frozen=True)
class CeremonyFacts:
    """A request that waits for the root.

    Attributes:
        id: the request's digest.
        refusals: responses that were refused.
    """

    id: str
    environment: str
    kind: str
    generation: int | None
    created: datetime
    expires: datetime
    refusals: int = 0


@dataclass(frozen=True)
class Overview:
    """An estate at one moment.

    Attributes:
        at: the moment.
        findings: open ones, worst and oldest first.
        deadlines: nearest first.
        breakers: those that are not closed.
        sweep: the newest over the whole estate that ended.
    """

    at: datetime
    organization: str
    root: RootFacts
    environments: tuple[EnvironmentFacts, ...]
    findings: tuple[FindingRecord, ...] = ()
    ceremonies: tuple[CeremonyFacts, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    breakers: tuple[BreakerRecord, ...] = ()
    sweep: SweepRecord | None = None


@dataclass(frozen=True)
class Need:
    """One thing that somebody should do.

    Attributes:
        due: when it becomes harmful, if that is known.
        since: when it began, if that is known.
    """

    severity: Severity
    environment: str
    what: str
    remedy: str
    due: datetime | None = None
    since: datetime | None = None


def needs(overview: Overview) -> list[Need]:
    """Return what needs a person, worst first, then what is due first."""
    found = [
        *_of_the_sweep(overview),
        *map(_of_a_finding, overview.findings),
        *_of_deadlines(overview),
        *_of_consumers(overview),
        *_of_breakers(overview),
    ]
    latest = overview.at + timedelta(days=365_000)
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), each.due or latest))


def standing(found: Sequence[Need]) -> Standing:
    """Return the worst of what is needed; *good* when nothing more than information is left."""
    severities = {each.severity for each in found}
    return next((each for each in ("critical", "warning") if each in severities), "good")


def _of_the_sweep(overview: Overview) -> Iterator[Need]:
    remedy = "see that the runner works: trustwright status; then: trustwright sweep"
    sweep = overview.sweep
    if sweep is None or sweep.ended is None:
        if any(each.phase == "ready" for each in overview.environments):
            yield Need("warning", "", "no sweep has looked at the whole estate yet", remedy)
        return
    if sweep.ended + SWEEP_LATE < overview.at:
        what = "no sweep has looked at the estate for a while: nothing is renewed by itself"
        yield Need("critical", "", what, remedy, since=sweep.ended)
    for problem in sweep.problems:
        yield Need("warning", "", f"the last sweep could not look: {problem}", remedy)


def _of_a_finding(finding: FindingRecord) -> Need:
    return Need(
        finding.severity,
        finding.environment,
        finding.summary,
        finding.remedy,
        due=finding.due,
        since=finding.opened,
    )


def _of_deadlines(overview: Overview) -> Iterator[Need]:
    """Yield the deadlines that people hear of already; a finding about the same thing says more."""
    told = {(each.environment, each.subject) for each in overview.findings}
    for each in overview.deadlines:
        if each.warn > overview.at or (each.environment, each.subject) in told:
            continue
        severity: Severity = "critical" if each.at <= overview.at else "warning"
        yield Need(severity, each.environment, each.summary, each.remedy, due=each.at)


def _of_consumers(overview: Overview) -> Iterator[Need]:
    """Yield what the figures say before a sweep has found it."""
    told = _told(overview)
    for each in overview.environments:
        expired = sum(role.expired for role in each.roles)
        failed = each.deliveries.get("failed", 0) + each.deliveries.get("undone", 0)
        if expired and ("certificate-expired", each.name) not in told:
            what = f"{expired} consumer(s) hold a certificate that has ended"
            yield Need("critical", each.name, what, f"run: trustwright bootstrap {each.name}")
        if failed and ("consumer-failed", each.name) not in told:
            what = f"{failed} consumer(s) could not be served the last time"
            yield Need("warning", each.name, what, "it is tried again by itself; see the problem")


def _of_breakers(overview: Overview) -> Iterator[Need]:
    told = _told(overview)
    for each in overview.breakers:
        if ("breaker-open", each.environment) not in told:
            yield _of_a_breaker(each)


def _told(overview: Overview) -> frozenset[tuple[str, str]]:
    """Return the kinds of the open findings, by environment."""
    return frozenset((each.kind, each.environment) for each in overview.findings)


def _of_a_breaker(breaker: BreakerRecord) -> Need:
    what = f"issuance is held back for {breaker.id} after {breaker.failures} failure(s) in a row"
    return Need(
        "warning",
        breaker.environment,
        f"{what}: {breaker.problem}" if breaker.problem else what,
        "mend the cause; the next trial is made by itself",
        due=breaker.retry_at,
        since=breaker.opened,
    )
