"""How the databases answer a question: which index they walk, and whether they sort."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from trustwright.store import SqlRecords

_ONLY_BY_INDEX = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort")


class Plans:
    """The plan of each statement that ran; on PostgreSQL as if the tables were large."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ran: list[tuple[str, Any]] = []

    def heard(
        self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        """Remember a statement."""
        if statement.startswith("SELECT"):
            self._ran.append((statement, parameters))

    def texts(self) -> list[str]:
        """Return each plan."""
        file = self._engine.dialect.name == "sqlite"
        with self._engine.connect() as connection:
            settings = () if file else _ONLY_BY_INDEX
            for text in (
                *(f"SET {name} = off" for name in settings),
                *(() if file else ("ANALYZE",)),
            ):
                connection.exec_driver_sql(text)
            explain = "EXPLAIN QUERY PLAN " if file else "EXPLAIN "
            found = [
                "\n".join(
                    str(row[-1]) for row in connection.exec_driver_sql(explain + text, values)
                )
                for text, values in self._ran
            ]
            connection.rollback()
        return found

    def indexes(self) -> list[str]:
        """Return the one index of the outermost table of each plan, with ``sort`` if it sorts."""
        return [_index(text) for text in self.texts()]


@contextmanager
def plans_of(records: SqlRecords) -> Iterator[Plans]:
    """Listen to what runs on a store within the block."""
    engine = records._engine
    plans = Plans(engine)
    event.listen(engine, "before_cursor_execute", plans.heard)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", plans.heard)


def _index(plan: str) -> str:
    found = re.findall(r"(?:USING (?:COVERING )?INDEX|Scan (?:Backward )?using) (\w+)", plan)
    sorts = "Sort" in plan or "TEMP B-TREE" in plan
    return " ".join([*dict.fromkeys(found), *(["sort"] if sorts else [])])
