"""When no certificate is ordered any more: the breaker of a consumer and that of a role.

::

    closed ──failures in a row, or the budget is used up──► open
    open ──retry_at──► half-open: one order ──► closed (it went well) | open again, for longer

A consumer whose delivery fails after each issuance costs a signature and a place on the CRL each
time. Its order counts as failed from before Vault is asked until its delivery is in service, so a
process that dies in between has counted. A role's order counts when Vault was asked; it fails when
Vault refuses it, or returns something else than was ordered.

Every wait follows from the role: none is longer than half of `renew_before`, so that a consumer
whose certificate is due is tried at least once more before it ends.

Functions return what changes in a record (`Changes`), or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from trustwright.errors import (
    ConflictError,
    Denied,
    LintViolation,
    OutcomeUnknown,
    Rejected,
    TrustwrightError,
    Unavailable,
    VerificationError,
)
from trustwright.model.estate import Role
from trustwright.model.sweep import BreakerRecord
from trustwright.policy.renewal import service_time

Changes = Mapping[str, object]

BREAKER_OPEN = "BREAKER-OPEN"
"""Rule of the error for an order that a breaker refuses."""

CONSUMER_FAILURES = 3
CONSUMER_BUDGET = 8
ROLE_FAILURES = 5
ROLE_BUDGET = 20
ROLE_BUDGET_EACH = 3
FIRST_WAIT_PART = 16
LONGEST_WAIT_PART = 2
SHORTEST_LIMIT = 60
"""Seconds below which the longest wait is never, however short a certificate lives."""
MOST_DOUBLINGS = 8
"""More are never needed from the first wait to the longest, and time has an end as well."""


_NOBODYS = frozenset({"VAULT-ROLE", "VAULT-TLS"})
"""Rules of errors that neither led to a certificate nor would meet every consumer of a role: the
role does not list the consumer's URI, or the server's own TLS certificate does not verify."""


@dataclass(frozen=True)
class Limits:
    """What a breaker bears.

    Attributes:
        failures: in a row, with which it opens.
        budget: orders in one window.
        window: how long orders are counted together; as long as the longest wait.
        first_wait: from opening to the first trial; doubled with every failure.
        longest_wait: between two trials.
        foretold: an order counts as failed until it is known to have gone well.
    """

    failures: int
    budget: int
    window: timedelta
    first_wait: timedelta
    longest_wait: timedelta
    foretold: bool

    def wait(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures in a row."""
        doublings = min(max(0, failures - self.failures), MOST_DOUBLINGS)
        return min(self.longest_wait, self.first_wait * (1 << doublings))


@dataclass(frozen=True)
class Refusal:
    """Why nothing is ordered, and until when."""

    reason: str
    until: datetime


def consumer_limits(role: Role) -> Limits:
    """Return what the breaker of one consumer of this role bears."""
    return _limits(role, CONSUMER_FAILURES, CONSUMER_BUDGET * _rounds(role), foretold=True)


def role_limits(role: Role, consumers: int) -> Limits:
    """Return what the breaker of a role with so many consumers bears."""
    budget = ROLE_BUDGET + ROLE_BUDGET_EACH * consumers * _rounds(role)
    return _limits(role, ROLE_FAILURES, budget, foretold=False)


