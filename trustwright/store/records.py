"""The store as `trustwright.ports.Records`."""

from __future__ import annotations

from typing import Self

from sqlalchemy import Engine

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
from trustwright.ports import Agenda, Census, Inventory, Rows
from trustwright.store import tables
from trustwright.store.agenda import SqlAgenda
from trustwright.store.census import SqlCensus
from trustwright.store.engine import PATIENCE, open_engine
from trustwright.store.inventory import SqlInventory
from trustwright.store.names import SqlCertificates
from trustwright.store.revision import check_revision
from trustwright.store.rows import SqlRows


class SqlRecords:
    """Every table of the store, over one engine; may be shared between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.environments: Rows[EnvironmentRecord] = SqlRows(
            engine, tables.environments, EnvironmentRecord
        )
        self.issuers: Rows[IssuerRecord] = SqlRows(engine, tables.issuers, IssuerRecord)
        self.ceremonies: Rows[CeremonyRecord] = SqlRows(engine, tables.ceremonies, CeremonyRecord)
        self.intents: Rows[IntentRecord] = SqlRows(engine, tables.intents, IntentRecord)
        self.certificates: Rows[CertificateRecord] = SqlCertificates(
            engine, tables.certificates, CertificateRecord
        )
        self.deliveries: Rows[DeliveryRecord] = SqlRows(engine, tables.deliveries, DeliveryRecord)
        self.audit: Rows[AuditRecord] = SqlRows(engine, tables.audit, AuditRecord)
        self.findings: Rows[FindingRecord] = SqlRows(engine, tables.findings, FindingRecord)
        self.breakers: Rows[BreakerRecord] = SqlRows(engine, tables.breakers, BreakerRecord)
        self.sweeps: Rows[SweepRecord] = SqlRows(engine, tables.sweeps, SweepRecord)
        self.agenda: Agenda = SqlAgenda(engine)
        self.inventory: Inventory = SqlInventory(engine)
        self.census: Census = SqlCensus(engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def open_records(url: str, *, patience: int = PATIENCE) -> SqlRecords:
    """Open a store whose schema fits this program.

    Args:
        url: of SQLite or PostgreSQL; a secret when it holds a password.
        patience: seconds to wait for a lock, a connection or a statement.

    Raises:
        ConfigurationError: the URL is wrong, there is no store yet, or its schema is older or
            newer than this program (rules ``STORE-URL``, ``STORE-ABSENT``, ``STORE-BEHIND``,
            ``STORE-AHEAD``).
        Unavailable: the database does not answer.
    """
    engine = open_engine(url, patience=patience)
    try:
        check_revision(engine)
    except BaseException:
        engine.dispose()
        raise
    return SqlRecords(engine)
