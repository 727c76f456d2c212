"""The lives of certificates: who had them issued, when they were in place, how they ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from trustwright.model.inventory import Order, Selection
from trustwright.model.records import (
    AuditRecord,
    CertificateRecord,
    DeliveryRecord,
    IntentRecord,
    ShownState,
)
from trustwright.ports import Ports

_DELIVERED = ("trustwright.consumer.delivered", "trustwright.admin.issued")
_REVOKED = "trustwright.certificate.revoked"
_SERIAL = re.compile(r"^serial ([0-9a-f:]+)")


@dataclass(frozen=True)
class Act:
    """Something that was done to a certificate.

    Attributes:
        actor: flow run, command or person (a claim); empty when it is not known.
    """

    at: datetime
    actor: str
    detail: str = ""


@dataclass(frozen=True)
class Life:
    """One certificate from order to end; None is what did not happen, or is not on record.

    Attributes:
        state: at the time of the look.
        ordered: the intent that announced it.
        delivered: when its set was first put in place.
        replaced: when another certificate's set took its place.
    """

    certificate: CertificateRecord
    state: ShownState
    ordered: Act | None
    delivered: Act | None
    replaced: Act | None
    revoked: Act | None


def lives(
    ports: Ports, wanted: Selection, *, newest_first: bool = False, limit: int | None = None
) -> Iterator[Life]:
    """Yield the lives of certificates in the order of their issuance.

    Memory grows with the deliveries to the consumers that appear, not with the inventory.
    """
    now = ports.clock.now()
    places: dict[tuple[str, str], _Place] = {}
    order: Order = "-issued" if newest_first else "issued"
    for row in ports.records.inventory.select(wanted, now, order=order, limit=limit):
        own = (row.environment, row.subject)
        if own not in places:
            places[own] = _Place(_deliveries(ports, row))
        yield _life(ports, row, places[own], now)


def life(ports: Ports, row: CertificateRecord) -> Life:
    """Return the life of one certificate."""
    return _life(ports, row, _Place(_deliveries(ports, row)), ports.clock.now())


def intent_of(ports: Ports, row: CertificateRecord) -> IntentRecord | None:
    """Return the intent that announced a certificate."""
    return ports.records.intents.get(row.intent)


def delivery_of(ports: Ports, row: CertificateRecord) -> DeliveryRecord | None:
    """Return the newest delivery to a certificate's consumer; None for admins and probes."""
    if row.purpose != "consumer":
        return None
    return ports.records.deliveries.get(f"{row.environment}/{row.subject}")


def lines_of(ports: Ports, row: CertificateRecord) -> list[AuditRecord]:
    """Return the audit trail's lines that name a certificate, in their order."""
    own = ports.records.audit.find(environment=row.environment, subject=row.id)
    delivered = (line for line in _deliveries(ports, row) if _serial_of(line) == row.serial)
    return sorted([*own, *delivered], key=lambda line: (line.at, line.id))


class _Place:
    """Where one consumer's or admin's sets go: which certificate came and went when."""

    def __init__(self, lines: Iterator[AuditRecord]) -> None:
        self.delivered: dict[str, Act] = {}
        self.replaced: dict[str, Act] = {}
        before = ""
        for line in lines:
            serial = _serial_of(line)
            act = Act(line.at, line.actor, line.detail)
            self.delivered.setdefault(serial, act)
            if before and before != serial:
                self.replaced.setdefault(before, Act(line.at, line.actor, f"by {serial}"))
            # One that comes back, as after an undo, is in place again.
            self.replaced.pop(serial, None)
            before = serial


def _deliveries(ports: Ports, row: CertificateRecord) -> Iterator[AuditRecord]:
    for subject in (f"{row.environment}/{row.subject}", row.subject):
        for line in ports.records.audit.find(environment=row.environment, subject=subject):
            if line.event in _DELIVERED and _serial_of(line):
                yield line


def _serial_of(line: AuditRecord) -> str:
    found = _SERIAL.match(line.detail)
    return found[1] if found else ""


def _life(ports: Ports, row: CertificateRecord, place: _Place, now: datetime) -> Life:
    intent = intent_of(ports, row)
    return Life(
        certificate=row,
        state=row.state_at(now),
        ordered=Act(intent.opened, intent.actor, intent.note) if intent else None,
        delivered=place.delivered.get(row.serial),
        replaced=place.replaced.get(row.serial),
        revoked=_revoked(ports, row),
    )


def _revoked(ports: Ports, row: CertificateRecord) -> Act | None:
    if row.state != "revoked" and row.revoked is None:
        return None
    lines = ports.records.audit.find(environment=row.environment, subject=row.id, event=_REVOKED)
    line = next(lines, None)
    if line is not None:
        return Act(line.at, line.actor, line.detail)
    return Act(row.revoked, "") if row.revoked else None
