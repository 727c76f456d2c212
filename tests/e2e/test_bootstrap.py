"""The whole story over both programs and a real stack: refusals, restarts, the form, the scan."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from demo.estate import consumer_folder
from tests.contract.vaults import csr
from tests.e2e.pages import logged_in, paste_response
from tests.e2e.secrets import Scan, scan
from tests.e2e.site import Site, eventually, installed
from trustwright.estatefile import load_estate
from trustwright.ids import serial_text
from trustwright.ports import SignOrder
from trustwright.vault import connect
from trustwright.x509 import parse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CONSUMERS_WITH_KEYS = 7
"""Three services in each environment, and the admin of test; a fourth service keeps its key."""
RING_EVERY = 40.0
LEAST_FILES, LEAST_CELLS = 10, 2_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A fresh installation with nothing bootstrapped."""
    with installed(tmp_path_factory.mktemp("site") / "site") as made:
        yield made


def asks_again(site: Site, environment: str, refusals: int) -> bool:
    """Return whether the gate has asked again after so many refusals."""
    found = site.ceremony(environment)
    return found["refusals"] == refusals and site.waits(environment)


def test_the_whole_story(site: Site, tmp_path: Path) -> None:
    """Prod by the form, a renewal, test through a dying stack; a sweep, a change; the search."""
    prod_through_the_form(site, tmp_path)
    a_renewal_without_the_provisioner(site)
    from_the_terminal_through_a_killed_stack(site)
    check_events(site)
    a_sweep_rings_for_the_renewal(site)
    an_estate_that_changes(site)
    a_sweep_finds_a_stranger(site)
    check_no_secret_is_left(site)


def prod_through_the_form(site: Site, tmp_path: Path) -> None:
    """Junk and another request's answer are refused in the form; the good one opens the gate."""
    site.run("bootstrap", "prod")
    link = site.run("bootstrap", "prod", "--no-wait").stdout.split()[-1]
    response = site.sign("prod").read_text()
    forged = json.dumps(json.loads(response) | {"request": "0" * 64})
    with logged_in(site, tmp_path) as (page, hosts):
        said = paste_response(page, link, "junk", tmp_path, "junk")
        assert "Sign the intermediate of prod, generation 1" in said
        assert "was refused" not in said
        eventually("the gate asks again", lambda: asks_again(site, "prod", 1))
        said = paste_response(page, link, forged, tmp_path, "forged")
        assert "Response 1 was refused:" in said
        assert "CER-JSON" in said
        eventually("the gate asks again", lambda: asks_again(site, "prod", 2))
        assert site.phase("prod") == "requested"
        said = paste_response(page, link, response, tmp_path, "good")
        assert "Response 2 was refused:" in said
        assert "CER-201" in said
        eventually("prod is ready", lambda: site.phase("prod") == "ready")
        assert {host.split(":")[0] for host in hosts} == {"127.0.0.1"}
    refused = site.row("select count(*) from audit where event = 'trustwright.ceremony.refused'")
    assert refused == (2,)


def a_renewal_without_the_provisioner(site: Site) -> None:
    """Somebody emptied a folder: a run finds that and serves it; its key stays off the machine."""
    key, folder = site.home / "identities" / "provisioner.key", site.demo.folder / "hosts/prod"
    away = key.rename(site.demo.folder / "provisioner.key")
    for path in sorted((folder / "billing").iterdir()):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    done = site.run("renew", "prod")
    away.rename(key)
    assert done.stdout.splitlines()[-1] == "prod: 1 delivered"
    assert (folder / "billing" / "key.pem").exists()
    states = "select state from certificates where environment = 'prod' and subject = 'billing'"
    assert site.row(f"{states} order by recorded desc limit 1") == ("valid",)
    count = "select count(*) from certificates where subject = 'billing' and state = 'valid'"
    assert site.row(count) == (1,)


def from_the_terminal_through_a_killed_stack(site: Site) -> None:
    """While the gate waits, server, runner and OpenBao die; a file from the terminal opens it."""
    site.run("bootstrap", "test")
    response = site.sign("test")
    for part in ("prefect", "runner", "openbao"):
        site.kill_part(part)
    assert site.run("status", check=False).returncode == 5
    site.run("up")
    bad = response.with_name("bad.json")
    bad.write_text(response.read_text()[:-40])
    done = site.run("ceremony", "submit", str(bad), check=False)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "CER-JSON" in done.stderr
    site.run("ceremony", "submit", str(response))
    site.run("bootstrap", "test", "--until-ready")
    assert site.phase("test") == "ready"
    again = site.run("ceremony", "submit", str(response))
    assert "accepted" in again.stdout
    site.run("admin", "issue", "alice", "--environment", "test")


