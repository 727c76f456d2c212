"""Which consumers are due: what the record says, and what a bounded look at targets shows.

The record is asked for what is due and for nothing else, so the cost grows with that, not with the
inventory. What somebody changed at a target is in no record: each call looks at those targets that
were looked at longest ago.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trustwright.errors import ConflictError, TrustwrightError
from trustwright.lifecycle.consumers import consumers_of
from trustwright.lifecycle.deliveries import recorded_serial
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.holdings import is_settled
from trustwright.model.estate import Consumer
from trustwright.model.records import CertificateRecord, DeliveryRecord
from trustwright.policy.phases import reached
from trustwright.policy.renewal import is_due, longest_window, renewal_moment
from trustwright.ports import Ports

LOOKS = 250
"""Targets that one call looks at."""

Reason = Literal["expiring", "crl-due", "unsettled", "changed", "not-served"]
"""*expiring*: its certificate is to be renewed. *crl-due*: half of a CRL's life is over.
*unsettled*: its newest delivery failed or was cut, its run died before it gave the consumer back,
or the host has left what it waited for.
*changed*: the target is not as it was delivered, or the host asks for another key.
*not-served*: nobody ever tried."""


@dataclass(frozen=True)
class Due:
    """A consumer that is to be served now.

    Attributes:
        since: from when on; for *changed* and *not-served*, when it was seen.
    """

    consumer: Consumer
    reason: Reason
    since: datetime


def due_consumers(ports: Ports, environment: str) -> list[Due]:
    """Return the environment's consumers that are due, each once, most urgent first.

    Those whose certificate ends first come first, those that never held one last; but one whose
    newest delivery failed follows those that have not failed: the one order that a role's breaker
    allows as a trial goes to who may show that the role is well. An environment that is not
    *proven* yet has none: its bootstrap serves them. Admins are never among them.

    Raises:
        ConfigurationError: the estate file names no such environment.
        Unavailable: the store does not answer.
    """
    settings_of(ports, environment)
    if not is_proven(ports, environment):
        return []
    known = {each.name: each for each in consumers_of(ports, environment)}
    found: dict[str, Due] = {}
    unsettled = list(ports.records.agenda.unsettled(environment, ports.clock.now()))
    failing = {row.consumer for row in unsettled if row.failing_since is not None}
    expiring = _expiring(ports, environment, known)
    for due in (
        *sorted(expiring, key=lambda due: (due.consumer.name in failing, due.since)),
        *_unsettled(ports, unsettled, known),
        *_changed(ports, environment, known),
        *_not_served(ports, environment, known),
    ):
        found.setdefault(due.consumer.name, due)
    return list(found.values())


def is_proven(ports: Ports, environment: str) -> bool:
    """Return whether the environment's issuer may sign for consumers."""
    record = ports.records.environments.get(environment)
    return record is not None and reached(record.phase, "proven")


def _expiring(ports: Ports, environment: str, known: dict[str, Consumer]) -> list[Due]:
    now, found = ports.clock.now(), list[Due]()
    for name, role in settings_of(ports, environment).roles.items():
        if name == "admin":
            continue
        for row in ports.records.agenda.expiring(environment, name, now + longest_window(role)):
            if row.subject in known and is_due(row, role, now):
                since = renewal_moment(row, role)
                found.append(Due(known[row.subject], "expiring", since))
            elif row.subject not in known and row.not_after <= now:
                _close(ports, row)
    return found


def _close(ports: Ports, row: CertificateRecord) -> None:
    """Close the row of a certificate that has expired after its consumer left the estate file.

    Otherwise every later call would read it again.
    """
    with suppress(ConflictError):
        ports.records.certificates.replace(row, state="superseded")


def _unsettled(
    ports: Ports, rows: Sequence[DeliveryRecord], known: dict[str, Consumer]
) -> Iterator[Due]:
    now = ports.clock.now()
    for row in rows:
        consumer = known.get(row.consumer)
        if consumer is None:
            continue
        if row.crl_due is not None and row.crl_due <= now:
            yield Due(consumer, "crl-due", row.crl_due)
        elif row.state != "waiting" or _host_has_answered(ports, consumer):
            yield Due(consumer, "unsettled", row.failing_since or row.updated)


def _host_has_answered(ports: Ports, consumer: Consumer) -> bool:
    try:
        return ports.target(consumer).host_request() is not None
    except TrustwrightError:
        return True  # whatever is there: serving the consumer says what is wrong with it


def _changed(ports: Ports, environment: str, known: dict[str, Consumer]) -> Iterator[Due]:
    """Look at some targets; what is as it should be is not looked at again soon."""
    for row in ports.records.agenda.longest_unlooked(environment, LOOKS):
        consumer = known.get(row.consumer)
        alive = row.holder is not None and ports.runs.alive(row.holder)
        if consumer is None or alive:
            _set_looked(ports, row)
        elif row.holder is not None:
            yield Due(consumer, "unsettled", row.held_since or row.updated)
        elif row.state == "retired":
            yield Due(consumer, "not-served", row.updated)  # it has come back
        elif row.state == "delivered" and not _looks_settled(ports, consumer):
            yield Due(consumer, "changed", ports.clock.now())
        else:
            _set_looked(ports, row)


def _looks_settled(ports: Ports, consumer: Consumer) -> bool:
    target = ports.target(consumer)
    try:
        asked = target.host_request() if consumer.key == "host" else None
        observed = target.observed()
        recorded = observed is not None and observed.serial == recorded_serial(ports, consumer)
        return recorded and is_settled(ports, consumer, observed, asked)
    except TrustwrightError:
        return False  # serving the consumer says why, and records it


def _set_looked(ports: Ports, row: DeliveryRecord) -> None:
    # Whoever wrote the row meanwhile has looked as well.
    with suppress(ConflictError):
        ports.records.deliveries.replace(row, looked=ports.clock.now())


def _not_served(ports: Ports, environment: str, known: dict[str, Consumer]) -> list[Due]:
    names = ports.records.agenda.unserved(environment, sorted(known))
    return [Due(known[name], "not-served", ports.clock.now()) for name in names]
