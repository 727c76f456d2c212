"""The tables: one column per field of `trustwright.model.records` and of `CeremonyRecord`.

Unique indexes carry in `info` what it means when a value is taken, so that the error can say it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from typing_extensions import override

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
    }
)

# Byte order on both databases: paging by key must not depend on the server's language, and an
# upgrade of the system's collations must not break a primary key.
_KEY = Text().with_variant(Text(collation="C"), "postgresql")


class UtcMoment(TypeDecorator[datetime]):
    """A time; timestamptz on PostgreSQL, UTC text on SQLite, aware in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC, because SQLite stores the digits alone."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC, whatever the server's time zone is."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class TextTuple(TypeDecorator[tuple[str, ...]]):
    """A tuple of texts as a JSON array."""

    impl = JSON().with_variant(JSONB(), "postgresql")
    cache_ok = True

    @override
    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> Any:
        """Return a list, which JSON knows."""
        del dialect
        return None if value is None else list(value)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:
        """Return the tuple that the strict models want."""
        del dialect
        return None if value is None else tuple(value)


def _key(name: str) -> Column[Any]:
    return Column(name, _KEY, primary_key=True)


def _text(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, _KEY, nullable=optional)


def _moment(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, UtcMoment, nullable=optional)


def _reference(name: str, target: str) -> Column[Any]:
    return Column(name, _KEY, ForeignKey(target), nullable=False)


def _version() -> Column[Any]:
    return Column("version", BigInteger, nullable=False)


def _unique(name: str, *columns: str, taken: str, hint: str, where: str | None = None) -> Index:
    """A unique index; `where` makes it cover only these rows (both databases know that)."""
    condition = None if where is None else text(where)
    return Index(
        name,
        *columns,
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
        info={"taken": taken, "hint": hint},
    )


environments = Table(
    "environments",
    metadata,
    _key("name"),
    _text("phase"),
    Column("generation", Integer, nullable=False),
    _text("holder", optional=True),
    _text("process", optional=True),
    _moment("held_since", optional=True),
    _moment("updated"),
    _version(),
)

issuers = Table(
    "issuers",
    metadata,
    _key("id"),
    _reference("environment", "environments.name"),
    Column("generation", Integer, nullable=False),
    _text("state"),
    _text("key_id"),
    _text("spki"),
    _text("issuer_id", optional=True),
    _text("certificate", optional=True),
    _text("anchor", optional=True),
    _text("anchor_serial", optional=True),
    _moment("anchor_not_before", optional=True),
    _text("canary", optional=True),
    _moment("updated"),
    _version(),
    _unique(
        "issuers_generation_key",
        "environment",
        "generation",
        taken="this environment has an issuer of this generation already",
        hint="read that one; a rotation takes the next generation",
    ),
)

ceremonies = Table(
    "ceremonies",
    metadata,
    _key("id"),
    _text("environment"),
    _text("kind"),
    Column("generation", Integer, nullable=True),
    _text("state"),
    _text("request"),
    _text("response", optional=True),
    Column("refusals", BigInteger, nullable=False),
    _text("refusal"),
    _text("reason", optional=True),
    _text("flow_run", optional=True),
    _moment("created"),
    _moment("expires"),
    _moment("closed", optional=True),
    _version(),
    _unique(
        "ceremonies_pending_key",
        "environment",
        "kind",
        where="state = 'pending'",
        taken="a ceremony of this kind is pending for this environment already",
        hint="answer or cancel the pending one first",
    ),
    Index("ceremonies_environment_idx", "environment", "kind", "state"),
    Index("ceremonies_state_idx", "state", "expires"),
)

intents = Table(
    "intents",
    metadata,
    _key("id"),
    _text("kind"),
    _text("environment"),
    _reference("issuer", "issuers.id"),
    _text("role"),
    _text("purpose"),
    _text("subject"),
    _text("owner", optional=True),
    _text("slot"),
    _text("spki"),
    Column("names", TextTuple, nullable=False),
    _text("state"),
    _text("serial", optional=True),
    _text("pem", optional=True),
    _text("actor"),
    _text("note"),
    _moment("opened"),
    _moment("closed", optional=True),
    _version(),
    _unique(
        "intents_open_key",
        "slot",
        where="state = 'open'",
        taken="this slot has an open intent already",
        hint="wait for the run that opened it, or let a run settle the slot",
    ),
    Index("intents_state_idx", "state", "environment"),
    Index("intents_serial_idx", "serial"),
)

certificates = Table(
    "certificates",
    metadata,
    _key("id"),
    _text("environment"),
    _reference("issuer", "issuers.id"),
    _text("serial"),
    _text("role"),
    _text("purpose"),
    _text("subject"),
    _text("owner"),
    Column("names", TextTuple, nullable=False),
    _text("spki"),
    _moment("not_before"),
    _moment("not_after"),
    _text("state"),
    _text("pem"),
    _text("intent"),
    _moment("recorded"),
    _moment("revoked", optional=True),
    _version(),
    _unique(
        "certificates_serial_key",
        "issuer",
        "serial",
        taken="this issuer's certificate with this serial is recorded already",
        hint="read that one",
    ),
    Index("certificates_subject_idx", "environment", "subject", "state"),
    Index("certificates_owner_idx", "owner", "state"),
    Index("certificates_expiry_idx", "state", "not_after"),
    Index("certificates_serial_idx", "serial"),
    Index("certificates_intent_idx", "intent"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _key("id"),
    _text("environment"),
    _text("consumer"),
    _text("target"),
    _text("state"),
    Column("number", BigInteger, nullable=False),
    _text("serial", optional=True),
    _text("manifest", optional=True),
    _text("trust", optional=True),
    _moment("crl_until", optional=True),
    _text("problem"),
    _text("holder", optional=True),
    _moment("held_since", optional=True),
    _moment("updated"),
    _version(),
    Index("deliveries_environment_idx", "environment", "state"),
)

audit = Table(
    "audit",
    metadata,
    _key("id"),
    _moment("at"),
    _text("event"),
    _text("environment"),
    _text("subject"),
    _text("actor"),
    _text("detail"),
    _version(),
    Index("audit_at_idx", "at"),
    Index("audit_subject_idx", "environment", "subject"),
    Index("audit_event_idx", "event"),
)
