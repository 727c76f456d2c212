"""PostgreSQL: ``ssl_ca_file`` with ``clientcert=verify-full`` as server, libpq as client.

The server refuses to run as root, so root runs it as the user ``postgres``, in a folder of its own
below the session's folder. The cluster is initialised once per session and copied.
"""

import os
import pwd
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from socket import socket

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, RelyingParty, StackFailure, check_files
from tests.stacks.peers import GREETING, SECONDS, ask, server_judgement
from tests.stacks.process import (
    Server,
    binary,
    matching,
    missing,
    run,
    serving,
    session_folder,
    tail,
)

READY = re.compile("database system is ready to accept connections")
SERVER_REFUSAL = re.compile("could not accept SSL connection: certificate verify failed")
ALERT = re.compile("could not accept SSL connection")
CLIENT_REFUSAL = re.compile(
    "SSL error: certificate verify failed|server certificate for .* does not match host name"
)
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
PARAMETERS = b"user\0judge\0database\0postgres\0\0"
STARTUP = (len(PARAMETERS) + 8).to_bytes(4, "big") + bytes.fromhex("00030000") + PARAMETERS
AUTHENTICATED = b"R\0\0\0\x08\0\0\0\0"
# The judgement is about the certificate: every name in it may be the database user "judge".
ANY_NAME = "names /^.*$ judge\n"


def programs() -> Path:
    """The newest server's program folder; Debian keeps it off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else Path("/nonexistent")


def package_missing() -> str | None:
    """Server, client and, for root, the user to run as."""
    return missing("postgresql", str(programs() / "postgres"), "psql")


def as_postgres(*command: str) -> list[str]:
    """The command line, run as ``postgres`` if we are root."""
    if os.geteuid() != 0:
        return list(command)
    identity = ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return [binary("setpriv"), *identity, *command]


def give(path: Path) -> Path:
    """Make a file or folder the server's own, and private."""
    path.chmod(0o700 if path.is_dir() else 0o600)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return path


@cache
def template() -> Path:
    """An initialised cluster: once per session."""
    folder = give(Path(tempfile.mkdtemp(prefix="initdb-", dir=session_folder())))
    options = ["--username=judge", "--auth=reject", "--no-sync", "--wal-segsize=1", "--no-locale"]
    data = folder / "data"
    done = run(as_postgres(str(programs() / "initdb"), *options, "-D", str(data)), folder)
    if done.code != 0:
        raise StackFailure(f"initdb: {tail(done.words)}")
    return data


@contextmanager
def cluster(credential: Credential, access: str, **files: Path | None) -> Iterator[Path]:
    """A fresh copy of the cluster that presents the credential; removed afterwards."""
    folder = give(Path(tempfile.mkdtemp(prefix="postgresql-", dir=session_folder())))
    data = folder / "data"
    try:
        copy = run(as_postgres("cp", "-a", "--reflink=auto", str(template()), str(data)), folder)
        if copy.code != 0:
            raise StackFailure(f"cp: {tail(copy.words)}")
        settings = {"ssl_cert_file": credential.chain, "ssl_key_file": credential.key, **files}
        lines = ["ssl = on", "fsync = off", "unix_socket_directories = ''"]
        lines += ["shared_buffers = 1MB", "max_connections = 10", "max_wal_senders = 0"]
        for setting, source in settings.items():
            if source is not None:
                give(Path(shutil.copy(source, data / f"{setting}.pem")))
                lines.append(f"{setting} = '{setting}.pem'")
        (data / "postgresql.conf").write_text("\n".join(lines) + "\n")
        (data / "pg_hba.conf").write_text(f"hostssl all judge {LOOPBACK}/32 {access}\n")
        (data / "pg_ident.conf").write_text(ANY_NAME)
        yield data
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(data: Path, folder: Path) -> Iterator[Server]:
    """Serve the cluster; it holds nothing worth an orderly end."""
    with serving(
        lambda port: as_postgres(
            str(programs() / "postgres"), "-D", str(data), "-h", LOOPBACK, "-p", str(port)
        ),
        folder,
        ready=READY,
        stop=signal.SIGQUIT,
    ) as server:
        yield server


def ask_for_tls(raw: socket) -> None:
    """PostgreSQL speaks before TLS: the client asks, the server says S."""
    raw.sendall(SSL_REQUEST)
    if raw.recv(1) != b"S":
        raise StackFailure("the server does not offer TLS")


class PostgreSQLServer:
    """``hostssl ... cert clientcert=verify-full`` with ``ssl_ca_file`` and ``ssl_crl_file``."""

    name = "PostgreSQL"
    checks_crl = True

    def missing(self) -> str | None:
        return package_missing()

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        access = "cert clientcert=verify-full map=names"
        with (
            cluster(
                party.credential, access, ssl_ca_file=party.trust, ssl_crl_file=party.crl
            ) as data,
            running(data, folder) as server,
        ):
            answer = ask(server.port, client, STARTUP, ask_for_tls)
            accepted = answer.received.startswith(AUTHENTICATED)
            outcome = server_judgement(server, answer, accepted, SERVER_REFUSAL)
        return Outcome(True, "authentication ok") if outcome.accepted else outcome


class PostgreSQLClient:
    """``psql`` with ``sslmode=verify-full``, ``sslrootcert`` and ``sslcrl``."""

    name = "libpq (psql)"
    checks_crl = True

    def missing(self) -> str | None:
        return package_missing()

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        with cluster(server, "trust") as data, running(data, folder) as peer:
            variables = {
                "PGHOST": name,
                "PGHOSTADDR": LOOPBACK,
                "PGPORT": str(peer.port),
                "PGUSER": "judge",
                "PGDATABASE": "postgres",
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": str(party.trust),
                "PGSSLCERT": str(party.credential.chain),
                "PGSSLKEY": str(party.credential.key),
                "PGSSLCRL": str(party.crl or ""),
                "PGCONNECT_TIMEOUT": str(int(SECONDS)),
            }
            select = [binary("psql"), "-X", "-A", "-t", "-c", f"select '{GREETING}'"]
            done = run(select, folder / "psql", extra=variables)
            heard = matching(peer.words(), ALERT)
        if done.code == 0 and done.output.strip() == GREETING:
            return Outcome(True, GREETING)
        if done.code == 2 and CLIENT_REFUSAL.search(done.errors):
            return Outcome(False, f"{done.errors.strip()}; the peer: {heard}")
        raise StackFailure(f"psql, exit code {done.code}: {tail(done.words)}")
