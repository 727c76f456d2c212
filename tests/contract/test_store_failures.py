"""What goes wrong between us and the database, and in which words it is said."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event

from tests.contract.postgres import Postgres
from tests.contract.stores import ceremony, delivery, environment, intent, line, with_issuer
from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    OutcomeUnknown,
    Rejected,
    TrustwrightError,
    Unavailable,
)
from trustwright.store import SqlRecords, migrate, open_records
from trustwright.store.engine import open_engine, reading, store_url, writing

pytestmark = pytest.mark.contract

SECRET = "hunter2-s3cret"  # in every URL below that is refused


def error_of(act: Callable[[], object]) -> TrustwrightError:
    """Return our error that the act must raise; nothing of it shows the password."""
    with pytest.raises(TrustwrightError) as raised:
        act()
    error = raised.value
    shown = "".join(traceback.format_exception(error))
    assert SECRET not in f"{shown} {vars(error)!r} {error.__context__!r} {error.__context__}"
    assert "[SQL:" not in shown
    return error


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///relative/store.db",
        f"sqlite:////store.db?key={SECRET}",
        f"sqlite://user:{SECRET}@/store.db",
        f"mysql://user:{SECRET}@host/db",
        f"postgresql://user:{SECRET}@host:port/db",
        f"sqlite://user:{SECRET}@//store.db",
    ],
)
@pytest.mark.parametrize("act", [open_records, migrate])
def test_a_wrong_url_is_refused(url: str, act: Callable[[str], object]) -> None:
    """The error shows the two forms that are understood, and never the URL."""
    error = error_of(lambda: act(url))
    assert (type(error), error.rule) == (ConfigurationError, "STORE-URL")
    assert "sqlite:////absolute/path/store.db" in error.hint


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_our_driver_is_used(scheme: str) -> None:
    """Whatever driver the URL names, the one that is installed with us answers."""
    assert store_url(f"{scheme}://a:b@h/d").drivername == "postgresql+psycopg"


def test_a_wrong_password_is_a_setting(postgres: Postgres) -> None:
    """The server's refusal names the account as the thing to mend, not the password."""
    error = error_of(lambda: open_records(postgres.url("postgres", SECRET)))
    assert (type(error), error.rule) == (ConfigurationError, "STORE-LOGIN")


def test_a_missing_database_is_a_setting(postgres: Postgres) -> None:
    """A database that does not exist is not waited for."""
    error = error_of(lambda: migrate(postgres.url("nowhere")))
    assert (type(error), error.rule) == (ConfigurationError, "STORE-ABSENT")


def test_an_account_without_rights_is_a_setting(postgres: Postgres) -> None:
    """An account that may not make tables is told so, and nothing is half made."""
    database = postgres.new_database()
    with postgres.connect(database) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'hunter2-s3cret'")
    url = f"postgresql://reader:{SECRET}@/{database}?host={postgres.folder}"
    error = error_of(lambda: migrate(url))
    assert (type(error), error.rule) == (ConfigurationError, "STORE-LOGIN")
    with postgres.connect(database) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
        connection.execute("DROP ROLE reader")


def test_a_server_that_is_down_is_unavailable(tmp_path: Path) -> None:
    """Nobody listens: try again later."""
    url = f"postgresql://a:{SECRET}@/d?host={tmp_path}"
    error = error_of(lambda: open_records(url))
    assert (type(error), error.rule) == (Unavailable, "STORE-DOWN")


