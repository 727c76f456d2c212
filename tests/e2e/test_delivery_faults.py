"""A delivery that fails, in front of a real nginx: it serves on, people are told, later it heals.

Vault, store and chat are stand-ins; the folder, its hooks and nginx are real.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import eventually
from tests.fakes.world import World
from tests.ports import LOOPBACK
from tests.stacks.base import Credential, RelyingParty
from tests.stacks.nginx import command
from tests.stacks.process import binary, serving
from tests.unit.lifecycle.scenes import HOUR, change_consumer, events_told, rows_of
from tests.unit.lifecycle.test_breakers import breaker, made_due
from tests.unit.lifecycle.test_renewal import renew
from trustwright.delivery.directory import DirectoryTarget
from trustwright.endpoints.handshake import Handshakes
from trustwright.ids import serial_text
from trustwright.model.estate import Delivery, Directory
from trustwright.policy.breaker import BREAKER_OPEN
from trustwright.x509 import parse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SERVER = """\
        listen {address}:{port} ssl;
        ssl_certificate "{chain}";
        ssl_certificate_key "{key}";
        location / {{ return 200 accepted; }}"""
RELOAD = """\
#!/bin/sh
# Before nginx is started there is nothing to reload.
test -e {folder}/hang && exec sleep 60
test -e {folder}/nginx.pid || exit 0
{nginx} -t -q -e stderr -p {folder} -c {folder}/nginx.conf || exit 1
exec {nginx} -s reload -e stderr -p {folder} -c {folder}/nginx.conf
"""


@dataclass
class Shop:
    """Billing behind nginx.

    Attributes:
        folder: of nginx: configuration, pid, and what the hooks look at.
        port: where it serves; 0 until it does.
    """

    world: World
    folder: Path
    path: Path
    port: int = 0

    def served(self) -> str:
        """Return the serial that a handshake sees."""
        found = Handshakes().presented(f"tls://{LOOPBACK}:{self.port}", "billing")
        return serial_text(parse.certificate(found.certificate).serial_number)

    def in_place(self) -> str:
        """Return the serial of the certificate in the folder."""
        text = (self.path / "cert.pem").read_text()
        return serial_text(parse.certificate(text).serial_number)

    def sees(self, serial: str) -> None:
        """Wait until nginx serves a certificate: it reloads after its command has returned."""
        eventually(f"nginx serves {serial}", lambda: self.served() == serial, 15)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Return a world in which billing is due, served by nginx."""
    world, folder, path = World(tmp_path), tmp_path / "nginx", tmp_path / "tls"
    folder.mkdir()
    script = folder / "reload.sh"
    script.write_text(RELOAD.format(folder=folder, nginx=binary("nginx")))
    directory = Directory.model_validate(
        {
            "path": str(path),
            "reload": ["/bin/sh", str(script)],
            "check": ["/bin/sh", "-c", f"test ! -e {folder}/unfit"],
            "timeout": "1s",
        }
    )
    change_consumer(world, "billing", deliver=Delivery(directory=directory))
    target: Any = DirectoryTarget(directory, "billing", world.clock)
    world.ports.targets["prod/billing"] = target
    made = Shop(made_due(world), folder, path)
    credential = Credential(path / "key.pem", path / "fullchain.pem", "billing")
    party = RelyingParty(credential, path / "trust.pem")
    with serving(lambda port: command(folder, SERVER, party, port=port), folder) as server:
        made.port = server.port
        yield made


@contextmanager
def marked(shop: Shop, name: str) -> Iterator[None]:
    """Leave a file that a hook looks for."""
    mark = shop.folder / name
    mark.touch()
    yield
    mark.unlink()


@contextmanager
def misconfigured(shop: Shop) -> Iterator[None]:
    """Leave a mistake in nginx's configuration."""
    configuration = shop.folder / "nginx.conf"
    good = configuration.read_text()
    configuration.write_text(f"{good}\nno_such_directive on;\n")
    yield
    configuration.write_text(good)


@contextmanager
def failing(call: str, code: int) -> Iterator[None]:
    """Let a system call fail, as a full or a forbidding disk does."""

    def fails(*_args: object, **_kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, fails)
        yield


Fault = Callable[[Shop], Any]
FAULTS: dict[str, tuple[Fault, str]] = {
    "disk full": (lambda _: failing("write", errno.ENOSPC), "No space left on device"),
    "permission denied": (lambda _: failing("mkdir", errno.EACCES), "Permission denied"),
    "reload fails": (misconfigured, "no_such_directive"),
    "reload hangs": (lambda shop: marked(shop, "hang"), "1 s"),
    "check fails": (lambda shop: marked(shop, "unfit"), "DLV-CHECK"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_keeps_the_previous_version_served(shop: Shop, fault: str) -> None:
    """Served on, on record, told once, tried again later, healed: a certificate for every try."""
    broken, problem = FAULTS[fault]
    first, world = shop.in_place(), shop.world
    shop.sees(first)
    with broken(shop):
        assert renew(world, "billing", run="run-1") == {"billing": "failed"}
        assert renew(world, "billing", run="run-2") == {"billing": "failed"}
    assert shop.in_place() == first
    shop.sees(first)
    row = world.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert (row.state, row.serial, row.failing_since) == ("failed", first, world.clock.now())
    assert problem in row.problem
    assert events_told(world) == ["consumer.failed"]
    assert [each.state for each in rows_of(world, "billing")].count("valid") == 1

    world.clock.advance(seconds=HOUR)
    assert renew(world, "billing", run="run-3") == {"billing": "new set"}
    shop.sees(shop.in_place())
    assert shop.in_place() != first
    healed = world.ports.store.deliveries.get("prod/billing")
    assert healed is not None
    assert (healed.state, healed.problem, healed.failing_since) == ("delivered", "", None)
    assert events_told(world) == ["consumer.failed", "consumers.renewed"]


def test_a_service_that_stays_broken_is_tried_when_its_breaker_allows(shop: Shop) -> None:
    """Three tries, then a wait; mended meanwhile, it is served at the trial and not before."""
    first, world = shop.in_place(), shop.world
    with misconfigured(shop):
        for number in range(3):
            assert renew(world, "billing", run=f"run-{number}") == {"billing": "failed"}
        assert renew(world, "billing", run="run-4") == {"billing": BREAKER_OPEN}
    assert len(rows_of(world, "billing")) == 1 + 3
    assert renew(world, "billing", run="run-5") == {"billing": BREAKER_OPEN}
    assert (shop.in_place(), shop.served()) == (first, first)
    retry_at = breaker(world).retry_at
    assert retry_at is not None
    world.clock.advance(seconds=int((retry_at - world.clock.now()).total_seconds()))
    assert renew(world, "billing", run="run-6") == {"billing": "new set"}
    shop.sees(shop.in_place())
    assert shop.in_place() != first
    assert events_told(world) == [
        "consumer.failed", "breaker.opened", "breaker.closed", "consumers.renewed"
    ]  # fmt: skip
