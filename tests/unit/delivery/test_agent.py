"""The agent's configuration, and the script in it, run as an agent runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.fakes.clock import HeldClock
from tests.fakes.secrets import FakeSecrets
from tests.unit.delivery.material import consumer, pki, put
from trustwright.delivery.agent import HostPlace, agent_config
from trustwright.delivery.kv import KvTarget, member
from trustwright.errors import ConfigurationError
from trustwright.ids import sha256_hex
from trustwright.model.estate import Delivery, Environment
from trustwright.ports import DeliverySet

pytestmark = pytest.mark.unit

PLACE = HostPlace("/etc/trustwright/consumers/test-billing", "/etc/ca.pem", 60)
FILES = ("key.pem", "cert.pem", "fullchain.pem", "trust.pem", "crl.pem", "manifest.json")


def environment(**vault: Any) -> Environment:
    """Return the environment test."""
    role = {"ttl": "72h", "renew_before": "24h", "names": "test.example.internal"}
    return Environment.model_validate(
        {
            "domain": "test.example.internal",
            "policy": "1.3.6.1.4.1.32473.1.1",
            "vault": {
                "address": "https://vault.example.internal:8200",
                "namespace": "team/test",
                "identity": "/etc/ids",
                **vault,
            },
            "roles": {"server": {**role, "usage": ["server"]}},
        }
    )


def configuration(key: str = "managed", **target: Any) -> str:
    """Return the configuration of a consumer with this target."""
    each = consumer(key=key, deliver={"vault_kv": {"path": "/etc/billing/tls", **target}})
    return agent_config(each, environment(), "bao", PLACE)


def test_the_server_the_login_and_the_secret_are_named() -> None:
    """The login needs the namespace said twice: an agent logs in without the first."""
    text = configuration()
    for line in (
        'address   = "https://vault.example.internal:8200"',
        'ca_cert   = "/etc/ca.pem"',
        'mount_path = "auth/approle-consumers"',
        'role_id_file_path                   = "/etc/trustwright/consumers/test-billing/role_id"',
        "remove_secret_id_file_after_reading = false",
        'static_secret_render_interval = "60s"',
        '{{ with secret "trustwright-delivery/data/billing/set" -}}',
        'destination          = "/etc/billing/tls/.set"',
        "contents             = <<SET\n{{ timestamp }}\n",
        'timeout = "30s"',
        "exit_on_retry_failure         = true",
    ):
        assert line in text, line
    assert len(re.findall(r'namespace +?= "team/test"', text)) == 2
    assert text.count("\ntemplate {") == 1


def test_other_mounts_and_no_bundle() -> None:
    """What the estate says; without `ca` the host's own store verifies the server."""
    each = consumer(deliver={"vault_kv": {"path": "/etc/billing/tls"}})
    text = agent_config(each, environment(delivery="sets"), "vault", HostPlace("/etc/login", "", 5))

    assert '{{ with secret "sets/data/billing/set" -}}' in text
    assert "ca_cert" not in text
    assert "vault agent -config=" in text


def test_a_host_that_keeps_its_key_is_sent_none() -> None:
    """The template asks for no key; the script looks for the one that fits."""
    text = configuration(key="host")

    assert ".Data.data.key" not in text
    assert "keys/*.key" in text
    assert ".Data.data.key" in configuration()


def test_a_command_is_quoted() -> None:
    """What an estate file says is one word of the command, whatever is in it."""
    text = configuration(reload=["echo", "$(id)", "a'b", "COMMAND"])

    assert """reload() { echo '$(id)' 'a'"'"'b' COMMAND; }""" in text


@pytest.mark.parametrize("deliver", [{"vault_kv": {}}, {"directory": {"path": "/etc/billing/tls"}}])
def test_nothing_is_rendered_where_nobody_said_where(deliver: dict[str, Any]) -> None:
    """The remedy names the key."""
    with pytest.raises(ConfigurationError) as refused:
        agent_config(consumer(deliver=deliver), environment(), "bao", PLACE)

    assert refused.value.rule == "CONSUMER-AGENT"
    assert "deliver.vault_kv.path" in refused.value.hint