def test_a_server_that_hangs_is_unavailable() -> None:
    """Something accepts and never answers: the wait is bounded."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://a:{SECRET}@127.0.0.1:{port}/d"
        error = error_of(lambda: open_records(url, patience=2))
    assert (type(error), error.rule) == (Unavailable, "STORE-DOWN")


def test_a_lost_session_is_replaced(postgres: Postgres, postgres_url: str) -> None:
    """A server restart costs nothing when the connection was idle."""
    with open_records(postgres_url) as records:
        records.audit.insert(line("a"))
        end_sessions(postgres)
        assert records.audit.insert(line("b")) == line("b")


def test_a_session_lost_in_a_statement_wrote_nothing(postgres: Postgres, postgres_url: str) -> None:
    """The connection dies before COMMIT was sent: unavailable, and the row is not there."""
    engine = open_engine(postgres_url)
    records = SqlRecords(engine)
    listener = KillOnce(postgres)
    event.listen(engine, "before_cursor_execute", listener.before_statement)
    error = error_of(lambda: records.audit.insert(line("a")))
    assert (type(error), error.rule) == (Unavailable, "STORE-DOWN")
    assert records.audit.get("a") is None
    records.close()


def test_a_session_lost_at_commit_is_unknown(postgres: Postgres, postgres_url: str) -> None:
    """The connection dies as COMMIT is sent: the error says that the row must be read again."""
    engine = open_engine(postgres_url)
    records = SqlRecords(engine)
    listener = KillOnce(postgres)
    event.listen(engine, "commit", listener.before_commit)
    error = error_of(lambda: records.audit.insert(line("a")))
    assert (type(error), error.rule) == (OutcomeUnknown, "STORE-OUTCOME")
    assert records.audit.get("a") is None  # in this case it was not written
    assert records.audit.insert(line("a")) == line("a")
    records.close()


class KillOnce:
    """Ends every other session of the server, the first time that it is asked."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres: Postgres | None = postgres

    def before_statement(
        self, connection: Connection, cursor: object, statement: str, *more: object
    ) -> None:
        """Strike before an INSERT."""
        if statement.startswith("INSERT"):
            self._strike()

    def before_commit(self, connection: Connection) -> None:
        """Strike before COMMIT is sent."""
        self._strike()

    def _strike(self) -> None:
        if self._postgres is not None:
            end_sessions(self._postgres)
            self._postgres = None


def end_sessions(postgres: Postgres) -> None:
    """Have the server end every session but this one, and wait until they are gone."""
    others = (
        "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with postgres.connect() as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {others}")


def test_a_locked_row_is_waited_for_and_then_busy(postgres: Postgres, postgres_url: str) -> None:
    """Somebody else's lock ends as unavailable after our patience, not never."""
    database = postgres_url.rpartition("?")[0].rpartition("/")[2]
    with open_records(postgres_url, patience=1) as records, postgres.connect(database) as other:
        row = records.environments.insert(environment())
        with other.transaction():
            other.execute("SELECT * FROM environments FOR UPDATE")
            error = error_of(lambda: records.environments.replace(row, phase="prepared"))
        assert (type(error), error.rule) == (Unavailable, "STORE-BUSY")
        assert records.environments.replace(row, phase="prepared").version == 1


def test_a_locked_file_is_waited_for_and_then_busy(sqlite_url: str) -> None:
    """Readers go on beside a writer; a second writer is refused after our patience."""
    with (
        open_records(sqlite_url, patience=1) as records,
        closing(sqlite3.connect(sqlite_url.removeprefix("sqlite://"))) as other,
    ):
        row = records.environments.insert(environment())
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        assert records.environments.get("prod") == row
        error = error_of(lambda: records.environments.replace(row, phase="prepared"))
        other.execute("ROLLBACK")
        assert (type(error), error.rule) == (Unavailable, "STORE-BUSY")
        assert records.environments.replace(row, phase="prepared").version == 1


def test_a_writer_takes_its_turn_before_it_reads(sqlite_url: str) -> None:
    """The write lock is held from the beginning: what a writer reads stays so until it commits."""
    engine = open_engine(sqlite_url)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite://"), timeout=0)) as other:
        other.isolation_level = None
        with reading(engine, "store"):
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        with writing(engine, "store"), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    engine.dispose()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The remedy is the backup; the file is left as it is."""
    file = tmp_path / "store.db"
    file.write_bytes(b"not a database, but long enough to be looked at" * 100)
    before = file.read_bytes()
    for error in (
        error_of(lambda: open_records(f"sqlite:///{file}")),
        error_of(lambda: migrate(f"sqlite:///{file}")),
    ):
        assert (type(error), error.rule) == (ConfigurationError, "STORE-DAMAGED")
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A path through a file cannot be made."""
    (tmp_path / "file").touch()
    error = error_of(lambda: migrate(f"sqlite:///{tmp_path}/file/store.db"))
    assert (type(error), error.rule) == (ConfigurationError, "STORE-FILE")
    assert error.where == f"{tmp_path}/file/store.db"


