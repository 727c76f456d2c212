"""What tables are made of: their registry, the types of their columns, their unique indexes."""

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
    MetaData,
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
KEY = Text().with_variant(Text(collation="C"), "postgresql")


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


def key_column(name: str) -> Column[Any]:
    """Return the primary key."""
    return Column(name, KEY, primary_key=True)


def text_column(name: str, *, optional: bool = False) -> Column[Any]:
    """Return a text in byte order."""
    return Column(name, KEY, nullable=optional)


def moment_column(name: str, *, optional: bool = False) -> Column[Any]:
    """Return a point in time."""
    return Column(name, UtcMoment, nullable=optional)


def reference(name: str, target: str) -> Column[Any]:
    """Return a foreign key."""
    return Column(name, KEY, ForeignKey(target), nullable=False)


def version_column() -> Column[Any]:
    """Return what compare-and-swap looks at."""
    return Column("version", BigInteger, nullable=False)


def unique_index(
    name: str, *columns: str, taken: str, hint: str, where: str | None = None
) -> Index:
    """Return a unique index; `where` makes it cover only these rows (both databases know that)."""
    condition = None if where is None else text(where)
    return Index(
        name,
        *columns,
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
        info={"taken": taken, "hint": hint},
    )
