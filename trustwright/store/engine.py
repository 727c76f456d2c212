"""Connections: what each database is told so that a committed row is there after a power cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection

from trustwright.errors import ConfigurationError
from trustwright.store import sqlite
from trustwright.store.failures import committing, translated

PATIENCE = 30
"""Seconds that a statement waits for a lock or a connection before it is *busy*."""

_FORMS = "sqlite:////absolute/path/store.db or postgresql://account:password@host/database"


def store_url(url: str) -> URL:
    """Return a checked URL with the driver that we ship.

    Raises:
        ConfigurationError: not a URL of SQLite or PostgreSQL, or a relative path (rule
            ``STORE-URL``). The text never repeats the URL: it may hold a password.
    """
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise _wrong("the store's URL cannot be read") from None
    name = parsed.get_backend_name()
    if name in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if name != "sqlite":
        raise _wrong(f"no store of the kind {name[:20]!r}")
    absolute = (parsed.database or "").startswith("/")
    if not absolute or parsed.query or parsed.host or parsed.username:
        raise _wrong("an SQLite store is an absolute path without options")
    return parsed.set(drivername="sqlite+pysqlite")


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(what, rule="STORE-URL", hint=f"write {_FORMS}")


def open_engine(url: str, *, patience: int = PATIENCE) -> Engine:
    """Return an engine; connects to nothing yet.

    Args:
        url: of SQLite or PostgreSQL.
        patience: seconds to wait for a lock, a connection or a statement.

    Raises:
        ConfigurationError: the URL is wrong (rule ``STORE-URL``).
    """
    parsed = store_url(url)
    file = parsed.get_backend_name() == "sqlite"
    connect = {"timeout": patience} if file else _postgres_connection(parsed, patience)
    with translated("store"):
        engine = create_engine(
            parsed,
            connect_args=connect,
            hide_parameters=True,
            pool_pre_ping=not file,
            pool_timeout=patience,
        )
    if file:
        event.listen(engine, "connect", sqlite.prepare)
        event.listen(engine, "begin", sqlite.begin)
    else:
        event.listen(engine, "connect", _PreparePostgres(patience))
    return engine


def _postgres_connection(url: URL, patience: int) -> dict[str, Any]:
    """Bound the waits for a server that is gone; what the URL says itself goes first."""
    wanted = {
        "connect_timeout": min(patience, 10),
        "tcp_user_timeout": patience * 1000,
        "application_name": "trustwright",
    }
    return {name: value for name, value in wanted.items() if name not in url.query}


class _PreparePostgres:
    """Bounds every wait, and refuses a server setting that answers before the disk has it."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def __call__(self, connection: DBAPIConnection, record: object) -> None:
        del record
        cursor = connection.cursor()
        cursor.execute(
            "SELECT set_config('lock_timeout', %(wait)s, false),"
            " set_config('statement_timeout', %(wait)s, false),"
            " set_config('idle_in_transaction_session_timeout', %(wait)s, false),"
            " CASE current_setting('synchronous_commit') WHEN 'off'"
            " THEN set_config('synchronous_commit', 'on', false) END",
            {"wait": f"{self._patience}s"},
        )
        cursor.close()
        connection.commit()


@contextmanager
def reading(engine: Engine, what: str) -> Iterator[Connection]:
    """Yield a connection for one short read.

    Raises:
        TrustwrightError: see `failures.translated`.
    """
    with translated(what), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, what: str) -> Iterator[Connection]:
    """Yield a connection in a transaction that is on disk when the block has ended.

    Raises:
        OutcomeUnknown: the connection was lost at commit.
        TrustwrightError: see `failures.translated`; nothing was written.
    """
    with translated(what), engine.execution_options(**sqlite.WRITES).connect() as connection:
        transaction = connection.begin()
        yield connection
        with committing(what):
            transaction.commit()
