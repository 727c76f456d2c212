"""The record: SQLite for one machine, PostgreSQL for a fleet; the only importer of SQLAlchemy.

`open_records` opens a store whose schema fits this program, `migrate` makes it fit. Every write is
one durable transaction of its own, and a compare-and-swap on the row's `version`.
"""

from __future__ import annotations

from trustwright.store.migrate import migrate
from trustwright.store.records import SqlRecords, open_records

__all__ = ["SqlRecords", "migrate", "open_records"]
