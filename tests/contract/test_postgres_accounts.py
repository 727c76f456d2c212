"""`infra/postgres/create.sql` on a real server: each account can do its work, and no more."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from tests.contract.postgres import ACCOUNT, Postgres, _programs
from tests.contract.stores import environment, issuer
from tests.prefect.server import REPOSITORY
from trustwright.errors import ConfigurationError
from trustwright.store import migrate, open_records
from trustwright.store.tables import metadata

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]

SCRIPT = REPOSITORY / "infra" / "postgres" / "create.sql"
OWNER, FLOWS, PREFECT = "trustwright_owner", "trustwright_flows", "prefect"
ACCOUNTS = (OWNER, FLOWS, PREFECT)


@dataclass(frozen=True)
class Server:
    """A server on which the script has run; every account's password is the superuser's."""

    postgres: Postgres

    def url(self, account: str) -> str:
        """Return the store's address for an account."""
        return f"postgresql://{account}:{self.postgres.password}@/trustwright?host={self.postgres.folder}"

    def connect(self, account: str, database: str = "trustwright") -> psycopg.Connection[Any]:
        """Return a connection of an account."""
        return psycopg.connect(
            host=str(self.postgres.folder),
            user=account,
            password=self.postgres.password,
            dbname=database,
            autocommit=True,
        )


def run_script(postgres: Postgres) -> str:
    """Run the script as its first lines say; return what it complains about."""
    programs = _programs()
    assert programs is not None
    done = subprocess.run(
        [
            *(programs / "psql", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"),
            *("--dbname", "postgres", "--file", SCRIPT),
        ],
        env={
            "PATH": os.environ["PATH"],
            "PGHOST": str(postgres.folder),
            "PGUSER": ACCOUNT,
            "PGPASSWORD": postgres.password,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Server]:
    """Return a server with the accounts, and the store migrated by its owner."""
    assert run_script(postgres) == ""
    with postgres.connect() as connection:
        for account in ACCOUNTS:
            word = sql.Literal(postgres.password)
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(account), word)
            )
    found = Server(postgres)
    migrate(found.url(OWNER))
    yield found
    with postgres.connect() as connection:
        for database in ("trustwright", "prefect"):
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database)))
        for account in ACCOUNTS:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(account)))


def test_a_second_run_changes_nothing(server: Server) -> None:
    """Also over tables that are there: the flows' account can still use them."""
    with open_records(server.url(FLOWS)) as records:
        before = list(records.environments.find())
        run_script(server.postgres)
        assert list(records.environments.find()) == before


def test_the_flows_account_keeps_records(server: Server) -> None:
    """It reads, inserts and updates every table, and finds the schema in order."""
    assert migrate(server.url(FLOWS)) is False
    with open_records(server.url(FLOWS)) as records:
        row = records.environments.insert(environment("kept"))
        records.environments.replace(row, phase="prepared")
        records.issuers.insert(issuer("kept"))
        assert [each.phase for each in records.environments.find()] == ["prepared"]
    with server.connect(FLOWS) as connection:
        for table in metadata.tables:
            query = "SELECT has_table_privilege(%s, 'SELECT, INSERT, UPDATE')"
            assert connection.execute(query, [table]).fetchone() == (True,)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DROP TABLE audit",
        "ALTER TABLE audit ADD COLUMN more text",
        "CREATE TABLE more (id text)",
        "CREATE SCHEMA more",
        "CREATE TEMPORARY TABLE more (id text)",
        "CREATE ROLE more",
        "CREATE DATABASE more",
        "SET ROLE trustwright_owner",
        "COPY audit TO '/tmp/audit'",
    ],
)
def test_the_flows_account_can_do_nothing_else(server: Server, statement: str) -> None:
    """No record disappears and no table changes, whatever takes the flows over."""
    with server.connect(FLOWS) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_migration_by_the_wrong_account_is_one_error(server: Server) -> None:
    """It says who may; the schema of the next release comes with the owner."""
    with server.postgres.connect("trustwright") as connection:
        connection.execute("ALTER TABLE alembic_version RENAME TO kept")
        try:
            with pytest.raises(ConfigurationError) as refused:
                migrate(server.url(FLOWS))
        finally:
            connection.execute("ALTER TABLE kept RENAME TO alembic_version")
    assert refused.value.rule == "STORE-LOGIN"
    assert "grants" in refused.value.hint


@pytest.mark.parametrize(
    ("account", "database"),
    [(PREFECT, "trustwright"), (FLOWS, "prefect"), (OWNER, "prefect")],
)
def test_prefect_and_the_store_do_not_meet(server: Server, account: str, database: str) -> None:
    """What steers runs cannot touch the record, and the other way round."""
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        server.connect(account, database)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_account_is_a_superuser(server: Server, account: str) -> None:
    """Nor may it make databases or accounts, or pass row security by."""
    query = """SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
                 FROM pg_roles WHERE rolname = %s"""
    with server.postgres.connect() as connection:
        assert connection.execute(query, [account]).fetchone() == (False,) * 5


def test_the_script_holds_no_password() -> None:
    """They are set afterwards, by hand or by whatever keeps secrets."""
    text = Path(SCRIPT).read_text()
    assert "PASSWORD '" not in text.upper()