def _limits(role: Role, failures: int, budget: int, *, foretold: bool) -> Limits:
    return Limits(
        failures=failures,
        budget=budget,
        window=timedelta(seconds=_longest_wait(role)),
        first_wait=timedelta(seconds=max(1, role.renew_before // FIRST_WAIT_PART)),
        longest_wait=timedelta(seconds=_longest_wait(role)),
        foretold=foretold,
    )


def _longest_wait(role: Role) -> int:
    return max(SHORTEST_LIMIT, role.renew_before // LONGEST_WAIT_PART)


def _rounds(role: Role) -> int:
    """Return how often, rounded up, a certificate is renewed in one window when all goes well."""
    return ceil(_longest_wait(role) / max(1, service_time(role.ttl, role.renew_before)))


def refusal(record: BreakerRecord, limits: Limits, now: datetime) -> Refusal | None:
    """Return why nothing may be ordered now, or None."""
    if record.retry_at is not None and now < record.retry_at:
        return Refusal(record.problem or "a trial was begun and never ended", record.retry_at)
    if record.issued >= limits.budget and now < record.since + limits.window:
        reason = f"{record.issued} certificates were ordered since {record.since:%Y-%m-%d %H:%M}"
        return Refusal(reason, record.since + limits.window)
    return None


def refused(record: BreakerRecord, limits: Limits, refusal: Refusal, now: datetime) -> Changes:
    """Return what a refusal changes: used-up budgets, and trials that nobody ended, open it."""
    under_way = record.state == "half-open" and not limits.foretold
    if record.state == "open" or under_way:
        return {}
    return {
        "state": "open",
        "opened": record.opened or now,
        "retry_at": refusal.until,
        "problem": refusal.reason,
    }


def ordered(record: BreakerRecord, limits: Limits, now: datetime) -> Changes:
    """Return what changes before Vault is asked."""
    over = now >= record.since + limits.window
    failures = record.failures + limits.foretold
    trial = record.state != "closed" or failures >= limits.failures
    return {
        "since": now if over else record.since,
        "issued": 1 if over else record.issued + 1,
        "failures": failures,
        "state": "half-open" if trial else "closed",
        "retry_at": now + limits.wait(failures + (not limits.foretold)) if trial else None,
    }


def withdrawn(record: BreakerRecord, limits: Limits, now: datetime, *, asked: bool) -> Changes:
    """Return what changes when an order neither failed nor went well.

    Args:
        record: as it is now.
        limits: what it bears.
        now: the time.
        asked: Vault may have signed, so the order stays counted.
    """
    failures = max(0, record.failures - limits.foretold)
    changes: dict[str, object] = {
        "failures": failures,
        "issued": max(0, record.issued - (not asked)),
    }
    if record.state == "half-open":
        # The trial has shown nothing: another one may follow at once.
        was_open = record.opened is not None
        changes |= {
            "state": "open" if was_open else "closed",
            "retry_at": now if was_open else None,
        }
    return changes


def failed(record: BreakerRecord, limits: Limits, now: datetime, problem: str) -> Changes:
    """Return what a failure changes; a consumer's was counted when its order was made."""
    failures = record.failures + (not limits.foretold)
    opens = record.state == "half-open" or (not limits.foretold and failures >= limits.failures)
    changes: dict[str, object] = {"failures": failures, "problem": problem[:500]}
    if opens:
        changes |= {
            "state": "open",
            "opened": record.opened or now,
            "retry_at": now + limits.wait(failures),
        }
    return changes


def succeeded(record: BreakerRecord) -> Changes:
    """Return what changes when an order went well; empty when nothing stood against it."""
    if record.state == "closed" and record.failures == 0 and not record.problem:
        return {}
    return {"state": "closed", "failures": 0, "opened": None, "retry_at": None, "problem": ""}


def reset(record: BreakerRecord, now: datetime) -> Changes:
    """Return what changes when a person closes it: nothing is counted any more."""
    if not succeeded(record) and record.issued == 0:
        return {}
    clean: dict[str, object] = {"issued": 0, "since": now}
    return clean | {
        "state": "closed",
        "failures": 0,
        "opened": None,
        "retry_at": None,
        "problem": "",
    }


def blames_role(error: TrustwrightError) -> bool:
    """Return whether an order that failed so would fail for every consumer of its role.

    Vault refused the role's parameters, or what it signed is not what was ordered. Nobody is to
    blame when Vault is away, when nothing was sent because a rule of ours forbids it, or when the
    role does not list this one consumer yet: that costs no signature.
    """
    if error.rule in _NOBODYS:
        return False
    return isinstance(error, Denied | Rejected | VerificationError | LintViolation)


def may_have_signed(error: TrustwrightError) -> bool:
    """Return whether a certificate may have come of an order that failed so."""
    if error.rule in _NOBODYS:
        return False
    return isinstance(error, OutcomeUnknown | VerificationError | LintViolation | ConflictError)


def blames_consumer(error: TrustwrightError) -> bool:
    """Return whether a delivery that failed so is its consumer's own matter.

    It is not when Vault or the store is away, or when another run has interfered.
    """
    elsewhere = isinstance(error, Unavailable | OutcomeUnknown | ConflictError)
    return error.rule.startswith("DLV-") or not elsewhere
