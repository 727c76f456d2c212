"""What `infra/compose` starts, started without containers: its own files, on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from ruamel.yaml import YAML

from tests.contract.accounts import ACCOUNTS, FLOWS, PREFECT, Server, psql_environment, run
from tests.contract.relay import relayed
from tests.e2e.site import eventually
from tests.ports import LOOPBACK, free_port
from tests.prefect.server import REPOSITORY
from trustwright.clock import SystemClock
from trustwright.embedded.openbao import binary
from trustwright.embedded.tls import ensure_listener
from trustwright.errors import Denied
from trustwright.prefect_api import PrefectApi

pytestmark = [pytest.mark.contract, pytest.mark.timeout(240)]

FOLDER = REPOSITORY / "infra" / "compose"
FROM_FILES = FOLDER / "from-files"
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load(FOLDER / "compose.yaml")["services"]
NODES = ("openbao-1", "openbao-2", "openbao-3")


@contextmanager
def started(
    command: list[str | Path], environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block runs; its words are in ``log``."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def from_files(*command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the image's entrypoint."""
    return subprocess.run(
        [sys.executable, FROM_FILES, *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_secrets_come_from_files(tmp_path: Path) -> None:
    """The command sees the content, without the end of the line, and no path."""
    (tmp_path / "word").write_text("pass word=1\n")
    environment = {"FROM_FILE_PGPASSWORD": str(tmp_path / "word"), "KEPT": "yes"}
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    done = from_files(sys.executable, "-c", show, environment=environment)
    seen = json.loads(done.stdout)
    assert (seen["PGPASSWORD"], seen["KEPT"]) == ("pass word=1", "yes")
    assert "FROM_FILE_PGPASSWORD" not in seen


@pytest.mark.parametrize("text", [None, "", "\n", "two\nlines\n", b"\xff"])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, text: str | bytes | None) -> None:
    """The file is named and the command is not run."""
    path = tmp_path / "word"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    done = from_files("touch", str(tmp_path / "ran"), environment={"FROM_FILE_WORD": str(path)})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{path}, which FROM_FILE_WORD names" in done.stderr
    assert not (tmp_path / "ran").exists()


def node_configuration(folder: Path, ports: Mapping[str, int], name: str) -> Path:
    """Return the file of `infra/compose` with a node's places on this machine."""
    text = (FOLDER / "openbao.hcl").read_text()
    for node, port in ports.items():
        text = text.replace(f"{node}:8200", f"127.0.0.1:{port}")
    own = {
        '"/var/lib/openbao"': f'"{folder / name}"',
        "0.0.0.0:8200": f"127.0.0.1:{ports[name]}",
        "0.0.0.0:8201": f"127.0.0.1:{free_port()}",
        "/run/secrets/openbao_certificate": str(folder / "listener.pem"),
        "/run/secrets/openbao_key": str(folder / "listener.key"),
        "/run/secrets/openbao_ca": str(folder / "ca.pem"),
        "/run/secrets/seal_key": str(folder / "seal.key"),
    }
    for written, place in own.items():
        assert written in text, written
        text = text.replace(written, place)
    (folder / name).mkdir()
    (folder / f"{name}.hcl").write_text(text)
    return folder / f"{name}.hcl"


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Run the three nodes; yield their addresses."""
    ensure_listener(folder, SystemClock().now())
    (folder / "seal.key").write_bytes(os.urandom(32))
    ports = {name: free_port() for name in NODES}
    running = []
    try:
        for name in NODES:
            told = SERVICES[name]["environment"]
            assert told["BAO_RAFT_NODE_ID"] == name
            environment = {
                "BAO_RAFT_NODE_ID": name,
                "BAO_API_ADDR": f"https://127.0.0.1:{ports[name]}",
                "BAO_CLUSTER_ADDR": f"https://127.0.0.1:{free_port()}",
            }
            assert set(told) == set(environment)
            file = node_configuration(folder, ports, name)
            cluster_address = re.search(r'cluster_address = "(.*)"', file.read_text())
            assert cluster_address is not None
            environment["BAO_CLUSTER_ADDR"] = f"https://{cluster_address[1]}"
            server = started([binary(), "server", f"-config={file}"], environment, folder / name)
            server.__enter__()
            running.append(server)
        yield {name: f"https://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        for server in running:
            server.__exit__(None, None, None)


def test_three_nodes_become_one_cluster(tmp_path: Path) -> None:
    """One is initialized; the others join it, open the seal by themselves and are listed."""
    with cluster(tmp_path) as nodes, requests.Session() as session:
        session.trust_env, session.verify = False, str(tmp_path / "ca.pem")

        def health(name: str) -> int:
            try:
                return session.get(f"{nodes[name]}/v1/sys/health", timeout=5).status_code
            except requests.RequestException:
                return 0

        def peers(token: str) -> set[str]:
            answer = session.get(
                f"{nodes['openbao-1']}/v1/sys/storage/raft/configuration",
                headers={"X-Vault-Token": token},
                timeout=5,
            )
            servers = answer.json()["data"]["config"]["servers"] if answer.ok else []
            return {each["node_id"] for each in servers}

        eventually("the first answers", lambda: health("openbao-1") == 501)
        shares = {"recovery_shares": 1, "recovery_threshold": 1}
        answer = session.put(f"{nodes['openbao-1']}/v1/sys/init", json=shares, timeout=30)
        token = answer.json()["root_token"]
        eventually("the first is active", lambda: health("openbao-1") == 200)
        eventually("the others stand by", lambda: {health(name) for name in NODES[1:]} == {429})
        eventually("all are listed", lambda: peers(token) == set(NODES))
        snapshot = session.get(
            f"{nodes['openbao-1']}/v1/sys/storage/raft/snapshot",
            headers={"X-Vault-Token": token},
            timeout=30,
        )
        assert snapshot.content[:2] == b"\x1f\x8b"
    assert (tmp_path / "openbao-1" / "audit.log").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def words(tmp_path: Path, accounts: Server) -> Iterator[dict[str, str]]:
    """Return passwords that `passwords.sh` has given the accounts."""
    given = {account: f"{account} 'quoted\\\" $word" for account in ACCOUNTS}
    for account, word in given.items():
        (tmp_path / f"{account}_password").write_text(word)
    environment = psql_environment(accounts.postgres)
    told = {"POSTGRES_USER": environment["PGUSER"], "SECRETS": str(tmp_path)}
    try:
        assert run(["/bin/sh", FOLDER / "passwords.sh"], environment | told) == ""
        yield given
    finally:
        accounts.set_passwords()


def test_the_accounts_get_the_passwords_of_the_files(
    accounts: Server, words: dict[str, str]
) -> None:
    """As they are, whatever stands in them; the one before is no longer taken."""
    databases = {FLOWS: "trustwright", PREFECT: "prefect"}
    for account, database in databases.items():
        with accounts.connect(account, database, words[account]) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (account,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            accounts.connect(account, database)


def here(service: str, accounts: Server, tmp_path: Path) -> dict[str, str]:
    """Return a service's environment, with the database and the secrets of this test."""
    (tmp_path / "word").write_text(f"{accounts.postgres.password}\n")
    (tmp_path / "login").write_text("somebody:something\n")
    places = {
        r"/run/secrets/\w+_password": str(tmp_path / "word"),
        r"/run/secrets/prefect_login": str(tmp_path / "login"),
        r"@postgres/trustwright": f"@/trustwright?host={accounts.postgres.folder}",
        r"/var/lib/": f"{tmp_path}/",
    }
    found = dict(SERVICES[service]["environment"])
    for written, place in places.items():
        found = {name: re.sub(written, place, text) for name, text in found.items()}
    return found | {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}


def test_the_store_is_migrated_by_its_owner(accounts: Server, tmp_path: Path) -> None:
    """The service's own command, with the password in its environment alone."""
    command = ["-m", "trustwright.cli.main", *SERVICES["store"]["command"][1:]]
    environment = here("store", accounts, tmp_path) | {"TRUSTWRIGHT_HOME": str(tmp_path)}
    done = from_files(sys.executable, *command, environment=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the store is up to date\n", "")


@pytest.fixture
def prefect(accounts: Server, tmp_path: Path) -> Iterator[PrefectApi]:
    """Return Prefect's server on PostgreSQL; it has said no error in the end."""
    port, database = free_port(), accounts.postgres.folder / ".s.PGSQL.5432"
    command = [
        re.sub(r"=4200$", f"={port}", re.sub(r"=0\.0\.0\.0$", f"={LOOPBACK}", word))
        for word in SERVICES["prefect"]["command"]
    ]
    api = PrefectApi(f"http://{LOOPBACK}:{port}/api", "somebody:something")
    with relayed(database) as relay:
        environment = here("prefect", accounts, tmp_path) | {
            "PREFECT_SERVER_DATABASE_HOST": LOOPBACK,
            "PREFECT_SERVER_DATABASE_PORT": str(relay),
            "PREFECT_API_URL": f"http://{LOOPBACK}:{port}/api",
        }
        server: list[str | Path] = [sys.executable, FROM_FILES, sys.executable, "-m", *command]
        with started(server, environment, tmp_path):
            eventually("Prefect is ready", api.healthy, 180)
            yield api
    said = (tmp_path / "log").read_text()
    assert re.findall(r".*(?:ERROR|CRITICAL|Traceback).*", said) == []


def test_prefect_works_on_postgresql(accounts: Server, prefect: PrefectApi) -> None:
    """Its own account has made its tables; nobody enters without the login."""
    with accounts.connect(PREFECT, "prefect") as connection:
        owned = "SELECT tableowner FROM pg_tables WHERE tablename = 'flow_run'"
        assert connection.execute(owned).fetchall() == [(PREFECT,)]
    with pytest.raises(Denied):
        PrefectApi(prefect._server.url).flow_runs()


def test_a_new_runner_ends_what_the_last_one_left(
    accounts: Server, prefect: PrefectApi, tmp_path: Path
) -> None:
    """Its container died with every run in it: nobody waits for them."""
    environment = here("runner", accounts, tmp_path) | {
        "PREFECT_API_URL": prefect._server.url,
        "TRUSTWRIGHT_HOME": str(tmp_path),
        "TRUSTWRIGHT_ESTATE": str(tmp_path / "estate.yaml"),
    }
    command = SERVICES["runner"]["command"]
    assert command[0] == "python"
    runner: list[str | Path] = [sys.executable, FROM_FILES, sys.executable, *command[1:]]
    (tmp_path / "runner").mkdir()
    begun = datetime.now(UTC)
    with started(runner, environment, tmp_path / "runner"):
        eventually("the first asks for work", lambda: prefect.served_since(begun))
    stray = prefect.run_deployment("watch-ceremonies/trustwright")
    claim = {"state": {"type": "RUNNING"}, "force": True}
    assert prefect._server.call("POST", f"/flow_runs/{stray.id}/set_state", claim).ok
    with started(runner, environment, tmp_path / "runner"):
        eventually("it is ended", lambda: prefect.flow_run(stray.id).state_name == "Crashed")
