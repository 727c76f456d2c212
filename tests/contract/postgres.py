"""A real PostgreSQL for the session: own data folder, UNIX socket only, ended by its pid."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

ACCOUNT = "trustwright"
START_SECONDS = 30
STOP_SECONDS = 20


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Attributes:
        folder: holds the socket.
        process: the postmaster.
        password: of the account, asked for at every connection (scram-sha-256).
    """

    folder: Path
    process: subprocess.Popen[bytes]
    password: str = field(repr=False)

    def url(self, database: str, password: str | None = None) -> str:
        """Return the store URL of a database."""
        word = self.password if password is None else password
        return f"postgresql://{ACCOUNT}:{word}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a driver connection in autocommit mode."""
        return psycopg.connect(
            host=str(self.folder),
            user=ACCOUNT,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def new_database(self) -> str:
        """Make an empty database, whose language does not sort by bytes; return its name."""
        name = f"store_{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server with an empty cluster; skipped where Debian's postgresql is not installed."""
    with running() as server:
        if server is not None:
            yield server
        elif os.environ.get("CI"):  # there a skip would hide half of the store's tests
            pytest.fail("Debian package postgresql is not installed")
        else:
            pytest.skip("Debian package postgresql is not installed")


@contextmanager
def running() -> Iterator[Postgres | None]:
    """Run a server with an empty cluster while the block runs; None where there is none to run."""
    programs = _programs()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="trustwright-postgres-"))
    try:
        yield from _serve(programs, folder)
    finally:
        shutil.rmtree(folder)


def _serve(programs: Path, folder: Path) -> Iterator[Postgres]:
    password = secrets.token_urlsafe(16)
    _give(folder)
    _initialize(programs, folder, password)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _command(programs, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=_environment(),
            **_account(),
        )
    try:
        server = Postgres(folder, process, password)
        _wait(server)
        yield server
    finally:
        _end(process)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


def _account() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; root runs it as ``postgres``."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}


def _initialize(programs: Path, folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.touch(0o600)
    secret.write_text(password)
    _give(secret)
    done = subprocess.run(
        [
            programs / "initdb",
            "-D",
            folder / "data",
            f"--username={ACCOUNT}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=icu",
            "--icu-locale=en-US",
            "--no-sync",
        ],
        capture_output=True,
        check=False,
        cwd=folder,
        env=_environment(),
        **_account(),
    )
    secret.unlink()
    assert done.returncode == 0, done.stderr.decode()


def _command(programs: Path, folder: Path) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "shared_buffers": "16MB",
        "max_connections": "60",
        "timezone": "Asia/Tokyo",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", str(folder / "data"), *options]


def _wait(server: Postgres) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            log = (server.folder / "log").read_text(errors="replace")
            assert server.process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.02)
        else:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # "fast": ends its sessions, then itself
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
