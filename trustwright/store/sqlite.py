"""What SQLite has to be told: durable, one writer at a time, readable by this account alone."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from trustwright.errors import ConfigurationError
from trustwright.store.failures import translated

WRITES = {"trustwright_writes": True}
"""Execution option of a connection that will write."""

_PAUSE = 0.02


def prepare(connection: DBAPIConnection, record: object) -> None:
    """Set up a new connection; `begin` begins its transactions, not the driver's guess."""
    del record
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def begin(connection: Connection) -> None:
    """Begin; a writer takes the write lock first, because a late one would fail without waiting."""
    writes = connection.get_execution_options().get("trustwright_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def store_file(engine: Engine) -> Path | None:
    """Return the path of an SQLite store, None for PostgreSQL."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def create_file(path: Path) -> None:
    """Make an empty store file that only this account may read, unless it is there.

    `mknod` makes it without opening it: closing a second descriptor of a database file would drop
    the locks that SQLite holds in this process.

    Raises:
        ConfigurationError: the folder cannot be written (rule ``STORE-FILE``).
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mknod(path, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the store file cannot be made: {error.strerror}",
            rule="STORE-FILE",
            hint="check the folder's owner and mode",
            where=str(path),
        ) from None


def use_write_ahead_log(path: Path, patience: int) -> None:
    """Switch a store file to WAL, which stays with the file.

    Raises:
        ConfigurationError: its file system cannot do that (rule ``STORE-WAL``).
        Unavailable: it was locked for longer than `patience` seconds.
    """
    deadline = time.monotonic() + patience
    with translated("store"):
        mode = _journal_mode(path)
        # SQLite's own waiting does not cover this pragma, and two programs may start at once.
        while mode is None:
            time.sleep(_PAUSE)
            mode = _journal_mode(path, last=time.monotonic() > deadline)
    if mode != "wal":
        raise ConfigurationError(
            f"SQLite stays in journal mode {mode!r}",
            rule="STORE-WAL",
            hint="put the store on a local disk, or use PostgreSQL",
            where=str(path),
        )


def _journal_mode(path: Path, *, last: bool = False) -> str | None:
    """Ask for WAL; return the mode, or None when the file is locked and another try follows."""
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if last or not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise
            return None