def test_a_table_that_is_gone_is_a_schema_fault(url: str, postgres: Postgres) -> None:
    """Somebody dropped a table: the error says that the schema does not fit."""
    with open_records(url) as records:
        execute(url, postgres, "ALTER TABLE audit RENAME TO hidden")
        try:
            error = error_of(lambda: records.audit.get("a"))
        finally:
            execute(url, postgres, "ALTER TABLE hidden RENAME TO audit")
    assert (type(error), error.rule) == (ConfigurationError, "STORE-SCHEMA")


def execute(url: str, postgres: Postgres, statement: str) -> None:
    """Run a statement beside our engine."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite://"))) as connection:
            connection.execute(statement)
            connection.commit()
        return
    database = url.rpartition("?")[0].rpartition("/")[2]
    with postgres.connect(database) as server:
        server.execute(statement.encode())


def test_a_row_that_this_program_cannot_read_is_said_so(url: str, postgres: Postgres) -> None:
    """A state that is not in the model is refused with table, key and field."""
    with open_records(url) as records:
        records.environments.insert(environment())
        execute(url, postgres, "UPDATE environments SET phase = 'molten'")
        error = error_of(lambda: records.environments.get("prod"))
        assert (type(error), error.rule) == (ConfigurationError, "STORE-VALUE")
        assert error.what.startswith("environments: prod: phase: Input should be 'planned'")


def test_a_number_that_is_too_large_is_rejected(url: str) -> None:
    """Beyond 64 bits: rejected for good, nothing written."""
    too_large = delivery().model_copy(update={"number": 2**70})
    with open_records(url) as records:
        error = error_of(lambda: records.deliveries.insert(too_large))
        assert (type(error), error.rule) == (Rejected, "STORE-VALUE")
        assert records.deliveries.get("prod/billing") is None


def test_a_nul_is_rejected_by_postgres(postgres_url: str) -> None:
    """PostgreSQL's text has no NUL."""
    with open_records(postgres_url) as records:
        error = error_of(lambda: records.audit.insert(line("a\0b")))
        assert (type(error), error.rule) == (Rejected, "STORE-VALUE")


def test_a_search_with_a_value_of_another_type_is_rejected(url: str) -> None:
    """A text where a time is wanted is an error, not an empty answer."""
    with open_records(url) as records:
        error = error_of(lambda: list(records.audit.find(at="yesterday")))
        assert (type(error), error.rule) == (Rejected, "STORE-VALUE")


def test_what_is_taken_is_said_in_words(url: str) -> None:
    """The error names the table and what the unique value means there."""
    with open_records(url) as records:
        with_issuer(records)
        records.intents.insert(intent("i1"))
        taken = error_of(lambda: records.intents.insert(intent("i2")))
        records.ceremonies.insert(ceremony(1))
        pending = error_of(lambda: records.ceremonies.insert(ceremony(2)))
    assert isinstance(taken, ConflictError)
    assert taken.what == "intents: this slot has an open intent already"
    assert pending.what == (
        "ceremonies: a ceremony of this kind is pending for this environment already"
    )


def test_opening_a_store_is_quick() -> None:
    """Alembic is imported by a migration only; nobody else waits for it."""
    code = "import sys, trustwright.store; print('alembic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout == "False\n"


def test_the_password_is_not_in_what_is_shown(postgres: Postgres) -> None:
    """Neither the engine nor the records repeat it."""
    engine = open_engine(postgres.url("postgres"))
    records = SqlRecords(engine)
    assert postgres.password not in f"{engine!r} {records!r} {vars(records)!r}"
    records.close()


def test_the_fixture_asks_for_the_password(postgres: Postgres) -> None:
    """The server of these tests is not one that lets everybody in."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url("postgres", SECRET), connect_timeout=5)
