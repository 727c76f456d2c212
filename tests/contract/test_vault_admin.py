"""An admin's own machine: one key, the store's address, no Prefect."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.contract.openbao import OpenBao
from tests.contract.postgres import Postgres
from tests.e2e.real import RealWorld
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.clock import SystemClock
from trustwright.delivery.directory import DirectoryTarget
from trustwright.errors import Rejected
from trustwright.ids import serial_number
from trustwright.lifecycle.admin import issue_admin
from trustwright.lifecycle.consumers import consumer_named
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.ports import Delivered
from trustwright.store.migrate import migrate
from trustwright.x509 import parse
from trustwright.x509.crl import is_revoked
from trustwright.x509.path import verify_path

pytestmark = pytest.mark.contract

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbooks" / "admin-certificates.md"
ADMIN, PASSWORD = "trustwright_admin", "quiet-heron"
SERVICES = (("billing", "server", "managed"), ("alice", "admin", "managed"))
_numbers = count(1)


@pytest.fixture
def store(postgres: Postgres) -> tuple[str, str]:
    """A store, as the flows reach it and as an admin's account may."""
    database = postgres.new_database()
    url = postgres.url(database)
    migrate(url)
    (grants,) = re.findall(r"```sql operator\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
    with postgres.connect(database) as connection:
        known = connection.execute("SELECT rolname FROM pg_roles").fetchall()
        if (ADMIN,) not in known:
            connection.execute(f"CREATE ROLE {ADMIN} LOGIN PASSWORD '{PASSWORD}'")
        connection.execute(grants)
    admins = url.replace(f"//trustwright:{postgres.password}@", f"//{ADMIN}:{PASSWORD}@")
    assert admins != url
    return url, admins


@pytest.fixture
def world(openbao: OpenBao, tmp_path: Path, store: tuple[str, str]) -> Iterator[RealWorld]:
    """An environment brought to life by flows whose machine does not hold the admins' key."""
    made = RealWorld(openbao, tmp_path, f"admin-{next(_numbers)}", SERVICES, store[0])
    (tmp_path / "admins").mkdir(mode=0o700)
    key = tmp_path / "identities" / "prod" / "admin.key"
    key.rename(tmp_path / "admins" / "admin.key")
    made.bootstrap("prod")
    yield made
    made.ports.store.close()


@pytest.fixture
def machine(
    world: RealWorld, store: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Another machine: the estate, the key of one identity, and nothing of the others'."""
    home = tmp_path / "laptop"
    home.mkdir(mode=0o700)
    estate = world.estate_file()
    for each in estate["environments"].values():
        each["vault"] = {name: str(value) for name, value in each["vault"].items()}
    estate["environments"]["prod"]["vault"]["identity"] = str(tmp_path / "admins")
    estate["environments"]["test"]["vault"]["identity"] = str(tmp_path / "nothing")
    (home / "estate.yaml").write_text(json.dumps(estate))
    shutil.rmtree(tmp_path / "identities")
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "TRUSTWRIGHT_STORE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(home))
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", "")
    monkeypatch.setenv("TRUSTWRIGHT_STORE_URL", store[1])
    return home


def run(*arguments: str) -> int:
    """Run ``trustwright``."""
    return exit_code(cli, "trustwright", arguments)


def test_an_admin_needs_one_key_and_no_prefect(
    world: RealWorld, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The set is written and its path holds; the inventory shows it; what needs Prefect says so."""
    output = machine / "alice"
    issue = ("admin", "issue", "alice", "--environment", "prod", "--output", str(output))
    assert run(*issue) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.startswith("alice (prod): serial ")
    chain = (output / "fullchain.pem").read_text().split("-----END CERTIFICATE-----\n")[:-1]
    leaf, intermediate = (parse.certificate(f"{pem}-----END CERTIFICATE-----\n") for pem in chain)
    anchor = parse.certificate((output / "trust.pem").read_text())
    verify_path(leaf, [intermediate], [anchor], at=SystemClock().now(), usage="client", name=None)
    assert (output / "key.pem").stat().st_mode & 0o777 == 0o600

    assert run("certificates", "list", "--role", "admin", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["subject"], row["state"], row["purpose"]) == ("alice", "valid", "admin")
    assert run("certificates", "show", row["serial"], "--pem") == 0
    assert parse.certificate(capsys.readouterr().out) == leaf

    assert run("ceremony", "list") == 2
    assert "[SET-PREFECT]" in capsys.readouterr().err


@pytest.mark.usefixtures("machine")
def test_a_services_name_gets_no_certificate_there(capsys: pytest.CaptureFixture[str]) -> None:
    """The command is for admins."""
    assert run("admin", "issue", "billing", "--environment", "prod") == 2
    assert "[ADMIN-ROLE]" in capsys.readouterr().err


def _broken(_delivery: object, *, expected: Delivered | None) -> Delivered:
    del expected
    raise Rejected("the disk broke", rule="DLV-IO")


class Later:
    """A clock ten minutes ahead, for who looks at what was left."""

    def now(self) -> datetime:
        """Return the time."""
        return SystemClock().now() + timedelta(minutes=10)


def test_what_an_admin_left_is_revoked_by_the_issuer_identity(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The admins' identity could not: it revokes nothing, lists nothing."""
    ports = world.ports
    folder = world.folder / "identities" / "prod"
    shutil.copy(world.folder / "admins" / "admin.key", folder / "admin.key")
    (folder / "issuer.key").rename(world.folder / "issuer.key")
    admin = consumer_named(ports, "prod", "alice")
    assert admin.deliver.directory is not None
    target = DirectoryTarget(admin.deliver.directory, "alice", ports.clock)
    monkeypatch.setattr(target, "deliver", _broken)
    with pytest.raises(Rejected, match="the disk broke"):
        issue_admin(ports, "prod", "alice", target)
    (intent,) = ports.records.intents.find(purpose="admin")
    assert intent.state == "open"
    (folder / "admin.key").unlink()
    (world.folder / "issuer.key").rename(folder / "issuer.key")

    ports.clock = Later()
    assert settle_all_left_behind(ports, "prod") == [f"{intent.slot}: abandoned"]
    (row,) = ports.records.certificates.find(subject="alice")
    (issuer,) = ports.records.issuers.find(environment="prod")
    crl = parse.crl(ports.signer("prod").crl(issuer.issuer_id))
    assert row.state == "revoked"
    assert is_revoked(crl, serial_number(row.serial))
