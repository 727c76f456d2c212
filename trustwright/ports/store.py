"""The store, as the lifecycle sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from trustwright.model.base import Artifact
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.inventory import Order, Selection, Tally
from trustwright.model.records import (
    AuditRecord,
    CertificateRecord,
    CertificateState,
    DeliveryRecord,
    EnvironmentRecord,
    IntentRecord,
    IssuerRecord,
)
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord

RecordT = TypeVar("RecordT", bound=Artifact)


class Rows(Protocol[RecordT]):
    """One table of records, written by compare-and-swap."""

    def get(self, key: str) -> RecordT | None:
        """Return the record with this primary key (`id` or `name`), or None."""
        ...

    def insert(self, record: RecordT) -> RecordT:
        """Add a record.

        Raises:
            ConflictError: the key, or another unique value, is taken.
        """
        ...

    def replace(self, record: RecordT, **changes: object) -> RecordT:
        """Write `record` with `changes` and `version` + 1, if the row still has its version.

        Raises:
            ConflictError: somebody wrote it in between; reread and decide again.
        """
        ...

    def find(self, **equals: object) -> Iterator[RecordT]:
        """Yield the records whose columns equal these values, by primary key, in bounded memory."""
        ...


@dataclass(frozen=True)
class Recorded:
    """What the comparison with Vault needs of one certificate of the inventory.

    Attributes:
        serial: hex with colons.
    """

    id: str
    serial: str
    subject: str
    state: CertificateState
    not_after: datetime


class Agenda(Protocol):
    """What is to be looked at: each question costs what it answers, not what the store holds."""

    def expiring(
        self, environment: str, role: str, before: datetime
    ) -> Iterator[CertificateRecord]:
        """Yield valid certificates of consumers that end at `before` or earlier, soonest first.

        In bounded memory, each page a read of its own.
        """
        ...

    def unsettled(self, environment: str, crl_before: datetime) -> Iterator[DeliveryRecord]:
        """Yield deliveries that are not *delivered*, or whose CRLs are due at `crl_before`."""
        ...

    def longest_unlooked(self, environment: str, limit: int) -> Sequence[DeliveryRecord]:
        """Return at most `limit` deliveries, first those that nobody ever looked at."""
        ...

    def unserved(self, environment: str, names: Sequence[str]) -> Sequence[str]:
        """Return those of the consumers that have no delivery, in their order."""
        ...

    def recorded(self, environment: str) -> Iterator[Recorded]:
        """Yield every certificate of an environment by serial, in byte order, a page at a time."""
        ...

    def last_sweep(self, environment: str) -> SweepRecord | None:
        """Return the newest sweep of an environment (empty: of the whole estate) that ended."""
        ...


class Inventory(Protocol):
    """Certificates by what is asked of them; nothing of it grows with what the store holds."""

    def select(
        self,
        wanted: Selection,
        now: datetime,
        *,
        order: Order = "expires",
        limit: int | None = None,
    ) -> Iterator[CertificateRecord]:
        """Yield at most `limit` certificates in this order, equals by key; each page is a read.

        `now` tells *expired* from *valid*.
        """
        ...

    def tallies(self, wanted: Selection, now: datetime) -> Sequence[Tally]:
        """Return how many fit of each environment and state, by both names."""
        ...


class Census(Protocol):
    """Counts and first places, cheap enough to be asked at every scrape."""

    def ending(self, environment: str, role: str, edges: Sequence[datetime]) -> tuple[int, ...]:
        """Return how many valid certificates end up to each edge, then those that end later.

        The edges ascend; the answer is one longer.
        """
        ...

    def ends(self, environment: str, role: str) -> Iterator[tuple[str, datetime]]:
        """Yield consumers with the notAfter of their valid certificates, soonest first.

        Whoever has left the estate file is among them. In bounded memory; stop when you know.
        """
        ...

    def delivered(self, environment: str) -> tuple[int, int]:
        """Return how many consumers hold what was delivered last, and how many sets ever were."""
        ...

    def list_ends(self, environment: str) -> Iterator[tuple[str, datetime]]:
        """Yield consumers with the nextUpdate of their CRLs, those first that are due first."""
        ...

    def happened(self, event: str) -> Mapping[str, int]:
        """Return how often an event happened, by environment; that people were told is no event."""
        ...


class Records(Protocol):
    """The store."""

    environments: Rows[EnvironmentRecord]
    issuers: Rows[IssuerRecord]
    ceremonies: Rows[CeremonyRecord]
    intents: Rows[IntentRecord]
    certificates: Rows[CertificateRecord]
    deliveries: Rows[DeliveryRecord]
    audit: Rows[AuditRecord]
    findings: Rows[FindingRecord]
    breakers: Rows[BreakerRecord]
    sweeps: Rows[SweepRecord]
    agenda: Agenda
    inventory: Inventory
    census: Census
