"""The migrated schema is the one in `trustwright.store.tables`, and migrating is harmless."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from tests.contract import store_processes
from tests.contract.postgres import Postgres
from tests.contract.stores import environment, intent, issuer
from trustwright.errors import ConfigurationError
from trustwright.model.base import Artifact
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.records import (
    AuditRecord,
    CertificateRecord,
    DeliveryRecord,
    EnvironmentRecord,
    IntentRecord,
    IssuerRecord,
)
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord
from trustwright.store import migrate, open_records
from trustwright.store.engine import open_engine
from trustwright.store.migrate import SCRIPTS
from trustwright.store.revision import HEAD, refuse_behind
from trustwright.store.tables import metadata

pytestmark = pytest.mark.contract

RECORDS: dict[str, type[Artifact]] = {
    "environments": EnvironmentRecord,
    "issuers": IssuerRecord,
    "ceremonies": CeremonyRecord,
    "intents": IntentRecord,
    "certificates": CertificateRecord,
    "deliveries": DeliveryRecord,
    "audit": AuditRecord,
    "findings": FindingRecord,
    "breakers": BreakerRecord,
    "sweeps": SweepRecord,
}
CATALOG = """
SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT tablename, indexname, indexdef, '', '', '' FROM pg_indexes
 WHERE schemaname = 'public'
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


def postgres_catalog(postgres: Postgres, database: str) -> list[tuple[Any, ...]]:
    """Return every column, index and constraint, without Alembic's own table."""
    with postgres.connect(database) as connection:
        rows = connection.execute(CATALOG).fetchall()
    return [row for row in rows if row[0] != "alembic_version"]


def sqlite_catalog(file: Path) -> list[tuple[Any, ...]]:
    """Return every column, foreign key and index, without Alembic's own table."""
    found: list[tuple[Any, ...]] = []
    with closing(sqlite3.connect(file)) as connection:
        for table in (*RECORDS, "certificate_names"):
            for pragma in ("table_xinfo", "foreign_key_list", "index_list"):
                rows = connection.execute(f"PRAGMA {pragma}({table})")
                # The first value counts the order of declaration, which says nothing.
                found += [(table, pragma, *row[1:]) for row in rows]
        indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        found += connection.execute(indexes).fetchall()
    return sorted(found, key=repr)


def test_alembic_sees_no_difference(url: str) -> None:
    """Alembic's own comparison, types included, proposes nothing."""
    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_postgres_catalog_equals_the_tables(postgres: Postgres) -> None:
    """What Alembic does not compare either: collations, partial indexes, constraints, names."""
    made = postgres.new_database()
    engine = open_engine(postgres.url(made))
    metadata.create_all(engine)
    engine.dispose()
    migrated = postgres.new_database()
    assert migrate(postgres.url(migrated)) is True
    assert postgres_catalog(postgres, migrated) == postgres_catalog(postgres, made)


def test_sqlite_catalog_equals_the_tables(sqlite_url: str, tmp_path: Path) -> None:
    """Columns, foreign keys, partial indexes and names are those of the tables."""
    made = tmp_path / "made.db"
    engine = create_engine(f"sqlite:///{made}")
    metadata.create_all(engine)
    engine.dispose()
    assert sqlite_catalog(Path(sqlite_url.removeprefix("sqlite://"))) == sqlite_catalog(made)


@pytest.mark.parametrize("table", RECORDS)
def test_a_table_has_the_fields_of_its_record(table: str) -> None:
    """One column per field, in its order; a field that may be None is a column that may be null."""
    fields = RECORDS[table].model_fields
    columns = metadata.tables[table].columns
    assert [column.name for column in columns] == list(fields)
    optional = [name for name, field in fields.items() if type(None) in get_args(field.annotation)]
    assert [column.name for column in columns if column.nullable] == optional


