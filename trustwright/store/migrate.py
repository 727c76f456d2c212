"""Bringing a store to this program's schema, in one transaction, one migrator at a time."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from trustwright.store.engine import PATIENCE, open_engine, writing
from trustwright.store.revision import HEAD, refuse_newer, revision_of
from trustwright.store.sqlite import create_file, store_file, use_write_ahead_log

SCRIPTS = Path(__file__).with_name("migrations")

# Any fixed number; the lock ends with the transaction. SQLite's BEGIN IMMEDIATE does the same.
_LOCK = 7_236_105_922


def migrate(url: str, *, patience: int = PATIENCE) -> bool:
    """Make the store, or bring its schema up to date; return whether anything was changed.

    May be run by several processes at once, and again at any time.

    Raises:
        ConfigurationError: the URL is wrong, the file cannot be made, the account may not make
            tables, or the store was written by a newer program (rule ``STORE-AHEAD``).
        Unavailable: the database does not answer.
    """
    engine = open_engine(url, patience=patience)
    try:
        file = store_file(engine)
        if file is not None:
            create_file(file)
            use_write_ahead_log(file, patience)
        with writing(engine, "migration") as connection:
            return _upgrade(connection)
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> bool:
    if connection.dialect.name == "postgresql":
        _take_turns(connection)
    found = revision_of(connection)
    refuse_newer(found)
    if found == HEAD:
        return False
    _run_alembic(connection)
    return True


def _take_turns(connection: Connection) -> None:
    """Wait for another migrator, and give a long migration the time that it needs."""
    for wait in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {wait} = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _run_alembic(connection: Connection) -> None:
    # Only a migration needs Alembic, and importing it takes longer than a migration does.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
