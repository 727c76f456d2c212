"""PostgreSQL with the accounts and databases of `infra/postgres/create.sql`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.contract.postgres import ACCOUNT, Postgres, _programs
from tests.prefect.server import REPOSITORY
from trustwright.store import migrate

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

    def set_passwords(self) -> None:
        """Give every account the superuser's password."""
        word = sql.Literal(self.postgres.password)
        with self.postgres.connect() as connection:
            for account in ACCOUNTS:
                command = sql.SQL("ALTER ROLE {} PASSWORD {}")
                connection.execute(command.format(sql.Identifier(account), word))

    def connect(
        self, account: str, database: str = "trustwright", password: str | None = None
    ) -> psycopg.Connection[Any]:
        """Return a connection of an account."""
        return psycopg.connect(
            host=str(self.postgres.folder),
            user=account,
            password=self.postgres.password if password is None else password,
            dbname=database,
            autocommit=True,
        )


def psql_environment(postgres: Postgres) -> dict[str, str]:
    """Return the environment of a superuser's psql, which is on the PATH."""
    programs = _programs()
    assert programs is not None
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(postgres.folder),
        "PGUSER": ACCOUNT,
        "PGPASSWORD": postgres.password,
    }


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Run a command; return what it complains about."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def run_script(postgres: Postgres) -> str:
    """Run the script as its first lines say; return what it complains about."""
    psql = ("psql", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", "postgres")
    return run([*psql, "--file", SCRIPT], psql_environment(postgres))


@pytest.fixture(scope="module")
def accounts(postgres: Postgres) -> Iterator[Server]:
    """Return a server with the accounts, and the store migrated by its owner."""
    assert run_script(postgres) == ""
    found = Server(postgres)
    found.set_passwords()
    migrate(found.url(OWNER))
    yield found
    with postgres.connect() as connection:
        for database in ("trustwright", "prefect"):
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database)))
        for account in ACCOUNTS:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(account)))