class Host:
    """A folder in which the script runs.

    Attributes:
        path: of the set.
    """

    def __init__(self, folder: Path, key: str = "managed") -> None:
        self.path = folder / "tls"
        self.path.mkdir()
        self.flag, self.calls = folder / "broken", folder / "calls"
        command = f"cat cert.pem >> {self.calls}; test ! -e {self.flag}"
        target = {"path": str(self.path), "mode": "0640", "reload": ["sh", "-c", command]}
        self.consumer = consumer(key=key, deliver={"vault_kv": target})
        self.secrets = FakeSecrets()

    def own(self, **owner: str | None) -> None:
        """Let the estate file name an owner."""
        target = self.consumer.deliver.vault_kv
        assert target is not None
        deliver = Delivery(vault_kv=target.model_copy(update=owner))
        self.consumer = self.consumer.model_copy(update={"deliver": deliver})

    def script(self) -> str:
        """Return the script as the configuration has it."""
        text = agent_config(self.consumer, environment(), "bao", PLACE)
        (found,) = re.findall(r"<<COMMAND\n(.*?)COMMAND\n", text, re.DOTALL)
        return str(found)

    def deliver(self, delivery: DeliverySet) -> None:
        """Write a set into the secret."""
        put(KvTarget(self.secrets, self.consumer, HeldClock()), delivery)

    def render(self) -> None:
        """Write the template's file as an agent does."""
        held = self.secrets.held["billing/set"] or {}
        text = "".join(
            f"== {file}\n{held[member(file)]}\n" for file in FILES if member(file) in held
        )
        text = f"2026-11-26T07:00:00Z\n{text}"
        (self.path / ".set").touch(mode=0o600)
        (self.path / ".set").write_text(text)

    def run(self, *, shell: str = "sh") -> subprocess.CompletedProcess[str]:
        """Render and run the script."""
        self.render()
        return subprocess.run(
            [shell, "-c", self.script()], capture_output=True, text=True, check=False, timeout=30
        )

    def certificate(self) -> str:
        """Return the certificate in place."""
        return (self.path / "cert.pem").read_text()

    def reloads(self) -> int:
        """Return how often the reload ran."""
        return self.calls.read_text().count("BEGIN") if self.calls.exists() else 0

    def versions(self) -> list[str]:
        """Return the folders of sets."""
        return [each.name for each in (self.path / "versions").iterdir() if each.is_dir()]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host to which nothing was delivered."""
    return Host(tmp_path)


SHELLS = [each for each in ("sh", "bash", "busybox") if shutil.which(each)]


@pytest.mark.parametrize("shell", [each for each in SHELLS if each != "busybox"])
def test_a_set_is_split_into_its_files(host: Host, shell: str) -> None:
    """Each is, byte for byte, what the manifest says; modes as the estate file wants."""
    delivery = pki().delivery()
    host.deliver(delivery)
    done = host.run(shell=shell)

    assert (done.returncode, done.stderr) == (0, "")
    held = host.secrets.held["billing/set"] or {}
    for file in FILES:
        found = host.path / file
        assert found.read_text() == held[member(file)]
        assert found.stat().st_mode & 0o777 == (0o640 if file == "key.pem" else 0o644)
    assert os.readlink(host.path / "current").startswith("versions/set.")  # noqa: PTH115
    assert not (host.path / ".set").exists()
    assert host.reloads() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(
    ("user", "group", "owner"), [("65534", "33", (65534, 33)), (None, "33", (0, 33))]
)
def test_files_are_given_to_their_owner(
    host: Host, user: str | None, group: str, owner: tuple[int, int]
) -> None:
    """All of them, before the swap; the folder stays ours."""
    host.own(user=user, group=group)
    host.deliver(pki().delivery())
    assert host.run().returncode == 0

    for file in FILES:
        facts = (host.path / file).stat()
        assert (facts.st_uid, facts.st_gid) == owner
    assert (host.path / "current").resolve().stat().st_uid == 0


def test_the_same_set_is_not_reloaded_again(host: Host) -> None:
    """An agent renders again at each look, for the file is gone."""
    host.deliver(pki().delivery())
    for _ in range(3):
        assert host.run().returncode == 0

    assert host.reloads() == 1
    assert len(host.versions()) == 1


def test_a_new_set_replaces_the_old_one(host: Host) -> None:
    """Nothing of the old one is left, its key least of all."""
    host.deliver(pki().delivery())
    host.run()
    second = pki().delivery()
    host.deliver(second)
    assert host.run().returncode == 0

    assert host.certificate() == second.certificate
    assert len(host.versions()) == 1
    assert host.reloads() == 2


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "crl.pem"])
def test_what_somebody_changed_on_the_host_is_mended(host: Host, name: str) -> None:
    """At the next look."""
    host.deliver(pki().delivery())
    host.run()
    before = (host.path / name).read_text()
    (host.path / name).write_text("changed")
    assert host.run().returncode == 0

    assert (host.path / name).read_text() == before
    assert host.reloads() == 2


def test_a_reload_that_fails_brings_the_old_set_back(host: Host) -> None:
    """And the command says so; the next look tries again."""
    first, second = pki().delivery(), pki().delivery()
    host.deliver(first)
    host.run()
    host.deliver(second)
    host.flag.touch()
    done = host.run()

    assert (done.returncode, host.certificate()) == (1, first.certificate)
    assert "the reload failed" in done.stderr
    assert len(host.versions()) == 1
    host.flag.unlink()
    assert (host.run().returncode, host.certificate()) == (0, second.certificate)


def test_a_first_reload_that_fails_leaves_nothing(host: Host) -> None:
    """There is no set to go back to."""
    host.deliver(pki().delivery())
    host.flag.touch()

    assert host.run().returncode == 1
    assert not (host.path / "current").exists()
    assert host.versions() == []


def test_a_set_that_is_cut_is_not_taken(host: Host) -> None:
    """What is in place stays; nothing is reloaded."""
    first = pki().delivery()
    host.deliver(first)
    host.run()
    host.secrets.put("billing/set", {**(host.secrets.held["billing/set"] or {}), "crl": ""})

    assert host.run().returncode == 1
    assert (host.certificate(), host.reloads()) == (first.certificate, 1)
    assert len(host.versions()) == 1


@pytest.mark.parametrize("name", ["../../evil", "/evil", "evil", "keys/evil.key", ""])
def test_a_secret_leads_nowhere_else(host: Host, tmp_path: Path, name: str) -> None:
    """Whoever can write the secret is not to write files on its hosts."""
    host.deliver(pki().delivery())
    host.run()
    before = {each for each in tmp_path.rglob("*") if each.name != "calls"}
    held = dict(host.secrets.held["billing/set"] or {})
    name = f"{tmp_path}{name}" if name.startswith("/") else name
    host.secrets.put("billing/set", {**held, "crl": f"{held['crl']}== {name}\nx\n"})

    assert host.run().returncode == 1
    assert {each for each in tmp_path.rglob("*") if each.name != "calls"} == before
    assert host.reloads() == 1


@pytest.mark.parametrize("line", ["mv -T .next current", "reload; then", "printf %s"])
def test_a_death_is_made_up_for(host: Host, line: str) -> None:
    """Before the swap, before the reload, before the mark: the next run comes to the same end."""
    host.deliver(pki().delivery())
    host.run()
    second = pki().delivery()
    host.deliver(second)
    host.render()
    script = host.script().replace(line, f"kill -9 $$; {line}", 1)
    if line == "reload; then":
        script = host.script().replace("if ! reload", "kill -9 $$; if ! reload", 1)
    assert "kill -9" in script
    died = subprocess.run(["sh", "-c", script], check=False, capture_output=True, timeout=30)
    assert died.returncode == -9

    assert host.run().returncode == 0
    assert host.certificate() == second.certificate
    assert len(host.versions()) == 1
    assert host.reloads() >= 2


def test_the_hosts_own_key_is_found(tmp_path: Path) -> None:
    """Of several, the one that is the certificate's; without one nothing is taken."""
    host = Host(tmp_path, key="host")
    first, second = pki().delivery(), pki().delivery()
    host.deliver(DeliverySet(**{**vars(first), "key": None}))
    assert host.run().returncode == 1
    (host.path / "keys").mkdir()
    for number, each in enumerate((second, first)):
        (host.path / "keys" / f"{number}.key").write_bytes(each.key or b"")

    assert host.run().returncode == 0
    assert sha256_hex((host.path / "key.pem").read_bytes()) == sha256_hex(first.key or b"")


def is_read(pipe: Path) -> bool:
    """Return whether somebody has a pipe open for reading."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_a_host_key_that_is_exchanged_while_it_is_read_leads_nowhere(tmp_path: Path) -> None:
    """Each file is read once: root may run the agent, and somebody else own the keys."""
    host = Host(tmp_path, key="host")
    delivery = pki().delivery()
    host.deliver(DeliverySet(**{**vars(delivery), "key": None}))
    pipe = host.path / "keys" / "1.key"
    pipe.parent.mkdir()
    os.mkfifo(pipe)

    def answer() -> None:
        pipe.write_bytes(delivery.key or b"")
        while is_read(pipe):
            time.sleep(0.01)
        with suppress(BrokenPipeError):
            pipe.write_text("what only root may read\n")

    Thread(target=answer, daemon=True).start()
    assert host.run().returncode == 0
    assert (host.path / "key.pem").read_bytes() == delivery.key
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # lets the second answer go
