"""Consumers that left the estate: named with what hangs on them, retired when a person approved."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from trustwright.errors import ConflictError
from trustwright.lifecycle.consumers import consumers_of
from trustwright.lifecycle.environments import check_holder
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.model.plan import Change
from trustwright.model.records import CertificateRecord, DeliveryRecord
from trustwright.ports import Ports


@dataclass(frozen=True)
class Leaver:
    """A consumer of the record that the estate file does not have.

    Attributes:
        delivery: its row; None when only certificates are left.
        certificates: those that a relying party would still take.
    """

    environment: str
    name: str
    delivery: DeliveryRecord | None
    certificates: tuple[CertificateRecord, ...]

    @property
    def address(self) -> str:
        """The address under which a plan shows it."""
        return f"{self.environment}/consumers/{self.name}"

    def change(self) -> Change:
        """Return its retirement as a plan shows it."""
        revoked = [
            f"revokes {each.id} ({each.role}, valid until {each.not_after:%Y-%m-%d %H:%M} UTC)"
            for each in self.certificates
        ]
        left = [f"leaves its files in {self.delivery.target}"] if self.delivery else []
        return Change(
            self.address,
            "delete",
            why=("it is in the record and not in the estate file",),
            destructive=True,
            consequences=(*revoked, *left),
        )


def leavers(ports: Ports, environment: str) -> list[Leaver]:
    """Return who left and is not retired yet, by name."""
    staying = {each.name for each in consumers_of(ports, environment)}
    rows = {
        row.consumer: row
        for row in ports.records.deliveries.find(environment=environment)
        if row.consumer not in staying and row.state != "retired"
    }
    held: dict[str, list[CertificateRecord]] = {}
    now = ports.clock.now()
    valid = ports.records.certificates.find(
        environment=environment, purpose="consumer", state="valid"
    )
    for each in valid:
        if each.subject not in staying and each.not_after > now:
            held.setdefault(each.subject, []).append(each)
    return [
        Leaver(environment, name, rows.get(name), tuple(held.get(name, ())))
        for name in sorted({*rows, *held})
    ]


def retire_consumers(ports: Ports, environment: str, approved: Collection[str]) -> list[str]:
    """Retire who left and was approved by address; return one phrase each.

    Certificates are revoked first, the row is closed last: whoever dies in between leaves a row
    that the next run finds.

    Raises:
        ConflictError: this run does not hold the environment any more, or another run serves the
            consumer at this moment (rule ``LOCK-HELD``).
        TrustwrightError: a certificate could not be revoked.
    """
    gone = [each for each in leavers(ports, environment) if each.address in approved]
    return [_retire(ports, each) for each in gone]


def _retire(ports: Ports, leaver: Leaver) -> str:
    check_holder(ports, leaver.environment)
    _refuse_served(ports, leaver)
    for row in leaver.certificates:
        revoke_certificate(ports, row, "its consumer left the estate")
    if leaver.delivery is not None:
        ports.records.deliveries.replace(
            leaver.delivery,
            state="retired",
            problem="",
            failing_since=None,
            crl_due=None,
            holder=None,
            held_since=None,
            updated=ports.clock.now(),
        )
    count = len(leaver.certificates)
    revoked = f"{count} certificate{'' if count == 1 else 's'} revoked"
    key = f"{leaver.environment}/{leaver.name}"
    note(ports, "trustwright.consumer.retired", leaver.environment, key, revoked)
    return f"{leaver.name} retired, {revoked}"


def _refuse_served(ports: Ports, leaver: Leaver) -> None:
    row = leaver.delivery
    if row is None or row.holder in {None, ports.actor} or not ports.runs.alive(row.holder or ""):
        return
    raise ConflictError(
        f"run {row.holder} serves {row.id} since {row.held_since}",
        rule="LOCK-HELD",
        hint="wait for that run, then run again",
    )
