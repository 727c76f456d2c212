"""Time-lapse: more than twenty renewals of every consumer under constant mTLS traffic.

Certificates live a minute, the shortest life that an estate may ask for, and are replaced every few
seconds. nginx is reloaded by the delivery's own hook; a client makes one handshake after another
with what is delivered to it at that moment. The run lasts longer than a certificate lives, so that
one that was not renewed would be refused in the end.
"""

from __future__ import annotations

import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.contract.openbao import OpenBao
from tests.e2e.real import RealWorld
from tests.ports import LOOPBACK, reserved_port
from tests.stacks.nginx import CONFIGURATION
from tests.stacks.process import Server, becomes_ready, binary, started
from trustwright.lifecycle.consumers import consumers_of
from trustwright.lifecycle.renewal import renew_consumers
from trustwright.lifecycle.sweep import sweep_estate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RENEWALS = 20
TTL = 60
LEFT = 55
"""Seconds before its end at which a certificate is replaced."""
SERVICES = (
    ("billing", "server", "managed"),
    ("gateway", "proxy", "managed"),
    ("collector", "agent", "managed"),
)
SERVER = """\
        listen {address}:{port} ssl;
        ssl_certificate "{folder}/fullchain.pem";
        ssl_certificate_key "{folder}/key.pem";
        ssl_client_certificate "{folder}/trust.pem";
        ssl_crl "{folder}/crl.pem";
        ssl_verify_client on;
        ssl_session_cache off;
        ssl_session_tickets off;
        keepalive_timeout 0;
        location / {{ return 200 accepted; }}"""


@dataclass
class QuickWorld(RealWorld):
    """Production only, with roles that are renewed every few seconds.

    Attributes:
        reload: the server's reload command.
    """

    reload: tuple[str, ...] = ()

    @override
    def estate_file(self) -> dict[str, Any]:
        """Return the estate as its file writes it."""
        written = super().estate_file()
        written["consumers"] = [
            each for each in written["consumers"] if each["environment"] == "prod"
        ]
        for role in written["environments"]["prod"]["roles"].values():
            role |= {"ttl": f"{TTL}s", "renew_before": f"{LEFT}s"}
        for each in written["consumers"]:
            if each["name"] == "billing":
                each["deliver"]["directory"]["reload"] = self.reload
        return written


@dataclass
class Traffic:
    """Handshakes of clients that read their delivered set anew for each of them."""

    port: int
    clients: tuple[Path, ...]
    made: int = 0
    failed: list[str] = field(default_factory=list)
    serials: set[str] = field(default_factory=set)

    def knock(self, folder: Path) -> None:
        """Make one request over a connection of its own."""
        version = (folder / "current").resolve()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(version / "trust.pem")
        context.load_cert_chain(version / "fullchain.pem", version / "key.pem")
        try:
            answer = self._ask(context)
        except OSError as error:
            answer = f"{type(error).__name__}: {error}"
        self.made += 1
        if "200 OK" not in answer:
            self.failed.append(f"{folder.name} with {version.name}: {answer}")

    def _ask(self, context: ssl.SSLContext) -> str:
        with (
            socket.create_connection((LOOPBACK, self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="billing.prod.example.internal") as secured,
        ):
            certificate = secured.getpeercert() or {}
            self.serials.add(str(certificate["serialNumber"]))
            secured.sendall(b"GET / HTTP/1.0\r\nHost: billing\r\n\r\n")
            received = b""
            while part := secured.recv(4096):
                received += part
        return received.partition(b"\r\n")[0].decode()


@contextmanager
def nginx(folder: Path, port: int, delivered: Path) -> Iterator[Server]:
    """Serve with the delivered set; the master process keeps its pid over every reload."""
    folder.mkdir()
    server = SERVER.format(address=LOOPBACK, port=port, folder=delivered)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(server=server))
    words = [binary("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with started(words, port, folder, stop=signal.SIGTERM) as process:
        assert becomes_ready(process, None), process.words()
        yield process


@contextmanager
def flowing(traffic: Traffic) -> Iterator[Traffic]:
    """Keep every client knocking, each in a thread of its own."""
    over = threading.Event()

    def knock_on(folder: Path) -> None:
        while not over.wait(0.02):
            traffic.knock(folder)

    threads = [threading.Thread(target=knock_on, args=(each,)) for each in traffic.clients]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        over.set()
        for thread in threads:
            thread.join()


def versions(world: QuickWorld) -> dict[str, int]:
    """Return how many sets each consumer was given."""
    found = {}
    for consumer in consumers_of(world.ports, "prod"):
        observed = world.ports.target(consumer).observed()
        assert observed is not None
        found[consumer.name] = observed.number
    return found


def test_every_consumer_is_renewed_twenty_times_and_no_handshake_fails(
    openbao: OpenBao, tmp_path: Path
) -> None:
    """Nobody does anything but sweep and renew what is due."""
    pid = tmp_path / "nginx" / "nginx.pid"
    reload = ("/bin/sh", "-c", f"test ! -f {pid} || kill -HUP $(cat {pid})")
    world = QuickWorld(openbao, tmp_path, "time-lapse", SERVICES, reload=reload)
    world.bootstrap("prod")
    first = world.ports.clock.now()
    clients = (world.delivered("prod", "collector"), world.delivered("prod", "gateway"))
    with (
        reserved_port() as port,
        nginx(tmp_path / "nginx", port, world.delivered("prod", "billing")),
        flowing(Traffic(port, clients)) as traffic,
    ):
        while min(versions(world).values()) <= RENEWALS or seconds_since(world, first) <= TTL:
            sweep_estate(world.ports, "prod")
            renew_consumers(world.ports, "prod")
    assert traffic.failed == []
    assert traffic.made > 500
    assert len(traffic.serials) > RENEWALS
    assert all(number > RENEWALS for number in versions(world).values())
    rows = list(world.ports.records.certificates.find(environment="prod", state="valid"))
    assert sorted(row.subject for row in rows) == ["billing", "collector", "gateway"]
    assert list(world.ports.records.findings.find(state="open")) == []
    assert list(world.ports.records.intents.find(state="open")) == []


def seconds_since(world: QuickWorld, moment: datetime) -> float:
    """Return the seconds that have passed."""
    return (world.ports.clock.now() - moment).total_seconds()
