"""`infra/postgres/create.sql` on a real server: each account can do its work, and no more."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.contract.accounts import (
    ACCOUNTS,
    FLOWS,
    OWNER,
    PREFECT,
    SCRIPT,
    Server,
    psql_environment,
    run,
    run_script,
)
from tests.contract.stores import environment, issuer
from trustwright.errors import ConfigurationError
from trustwright.store import migrate, open_records
from trustwright.store.tables import metadata

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


def test_a_second_run_changes_nothing(accounts: Server) -> None:
    """Also over tables that are there: the flows' account can still use them."""
    with open_records(accounts.url(FLOWS)) as records:
        before = list(records.environments.find())
        run_script(accounts.postgres)
        assert list(records.environments.find()) == before


def test_the_flows_account_keeps_records(accounts: Server) -> None:
    """It reads, inserts and updates every table, and finds the schema in order."""
    assert migrate(accounts.url(FLOWS)) is False
    with open_records(accounts.url(FLOWS)) as records:
        row = records.environments.insert(environment("kept"))
        records.environments.replace(row, phase="prepared")
        records.issuers.insert(issuer("kept"))
        assert [each.phase for each in records.environments.find(name="kept")] == ["prepared"]
    with accounts.connect(FLOWS) as connection:
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
def test_the_flows_account_can_do_nothing_else(accounts: Server, statement: str) -> None:
    """No record disappears and no table changes, whatever takes the flows over."""
    with accounts.connect(FLOWS) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_migration_by_the_wrong_account_is_one_error(accounts: Server) -> None:
    """It says who may; the schema of the next release comes with the owner."""
    with accounts.postgres.connect("trustwright") as connection:
        connection.execute("ALTER TABLE alembic_version RENAME TO kept")
        try:
            with pytest.raises(ConfigurationError) as refused:
                migrate(accounts.url(FLOWS))
        finally:
            connection.execute("ALTER TABLE kept RENAME TO alembic_version")
    assert refused.value.rule == "STORE-LOGIN"
    assert "grants" in refused.value.hint


@pytest.mark.parametrize(
    ("account", "database"),
    [(PREFECT, "trustwright"), (FLOWS, "prefect"), (OWNER, "prefect")],
)
def test_prefect_and_the_store_do_not_meet(accounts: Server, account: str, database: str) -> None:
    """What steers runs cannot touch the record, and the other way round."""
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        accounts.connect(account, database)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_account_is_a_superuser(accounts: Server, account: str) -> None:
    """Nor may it make databases or accounts, or pass row security by."""
    query = """SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
                 FROM pg_roles WHERE rolname = %s"""
    with accounts.postgres.connect() as connection:
        assert connection.execute(query, [account]).fetchone() == (False,) * 5


def test_a_dump_is_restored_by_the_owner(accounts: Server, tmp_path: Path) -> None:
    """As the runbook says: a new database from the script, and the flows go on with their rows."""
    with open_records(accounts.url(FLOWS)) as records:
        if records.environments.get("dumped") is None:
            records.environments.insert(environment("dumped"))
        before = list(records.environments.find())
    owner = psql_environment(accounts.postgres) | {"PGUSER": OWNER}
    dump = tmp_path / "store.dump"
    run(["pg_dump", "--format", "custom", "--file", dump, "trustwright"], owner)
    with accounts.postgres.connect() as connection:
        connection.execute("DROP DATABASE trustwright")
    run_script(accounts.postgres)
    run(["pg_restore", "--dbname", "trustwright", dump], owner)
    with open_records(accounts.url(FLOWS)) as records:
        assert list(records.environments.find()) == before
        records.environments.replace(before[0], phase="prepared")


def test_the_script_holds_no_password() -> None:
    """They are set afterwards, by hand or by whatever keeps secrets."""
    text = SCRIPT.read_text()
    assert "PASSWORD '" not in text.upper()