def check_events(site: Site) -> None:
    """Prefect heard of what the record has; the automations are there once after a restart.

    Of test: the server that heard of prod was killed, and keeps events in memory for some seconds.
    """
    told = (
        "select subject from audit"
        " where event = 'trustwright.consumer.delivered' and environment = 'test'"
    )
    with closing(sqlite3.connect(site.home / "store.db", timeout=20)) as store:
        delivered = sorted(subject.replace("/", ".") for (subject,) in store.execute(told))
    with closing(sqlite3.connect(site.home / "prefect" / "prefect.db", timeout=20)) as prefect:
        heard = (
            "select resource_id from events where event = 'trustwright.consumer.delivered'"
            " and resource_id like 'trustwright.consumer.test.%'"
        )
        eventually("they arrive", lambda: len(list(prefect.execute(heard))) >= len(delivered))
        assert delivered == sorted(
            resource.removeprefix("trustwright.consumer.") for (resource,) in prefect.execute(heard)
        )
        names = [name for (name,) in prefect.execute("select name from automation")]
    assert sorted(names) == sorted(set(names))
    assert "a bootstrap was cancelled" in names


def a_sweep_rings_for_the_renewal(site: Site) -> None:
    """Somebody took a set away: a sweep finds it, its event starts the flow, and it is back."""
    place = consumer_folder(site.demo, "test", "gateway") / "current"
    place.unlink()
    rung = time.monotonic() - RING_EVERY

    def is_back() -> bool:
        nonlocal rung
        if time.monotonic() - rung > RING_EVERY:  # the sweep by schedule may have rung just now
            site.run("sweep", "test", "--here")
            rung = time.monotonic()
        return place.exists()

    eventually("the renewal", is_back)
    runs = site.prefect().flow_runs("renew-consumers/trustwright")
    assert "renew test" in {run.name for run in runs}


def an_estate_that_changes(site: Site) -> None:
    """A consumer leaves: the plan names it, a run retires it by its address, nothing is left."""
    assert site.run("plan", "test").stdout == "no changes\n"
    site.drop_consumer("test", "collector")
    planned = site.run("plan", "test", check=False)
    assert (planned.returncode, planned.stderr) == (2, "")
    assert "  ~ test/vault/roles/agent\n" in planned.stdout
    assert "  - test/consumers/collector\n" in planned.stdout
    applied = site.run("apply", "test", "--yes", "--destroy", "test/consumers/collector")
    assert applied.stdout.endswith("test was applied\nno changes\n")
    found = site.row(
        "select state from certificates where environment = 'test' and subject = 'collector'"
    )
    assert found == ("revoked",)
    assert site.row("select state from deliveries where id = 'test/collector'") == ("retired",)
    assert site.holder("test") is None


def a_sweep_finds_a_stranger(site: Site) -> None:
    """A certificate that nobody announced is found by the flow, and the server's log says who."""
    signer = connect.signer("prod", load_estate(site.demo.estate).environments["prod"])
    (issuer_id,) = site.row("select issuer_id from issuers where id = 'prod-g1'") or ("",)
    name = "evil.prod.example.internal"
    order = SignOrder(str(issuer_id), "server", csr(), (name,), (), ttl=3600)
    serial = serial_text(parse.certificate(signer.sign(order)).serial_number)
    said = site.run("sweep", "prod", "--wait").stdout
    assert "not looked at" not in said
    listed = site.run("findings", "list", "--kind", "certificate-rogue", "--json").stdout
    (row,) = json.loads(listed)
    assert (row["subject"], row["severity"], row["state"]) == (serial, "critical", "open")
    assert "signed through server" in row["summary"]
    assert "-auth-jwt-issuer-issuer (entity " in row["summary"]


def check_no_secret_is_left(site: Site) -> None:
    """Database, results, logs, artifacts and store hold no key, token or passphrase."""
    secrets = known_secrets(site)
    assert len([name for name in secrets if name.startswith("key of ")]) == CONSUMERS_WITH_KEYS
    found = scan(site.home, secrets)
    assert found.findings == []
    check_it_was_thorough(site, found)
    for name, secret in secrets.items():
        planted = site.home / "log" / "planted.log"
        planted.parent.mkdir(exist_ok=True)
        planted.write_bytes(b"before " + secret + b" after")
        assert f"log/planted.log: {name}" in scan(planted.parent.parent, secrets).findings
        planted.unlink()


def known_secrets(site: Site) -> dict[str, bytes]:
    """Return pieces of every secret of the site, by name."""
    secrets = {"passphrase": site.operator.passphrase.encode()}
    secrets |= {"login of the pages": (site.home / "prefect" / "auth").read_bytes().strip()}
    for path in sorted((site.home / "identities").rglob("*.key")):
        body = b"".join(path.read_bytes().splitlines()[1:-1])
        secrets[f"login {path.parent.name}/{path.name}"] = body[40:80]
    for path in sorted((site.demo.folder / "hosts").rglob("*key*.pem")):
        if path.is_file() and not path.is_symlink():
            secrets[f"key of {path.parent}"] = path.read_bytes().splitlines()[1][:40]
    return secrets


def check_it_was_thorough(site: Site, found: Scan) -> None:
    """Both databases, results, logs, artifacts and audit trails were there to be searched."""
    names = {path.relative_to(site.home).as_posix() for path in site.home.rglob("*")}
    assert {"store.db", "openbao/audit.log", "prefect/prefect.db"} <= names
    with closing(sqlite3.connect(site.home / "prefect" / "prefect.db", timeout=20)) as prefect:
        for table in ("flow_run", "task_run", "artifact", "log", "flow_run_input", "events"):
            (count,) = prefect.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
            assert count > 0, table
    assert found.files > LEAST_FILES
    assert found.cells > LEAST_CELLS
