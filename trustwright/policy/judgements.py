"""What the facts of a sweep mean: each function judges one thing, for one finding at most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from trustwright.clock import utc_text
from trustwright.model.estate import Role
from trustwright.model.records import CertificateRecord, DeliveryRecord, EnvironmentRecord
from trustwright.model.sweep import BreakerRecord
from trustwright.policy.deadlines import Deadline, DeadlineKind
from trustwright.policy.findings import Finding, finding
from trustwright.policy.quoting import one_line

A_DAY = timedelta(days=1)

DEADLINES: Final[Mapping[DeadlineKind, str]] = {
    "ceremony": "ceremony-overdue",
    "rotation": "rotation-due",
    "horizon": "issuer-horizon",
    "issuer-expiry": "issuer-expiring",
    "root-crl": "root-crl-due",
    "root-horizon": "root-horizon",
    "root-expiry": "root-expiring",
}
"""The finding that a deadline becomes once people have to hear of it."""


def late_from(role: Role) -> timedelta:
    """Return how long before its end a certificate is late: half of the time for its renewal."""
    return timedelta(seconds=role.renew_before) / 2


def judge_certificate(row: CertificateRecord, role: Role, now: datetime) -> Finding | None:
    """Judge a consumer's certificate that is in service."""
    if row.not_after <= now:
        summary = f"the certificate of {row.subject} in service ended {utc_text(row.not_after)}"
        return _of(row, "certificate-expired", summary)
    if row.not_after > now + late_from(role):
        return None
    summary = f"{row.subject} still has the certificate that ends {utc_text(row.not_after)}"
    grown = row.not_after <= now + late_from(role) / 2
    return _of(row, "certificate-late", summary, grown=grown)


def _of(row: CertificateRecord, kind: str, summary: str, *, grown: bool = False) -> Finding:
    return finding(kind, row.environment, row.subject, summary, grown=grown, due=row.not_after)


def judge_delivery(
    row: DeliveryRecord, *, served: bool, since: datetime, now: datetime
) -> Finding | None:
    """Judge the newest attempt to serve a consumer.

    Args:
        row: of the attempt.
        served: something valid is in service.
        since: when it was first found so.
        now: the time.
    """
    problem = one_line(row.problem)
    if row.state in {"failed", "undone"}:
        what = f"{row.consumer} was not served: {problem}"
        return finding("consumer-failed", row.environment, row.consumer, what, grown=not served)
    if row.state == "waiting":
        grown = not served and since + A_DAY <= now
        what = f"{row.consumer} {problem}"
        return finding("consumer-waiting", row.environment, row.consumer, what, grown=grown)
    return None


def judge_breaker(row: BreakerRecord) -> Finding | None:
    """Judge a breaker; its identifier is ``consumer/<environment>/<name>`` or ``role/…``."""
    if row.state == "closed":
        return None
    kind, _, name = row.id.split("/", 2)
    until = f" until {utc_text(row.retry_at)}" if row.retry_at else ""
    why = f": {one_line(row.problem)}" if row.problem else ""
    summary = f"nothing is issued for the {kind} {name}{until}{why}"
    return finding("breaker-open", row.environment, f"{kind}/{name}", summary, due=row.retry_at)


def judge_environment(row: EnvironmentRecord, *, asked: bool, now: datetime) -> Finding | None:
    """Judge an environment that was begun.

    Args:
        row: of the environment.
        asked: a ceremony is pending for it, which has a deadline of its own.
        now: the time.
    """
    if row.phase == "ready" or asked or row.updated + A_DAY > now:
        return None
    summary = f"the bootstrap of {row.name} stands at {row.phase} since {utc_text(row.updated)}"
    return finding("environment-unfinished", row.name, row.name, summary)


def judge_deadline(deadline: Deadline, now: datetime) -> Finding | None:
    """Judge a deadline: people hear of it from `warn` on.

    A ceremony is announced and brought to mind by itself: it is overdue after half of its time.
    """
    warn = deadline.warn
    if deadline.kind == "ceremony":
        warn += (deadline.at - warn) / 2
    if now < warn:
        return None
    return finding(
        DEADLINES[deadline.kind],
        deadline.environment,
        deadline.subject,
        f"{deadline.summary}: {utc_text(deadline.at)}",
        grown=deadline.at <= now,
        remedy=deadline.remedy,
        due=deadline.at,
    )


def judge_crl_age(
    environment: str, issuer: str, start: datetime, end: datetime, now: datetime
) -> Finding | None:
    """Judge a verified CRL by its thisUpdate and nextUpdate.

    Vault rebuilds it when half of its life is over; it has a twenty-fourth of it to do so.
    """
    life = end - start
    if now < start + life / 2 + life / 24:
        return None
    summary = f"the CRL of {issuer} is of {utc_text(start)} and was not rebuilt since"
    return finding("crl-stale", environment, issuer, summary, grown=end <= now, due=end)


def judge_crl_refused(environment: str, issuer: str, problem: str) -> Finding:
    """Return the finding for what is published where the issuer's CRL should be."""
    summary = f"what is published as the CRL of {issuer} is refused: {one_line(problem)}"
    return finding("crl-stale", environment, issuer, summary, grown=True)
