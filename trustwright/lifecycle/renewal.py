"""Renewal that runs by itself: the consumers that are due are served, the others left alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from trustwright.errors import PolicyViolation
from trustwright.lifecycle.consumers import Served, consumer_named, serve_consumers
from trustwright.lifecycle.due import Due, Reason, due_consumers, is_proven
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.holdings import valid_certificates
from trustwright.lifecycle.journal import note_once, tell_once
from trustwright.model.estate import Consumer
from trustwright.policy import renewal_notices
from trustwright.policy.naming import consumer_key
from trustwright.policy.quoting import one_line
from trustwright.policy.renewal import Outcome
from trustwright.ports import Ports

__all__ = ["Due", "Reason", "due_consumers", "renew_consumers"]

ENDED = "trustwright.renewal.ended"
"""Event of the audit line that says what a run of renewals did."""


def renew_consumers(ports: Ports, environment: str, names: Sequence[str] = ()) -> list[Served]:
    """Serve the consumers that are due, or exactly those that are named.

    Neither the environment is held nor the provisioner needed: each consumer is held while it is
    served, so two runs at once issue nothing twice. What another run holds, and what a breaker
    forbids, is left out with its reason (`Served.skipped`).

    Raises:
        ConfigurationError: no such environment or consumer.
        PolicyViolation: the environment's issuer is not proven (rule ``ENVIRONMENT-NOT-READY``), or
            a named consumer is an admin (rule ``ADMIN-CONSUMER``).
        Unavailable, OutcomeUnknown: as `serve_consumers`.
    """
    given = check_services(ports, environment, names)
    return serve_consumers(
        ports, given or [due.consumer for due in due_consumers(ports, environment)]
    )


def to_renew(ports: Ports, environment: str, names: Sequence[str] = ()) -> list[str]:
    """Return the names to serve, most urgent first: those that are due, or those that are given.

    Raises:
        ConfigurationError, PolicyViolation: as `renew_consumers`.
    """
    given = check_services(ports, environment, names)
    if given:
        return [each.name for each in given]
    return [due.consumer.name for due in due_consumers(ports, environment)]


def check_services(ports: Ports, environment: str, names: Sequence[str]) -> list[Consumer]:
    """Return the consumers of these names, each once.

    Raises:
        ConfigurationError, PolicyViolation: as `renew_consumers`.
    """
    _check_proven(ports, environment)
    return [_service(ports, environment, name) for name in dict.fromkeys(names)]


def _check_proven(ports: Ports, environment: str) -> None:
    settings_of(ports, environment)
    if not is_proven(ports, environment):
        found = ports.records.environments.get(environment)
        raise PolicyViolation(
            f"{environment} is {found.phase if found else 'planned'}: nothing is renewed before "
            "its issuer is proven",
            rule="ENVIRONMENT-NOT-READY",
            hint=f"run: trustwright bootstrap {environment}",
        )


def _service(ports: Ports, environment: str, name: str) -> Consumer:
    consumer = consumer_named(ports, environment, name)
    if consumer.role == "admin":
        raise PolicyViolation(
            f"{name} is an admin: no flow makes its certificate",
            rule="ADMIN-CONSUMER",
            hint="on the admin's own machine: "
            f"trustwright admin issue {name} --environment {environment}",
        )
    return consumer


def note_renewed(ports: Ports, environment: str, served: Sequence[Served], link: str) -> Outcome:
    """Tell people once what a run did, keep it on record, and return it.

    A run that delivered nothing sends no digest; a consumer that fails again is told of no more
    until it was served.
    """
    outcome = Outcome(
        changed=_names(each for each in served if each.changed),
        failed=_names(each for each in served if each.state == "failed" and not each.skipped),
        waiting=_names(each for each in served if each.state == "waiting"),
        skipped=_names(each for each in served if each.skipped),
        problem=next((_problem(each) for each in served if each.state == "failed"), ""),
    )
    for each in served:
        if each.state == "failed" and not each.skipped:
            _tell_failed(ports, each, link)
    if outcome.changed:
        notice = renewal_notices.renewal_digest(environment, outcome, link=link)
        tell_once(ports, f"renewed/{ports.actor}", notice, environment)
    detail = json.dumps([str(outcome), outcome.problem], ensure_ascii=False)
    note_once(ports, _ended(ports.actor), ENDED, environment, environment, detail)
    return outcome


def what_it_did(ports: Ports, run: str) -> tuple[str, str] | None:
    """Return in one line what a run of renewals did, and the first problem or an empty text."""
    line = ports.records.audit.get(_ended(run))
    if line is None:
        return None
    said, problem = json.loads(line.detail)
    return said, problem


def _tell_failed(ports: Ports, served: Served, link: str) -> None:
    row = ports.records.deliveries.get(consumer_key(served.consumer))
    if row is not None and row.failing_since is not None:
        until = _held_until(ports, served.consumer, row.serial)
        notice = renewal_notices.delivery_failed(
            served.consumer, served.problem, until=until, link=link
        )
        tell_once(ports, f"failing/{row.id}/{row.failing_since:%Y%m%dT%H%M%SZ}", notice, row.id)


def _held_until(ports: Ports, consumer: Consumer, serial: str | None) -> datetime | None:
    """Return when the certificate in place ends; None when there is none, or it has ended."""
    rows, now = valid_certificates(ports, consumer), ports.clock.now()
    ends = [row.not_after for row in rows if row.serial == serial and row.not_after > now]
    return ends[0] if ends else None


def _problem(served: Served) -> str:
    return f"{served.consumer.name}: {one_line(served.problem)}"[:400]


def _names(served: Iterable[Served]) -> tuple[str, ...]:
    return tuple(each.consumer.name for each in served)


def _ended(run: str) -> str:
    return f"renewal/{run}"
