"""The store, as the lifecycle sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

from trustwright.model.base import Artifact
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.records import (
    AuditRecord,
    CertificateRecord,
    DeliveryRecord,
    EnvironmentRecord,
    IntentRecord,
    IssuerRecord,
)

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


class Records(Protocol):
    """The store."""

    environments: Rows[EnvironmentRecord]
    issuers: Rows[IssuerRecord]
    ceremonies: Rows[CeremonyRecord]
    intents: Rows[IntentRecord]
    certificates: Rows[CertificateRecord]
    deliveries: Rows[DeliveryRecord]
    audit: Rows[AuditRecord]
