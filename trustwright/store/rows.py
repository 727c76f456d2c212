"""One table of records: read by key, written by compare-and-swap, streamed in pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, insert, select, update

from trustwright.errors import ConfigurationError, ConflictError
from trustwright.model.base import Artifact, first_problem
from trustwright.store.engine import reading, writing

RecordT = TypeVar("RecordT", bound=Artifact)

PAGE = 250
"""Rows that `SqlRows.find` holds in memory at a time."""


class SqlRows(Generic[RecordT]):
    """`trustwright.ports.Rows` over one SQL table whose columns are the record's fields."""

    def __init__(self, engine: Engine, table: Table, record: type[RecordT]) -> None:
        self._engine = engine
        self._table = table
        self._record = record
        (self._key,) = table.primary_key.columns

    def get(self, key: str) -> RecordT | None:
        """Return the record with this primary key, or None.

        Raises:
            Unavailable: the database does not answer.
        """
        with reading(self._engine, self._table.name) as connection:
            row = connection.execute(select(self._table).where(self._key == key)).first()
        return None if row is None else self._parse(row)

    def insert(self, record: RecordT) -> RecordT:
        """Add a record; it is on disk when this returns.

        Raises:
            ConflictError: the key, or another unique value, is taken (rule ``STORE-TAKEN``).
            Rejected: it names an environment or issuer that has no row.
            Unavailable: nothing was written.
            OutcomeUnknown: the connection was lost at commit.
        """
        with writing(self._engine, self._table.name) as connection:
            connection.execute(insert(self._table).values(_columns(record)))
            self._beside(connection, record)
        return record

    def replace(self, record: RecordT, **changes: object) -> RecordT:
        """Write `record` with `changes` and `version` + 1, if the row still has its version.

        Raises:
            ConflictError: somebody wrote it in between (rule ``STORE-STALE``), or a unique value
                is taken (rule ``STORE-TAKEN``).
            ConfigurationError: a change names no field, or its value does not fit.
            Unavailable: nothing was written.
            OutcomeUnknown: the connection was lost at commit.
        """
        changed = self._changed(record, changes)
        fields = _columns(record)
        statement = (
            update(self._table)
            .where(self._key == fields[self._key.name])
            .where(self._table.c.version == fields["version"])
            .values(_columns(changed))
        )
        with writing(self._engine, self._table.name) as connection:
            if connection.execute(statement).rowcount != 1:
                raise ConflictError(
                    f"{self._table.name}: {fields[self._key.name]} was written by another run",
                    rule="STORE-STALE",
                    hint="reread it and decide again",
                )
        return changed

    def find(self, **equals: object) -> Iterator[RecordT]:
        """Yield the records whose columns equal these values (None: is empty), by primary key.

        Each page is a short read of its own, so the caller may write while it iterates; a row
        that stops fitting before its page is read is not yielded.

        Raises:
            ConfigurationError: there is no such column; at the first row, like every error here.
        """
        wanted = [self._column(name) == value for name, value in equals.items()]
        after: str | None = None
        while True:
            page = self._page(wanted, after)
            for row in page:
                yield self._parse(row)
            if len(page) < PAGE:
                return
            after = page[-1]._mapping[self._key]  # noqa: SLF001 - a public accessor

    def _beside(self, connection: Connection, record: RecordT) -> None:
        """Write what belongs to a new record in other tables, in the same transaction."""

    def _page(self, wanted: list[ColumnElement[bool]], after: str | None) -> list[Row[Any]]:
        statement = select(self._table).where(*wanted).order_by(self._key).limit(PAGE)
        if after is not None:
            statement = statement.where(self._key > after)
        with reading(self._engine, self._table.name) as connection:
            return list(connection.execute(statement))

    def _column(self, name: str) -> ColumnElement[Any]:
        if name not in self._table.c:
            raise ConfigurationError(
                f"{self._table.name} has no column {name!r}", rule="STORE-COLUMN"
            )
        return self._table.c[name]

    def _changed(self, record: RecordT, changes: Mapping[str, object]) -> RecordT:
        fields = _columns(record)
        fixed = sorted({self._key.name, "version"} & changes.keys())
        if fixed:
            raise ConfigurationError(
                f"{self._table.name}: {fixed[0]} is not changed by hand", rule="STORE-COLUMN"
            )
        return self._validated({**fields, **changes, "version": fields["version"] + 1})

    def _parse(self, row: Row[Any]) -> RecordT:
        return self._validated(row._asdict())

    def _validated(self, fields: Mapping[str, object]) -> RecordT:
        try:
            return self._record.model_validate(dict(fields))
        except ValidationError as error:
            raise ConfigurationError(
                f"{self._table.name}: {fields.get(self._key.name)}: {first_problem(error)}",
                rule="STORE-VALUE",
            ) from None


def _columns(record: Artifact) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).model_fields}
