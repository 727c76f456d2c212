"""The store in memory: same rules as the real one, held to them by the same contract suite."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from tests.fakes.inventory import FakeInventory
from trustwright.errors import ConfigurationError, ConflictError, Rejected
from trustwright.model.base import Artifact, first_problem
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.records import (
    AuditRecord,
    CertificateRecord,
    DeliveryRecord,
    EnvironmentRecord,
    IntentRecord,
    IssuerRecord,
)
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord
from trustwright.ports import Agenda, Census, Inventory, Recorded, Rows

RecordT = TypeVar("RecordT", bound=Artifact)
Unique = Callable[[Any], object | None]
"""Returns the value that no two records may share, or None for a record that it leaves out."""


class FakeRows(Generic[RecordT]):
    """`trustwright.ports.Rows` over a dictionary; thread-safe."""

    def __init__(
        self,
        record: type[RecordT],
        *,
        key: str = "id",
        unique: Unique | None = None,
        parent: tuple[str, FakeRows[Any]] | None = None,
        fixed: tuple[str, ...] = (),
    ) -> None:
        self._record = record
        self._key = key
        self._unique = unique
        self._parent = parent
        self._fixed = {key, "version", *fixed}
        self._rows: dict[str, RecordT] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> RecordT | None:
        """Return the record with this key, or None."""
        return self._rows.get(key)

    def insert(self, record: RecordT) -> RecordT:
        """Add a record; ConflictError when the key or the unique value is taken."""
        with self._lock:
            if self._key_of(record) in self._rows:
                raise ConflictError(f"{self._key_of(record)} is there", rule="STORE-TAKEN")
            self._check(record)
            self._rows[self._key_of(record)] = record
        return record

    def replace(self, record: RecordT, **changes: object) -> RecordT:
        """Write `record` with `changes`; ConflictError when the version has moved on."""
        changed = self._changed(record, changes)
        with self._lock:
            current = self._rows.get(self._key_of(record))
            if current is None or _version(current) != _version(record):
                raise ConflictError(f"{self._key_of(record)} was written", rule="STORE-STALE")
            self._check(changed)
            self._rows[self._key_of(record)] = changed
        return changed

    def find(self, **equals: object) -> Iterator[RecordT]:
        """Yield the records whose fields equal these values, by key."""
        for name in equals:
            if name not in self._record.model_fields:
                raise ConfigurationError(f"no column {name!r}", rule="STORE-COLUMN")
        with self._lock:
            keys = sorted(self._rows)
        for key in keys:
            row = self._rows[key]
            if all(getattr(row, name) == value for name, value in equals.items()):
                yield row

    def _key_of(self, record: RecordT) -> str:
        return str(getattr(record, self._key))

    def _changed(self, record: RecordT, changes: Mapping[str, object]) -> RecordT:
        for name in sorted(self._fixed & changes.keys()):
            raise ConfigurationError(f"{name} is not changed by hand", rule="STORE-COLUMN")
        fields = {name: getattr(record, name) for name in self._record.model_fields}
        try:
            return self._record.model_validate(
                {**fields, **changes, "version": _version(record) + 1}
            )
        except ValidationError as error:
            raise ConfigurationError(first_problem(error), rule="STORE-VALUE") from None

    def _check(self, record: RecordT) -> None:
        if self._parent and self._parent[1].get(getattr(record, self._parent[0])) is None:
            raise Rejected(f"no {getattr(record, self._parent[0])}", rule="STORE-REFERENCE")
        wanted = self._unique(record) if self._unique else None
        if self._unique is None or wanted is None:
            return
        for key, row in self._rows.items():
            if key != self._key_of(record) and self._unique(row) == wanted:
                raise ConflictError(f"{wanted} is taken by {key}", rule="STORE-TAKEN")


def _version(record: Artifact) -> int:
    version: int = record.version  # type: ignore[attr-defined] # every record has one
    return version


class FakeAgenda:
    """`trustwright.ports.Agenda` over the other fakes."""

    def __init__(self, records: FakeRecords) -> None:
        self._records = records

    def expiring(
        self, environment: str, role: str, before: datetime
    ) -> Iterator[CertificateRecord]:
        """Yield valid certificates of consumers that end by then, soonest first."""
        rows = self._records.certificates.find(
            environment=environment, role=role, state="valid", purpose="consumer"
        )
        yield from sorted(
            (row for row in rows if row.not_after <= before),
            key=lambda row: (row.not_after, row.id),
        )

    def unsettled(self, environment: str, crl_before: datetime) -> Iterator[DeliveryRecord]:
        """Yield what is not delivered by state and key, then what has stale CRLs."""
        rows = list(self._records.deliveries.find(environment=environment))
        for state in ("planned", "undone", "failed", "waiting"):
            yield from (row for row in rows if row.state == state)
        stale = [
            (row.crl_due, row.id, row)
            for row in rows
            if row.state == "delivered" and row.crl_due is not None and row.crl_due <= crl_before
        ]
        yield from (row for _, _, row in sorted(stale, key=lambda each: each[:2]))

    def longest_unlooked(self, environment: str, limit: int) -> Sequence[DeliveryRecord]:
        """Return those that nobody ever looked at, then those longest ago."""
        rows = list(self._records.deliveries.find(environment=environment))
        never = [row for row in rows if row.looked is None]
        looked = [(row.looked, row.id, row) for row in rows if row.looked is not None]
        return [*never, *(row for _, _, row in sorted(looked, key=lambda each: each[:2]))][:limit]

    def unserved(self, environment: str, names: Sequence[str]) -> Sequence[str]:
        """Return those that have no delivery."""
        known = {row.consumer for row in self._records.deliveries.find(environment=environment)}
        return [name for name in names if name not in known]

    def recorded(self, environment: str) -> Iterator[Recorded]:
        """Yield every certificate by serial."""
        rows = self._records.certificates.find(environment=environment)
        for row in sorted(rows, key=lambda row: (row.serial, row.id)):
            yield Recorded(row.id, row.serial, row.subject, row.state, row.not_after)

    def last_sweep(self, environment: str) -> SweepRecord | None:
        """Return the newest that ended."""
        rows = self._records.sweeps.find(environment=environment)
        ended = [row for row in rows if row.ended is not None]
        return max(ended, key=lambda row: row.id, default=None)


class FakeCensus:
    """`trustwright.ports.Census` over the other fakes."""

    def __init__(self, records: FakeRecords) -> None:
        self._records = records

    def ending(self, environment: str, role: str, edges: Sequence[datetime]) -> tuple[int, ...]:
        """Return how many valid certificates end up to each edge, then those that end later."""
        rows = self._records.certificates.find(environment=environment, role=role, state="valid")
        places = Counter(bisect_left(edges, row.not_after) for row in rows)
        return tuple(places[at] for at in range(len(edges) + 1))

    def ends(self, environment: str, role: str) -> Iterator[tuple[str, datetime]]:
        """Yield consumers with the notAfter of their valid certificates, soonest first."""
        rows = self._records.certificates.find(
            environment=environment, role=role, state="valid", purpose="consumer"
        )
        for row in sorted(rows, key=lambda row: (row.not_after, row.id)):
            yield row.subject, row.not_after

    def delivered(self, environment: str) -> tuple[int, int]:
        """Return how many hold what was delivered last, and the sum of the versions."""
        rows = list(self._records.deliveries.find(environment=environment))
        return sum(row.state == "delivered" for row in rows), sum(row.number for row in rows)

    def list_ends(self, environment: str) -> Iterator[tuple[str, datetime]]:
        """Yield consumers with the nextUpdate of their CRLs, by when half of a life is over."""
        rows = self._records.deliveries.find(environment=environment)
        known = [(row.crl_due, row.id, row) for row in rows if row.crl_due is not None]
        for due, _, row in sorted(known, key=lambda each: each[:2]):
            yield row.consumer, row.crl_until or due

    def happened(self, event: str) -> Mapping[str, int]:
        """Return how often an event happened, by environment; that people were told is none."""
        rows = self._records.audit.find(event=event)
        return Counter(row.environment for row in rows if row.id[:1].isdigit())


class FakeRecords:
    """`trustwright.ports.Records` in memory, empty at first."""

    def __init__(self) -> None:
        environments = FakeRows(EnvironmentRecord, key="name")
        issuers = FakeRows(
            IssuerRecord,
            unique=lambda row: (row.environment, row.generation),
            parent=("environment", environments),
        )
        self.environments: Rows[EnvironmentRecord] = environments
        self.issuers: Rows[IssuerRecord] = issuers
        self.ceremonies: Rows[CeremonyRecord] = FakeRows(
            CeremonyRecord,
            unique=lambda row: (row.environment, row.kind) if row.state == "pending" else None,
        )
        self.intents: Rows[IntentRecord] = FakeRows(
            IntentRecord,
            unique=lambda row: row.slot if row.state == "open" else None,
            parent=("issuer", issuers),
        )
        self.certificates: Rows[CertificateRecord] = FakeRows(
            CertificateRecord,
            unique=lambda row: (row.issuer, row.serial),
            parent=("issuer", issuers),
            fixed=("names",),
        )
        self.deliveries: Rows[DeliveryRecord] = FakeRows(DeliveryRecord)
        self.audit: Rows[AuditRecord] = FakeRows(AuditRecord)
        self.findings: Rows[FindingRecord] = FakeRows(FindingRecord)
        self.breakers: Rows[BreakerRecord] = FakeRows(BreakerRecord)
        self.sweeps: Rows[SweepRecord] = FakeRows(SweepRecord)
        self.agenda: Agenda = FakeAgenda(self)
        self.inventory: Inventory = FakeInventory(self.certificates)
        self.census: Census = FakeCensus(self)