def test_there_is_one_newest_revision() -> None:
    """The program's idea of the newest schema is the newest file."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrating_twice_changes_nothing(url: str) -> None:
    """The second time says that nothing was changed, and rows stay."""
    with open_records(url) as records:
        records.environments.insert(environment())
    assert migrate(url) is False
    with open_records(url) as records:
        assert records.environments.get("prod") == environment()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_rows_of_the_first_schema_stay(kind: str, tmp_path: Path, postgres: Postgres) -> None:
    """A store of the release before is brought up to date; what was in it reads as it did."""
    url = store_at("0001", kind, tmp_path, postgres)
    engine = open_engine(url)
    rows = {"environments": environment(), "issuers": issuer(), "intents": intent()}
    with engine.begin() as connection:
        for table, row in rows.items():
            connection.execute(metadata.tables[table].insert().values(_first_columns(row)))
    engine.dispose()
    assert migrate(url) is True
    with open_records(url) as records:
        assert records.environments.get("prod") == environment()
        assert records.intents.get("i1") == intent()
        held = records.environments.replace(environment(), holder="run-1", process="p")
        assert records.environments.get("prod") == held


def store_at(revision: str, kind: str, folder: Path, postgres: Postgres) -> str:
    """Return the URL of a new store with an earlier schema."""
    file = folder / "store.db"
    url = f"sqlite:///{file}" if kind == "sqlite" else postgres.url(postgres.new_database())
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    engine = open_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    return url


def _first_columns(row: Artifact) -> dict[str, Any]:
    added = {"process", "reason", "owner", "pem"}
    fields = type(row).model_fields
    return {name: getattr(row, name) for name in fields if name not in added}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_may_migrate_at_once(kind: str, tmp_path: Path, postgres: Postgres) -> None:
    """Of four migrators that start together one does the work; all succeed."""
    urls = {
        "sqlite": f"sqlite:///{tmp_path}/new/store.db",
        "postgresql": postgres.url(postgres.new_database()),
    }
    spawn = multiprocessing.get_context("spawn")
    start, done = spawn.Barrier(4), spawn.Queue()
    workers = [
        spawn.Process(target=store_processes.migrate_together, args=(urls[kind], start, done))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    answers = [done.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(30)
        worker.close()
    assert sorted(answers, key=str) == [False, False, False, True]
    open_records(urls[kind]).close()


def test_the_file_is_for_this_account_alone(tmp_path: Path) -> None:
    """Store, write-ahead log and new folders are not readable by others, whatever the umask is."""
    before = os.umask(0)
    try:
        url = f"sqlite:///{tmp_path}/deep/er/store.db"
        migrate(url)
        with open_records(url) as records:
            records.environments.insert(environment())
            modes = {
                each.name: stat.S_IMODE(each.stat().st_mode)
                for each in (tmp_path / "deep" / "er").iterdir()
            }
    finally:
        os.umask(before)
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "deep" / "er").stat().st_mode) == 0o700


def test_sqlite_is_told_to_be_durable(sqlite_url: str) -> None:
    """Write-ahead log, sync at every commit, foreign keys, patience."""
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    engine.dispose()
    assert found == ["wal", 2, 1, 30_000]


def test_postgres_is_told_to_be_durable(postgres: Postgres, postgres_url: str) -> None:
    """A server that answers before the disk is overruled; waits are bounded."""
    database = postgres_url.rpartition("?")[0].rpartition("/")[2]
    with postgres.connect(database) as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    try:
        engine = open_engine(postgres_url)
        with engine.connect() as connection:
            found = [
                connection.exec_driver_sql(f"SHOW {name}").scalar()
                for name in ("synchronous_commit", "lock_timeout", "statement_timeout")
            ]
        engine.dispose()
    finally:
        with postgres.connect(database) as connection:
            connection.execute("ALTER ROLE CURRENT_USER RESET synchronous_commit")
    assert found == ["on", "30s", "30s"]


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Opening names the file and the remedy, and leaves nothing behind."""
    with pytest.raises(ConfigurationError) as raised:
        open_records(f"sqlite:///{tmp_path}/store.db")
    assert raised.value.rule == "STORE-ABSENT"
    assert raised.value.where == f"{tmp_path}/store.db"
    assert "trustwright store migrate" in raised.value.hint
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_behind(postgres: Postgres) -> None:
    """A database without tables wants a migration."""
    with pytest.raises(ConfigurationError) as raised:
        open_records(postgres.url(postgres.new_database()))
    assert (raised.value.rule, raised.value.what) == (
        "STORE-BEHIND",
        f"the store's schema is missing, this program wants {HEAD}",
    )
    assert "trustwright store migrate" in raised.value.hint


def test_an_older_schema_is_behind(sqlite_url: str) -> None:
    """A store at an earlier revision wants a migration."""
    set_revision(sqlite_url, "0000")
    with pytest.raises(ConfigurationError) as raised:
        open_records(sqlite_url)
    assert raised.value.rule == "STORE-BEHIND"


def test_no_store_is_migrated_beneath_an_earlier_program(sqlite_url: str, tmp_path: Path) -> None:
    """Today's, and one that is not there, stand in nobody's way."""
    refuse_behind(sqlite_url)
    refuse_behind(f"sqlite:///{tmp_path}/absent.db")
    set_revision(sqlite_url, "0000")
    with pytest.raises(ConfigurationError) as raised:
        refuse_behind(sqlite_url)
    assert (raised.value.rule, raised.value.hint) == (
        "STACK-RELEASE",
        "run: trustwright down; then: trustwright up",
    )


def test_a_newer_schema_is_left_alone(sqlite_url: str) -> None:
    """Neither opening nor migrating touches a store that a newer program wrote."""
    set_revision(sqlite_url, "9999")
    for act in (open_records, migrate):
        with pytest.raises(ConfigurationError) as raised:
            act(sqlite_url)
        assert raised.value.rule == "STORE-AHEAD"


def set_revision(url: str, revision: str) -> None:
    """Make the store say that it has this schema."""
    with closing(sqlite3.connect(url.removeprefix("sqlite://"))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
