"""Records to store, and the three stores that the contract is about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contract.postgres import Postgres
from tests.fakes.records import FakeRecords
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
from trustwright.ports import Records
from trustwright.store import migrate, open_records

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)
SPKI = "ab" * 32


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A migrated SQLite store."""
    url = f"sqlite:///{tmp_path}/store.db"
    migrate(url)
    return url


@pytest.fixture(scope="session")
def postgres_schema(postgres: Postgres) -> tuple[Postgres, str]:
    """A migrated database of the session."""
    database = postgres.new_database()
    migrate(postgres.url(database))
    return postgres, database


@pytest.fixture
def postgres_url(postgres_schema: tuple[Postgres, str]) -> str:
    """The session's PostgreSQL store, emptied."""
    postgres, database = postgres_schema
    with postgres.connect(database) as connection:
        connection.execute(
            "TRUNCATE environments, issuers, ceremonies, intents, certificates, certificate_names,"
            " deliveries, audit, findings, breakers, sweeps"
        )
    return postgres.url(database)


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def url(request: pytest.FixtureRequest) -> str:
    """Each of the two real stores, migrated and empty."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["fake", "sqlite_url", "postgres_url"])
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    """Each store, empty."""
    if request.param == "fake":
        yield FakeRecords()
        return
    with open_records(request.getfixturevalue(request.param)) as opened:
        yield opened


def environment(name: str = "prod") -> EnvironmentRecord:
    """An environment's row."""
    return EnvironmentRecord(name=name, updated=NOW)


def issuer(name: str = "prod", generation: int = 1) -> IssuerRecord:
    """An issuer's row."""
    return IssuerRecord(
        id=f"{name}-g{generation}",
        environment=name,
        generation=generation,
        key_id="k",
        spki=SPKI,
        updated=NOW,
    )


def ceremony(number: int = 1, name: str = "prod") -> CeremonyRecord:
    """A pending ceremony's row."""
    return CeremonyRecord(
        id=f"{number:064x}",
        environment=name,
        kind="sign-intermediate",
        generation=1,
        request="{}",
        created=NOW,
        expires=LATER,
    )


def intent(key: str = "i1", slot: str = "consumer/prod/billing") -> IntentRecord:
    """An open intent's row."""
    return IntentRecord(
        id=key,
        kind="sign",
        environment="prod",
        issuer="prod-g1",
        role="server",
        purpose="consumer",
        subject="billing",
        slot=slot,
        spki=SPKI,
        names=("b.prod.example.internal", "a.prod.example.internal"),
        opened=NOW,
    )


def certificate(serial: str = "0a:ff", key: str | None = None) -> CertificateRecord:
    """An inventory row."""
    return CertificateRecord(
        id=key or f"prod-g1/{serial}",
        environment="prod",
        issuer="prod-g1",
        serial=serial,
        role="server",
        purpose="consumer",
        subject="billing",
        owner="Zahlungen ₿ 'x'; --",
        names=("billing.prod.example.internal",),
        spki=SPKI,
        not_before=NOW,
        not_after=LATER,
        pem="-----BEGIN CERTIFICATE-----\n",
        intent="i1",
        recorded=NOW,
    )


def delivery(consumer: str = "billing") -> DeliveryRecord:
    """A delivery's row."""
    return DeliveryRecord(
        id=f"prod/{consumer}",
        environment="prod",
        consumer=consumer,
        target="/etc/billing",
        state="delivered",
        number=2**40,
        serial="0a:ff",
        manifest=SPKI,
        updated=NOW,
    )


def line(key: str) -> AuditRecord:
    """A line of the audit trail."""
    return AuditRecord(
        id=key, at=NOW, event="trustwright.test.done", environment="prod", subject="s", actor="a"
    )


def finding(subject: str = "billing") -> FindingRecord:
    """An open finding's row."""
    return FindingRecord(
        id=f"certificate-rogue/prod/{subject}",
        kind="certificate-rogue",
        environment="prod",
        subject=subject,
        severity="critical",
        summary="Zertifikat ₿ 'x'; --",
        remedy="look",
        due=LATER,
        opened=NOW,
        seen=NOW,
    )


def breaker(name: str = "billing") -> BreakerRecord:
    """An open breaker's row."""
    return BreakerRecord(
        id=f"consumer/prod/{name}",
        environment="prod",
        state="open",
        failures=3,
        since=NOW,
        opened=NOW,
        retry_at=LATER,
        problem="reload failed",
        updated=NOW,
    )


def sweep(key: str = "20261123T120000Z-1", environment: str = "") -> SweepRecord:
    """An ended sweep's row."""
    return SweepRecord(
        id=key,
        environment=environment,
        actor="run-1",
        started=NOW,
        ended=NOW,
        due=2**40,
        problems=("prod: Vault does not answer",),
    )


def with_issuer(records: Records) -> Records:
    """Insert the rows that intents and certificates hang on."""
    records.environments.insert(environment())
    records.issuers.insert(issuer())
    return records
