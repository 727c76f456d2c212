"""SIGKILL at every call that changes something, in a real OpenBao and a real store."""

from __future__ import annotations

import os
import signal
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.contract.openbao import OpenBao
from tests.e2e.real import RealWorld, untouched
from tests.fakes.mortal import Mortal
from tests.fakes.world import run_bootstrap
from trustwright.lifecycle.consumers import consumer_named
from trustwright.x509 import parse

pytestmark = pytest.mark.contract

READS = frozenset(
    {
        "get",
        "find",
        "observed",
        "host_request",
        "probe",
        "issuers",
        "keys",
        "crl",
        "serials",
        "certificate",
        "link",
        "alive",
        "tell",
    }
)
"""Calls that leave nothing behind; the kill tests over fakes cut at these as well."""
SERVICES = (("billing", "server", "managed"), ("ledger", "server", "host"))
WORKERS = 6


class Effects(Mortal):
    """Dies at the n-th call that changes something."""

    def cross(self, name: str, act: Any) -> Any:
        """Count effects only."""
        if name.rpartition(".")[2] in READS:
            return act()
        return super().cross(name, act)

    def die(self, name: str) -> None:
        """End this process as a power cut does: no handler and no ``finally`` runs."""
        os.kill(os.getpid(), signal.SIGKILL)


def world(server: OpenBao, folder: Path, suffix: str) -> RealWorld:
    """Return a fresh world with one managed consumer and one that keeps its key."""
    folder.mkdir(parents=True)
    made = RealWorld(server, folder, suffix, SERVICES)
    made.leave_host_request("prod", "ledger")
    return made


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("share", range(WORKERS))
def test_death_at_every_effect(
    openbao: OpenBao, tmp_path: Path, moment: Literal["before", "after"], share: int
) -> None:
    """A new process with a new run converges, wherever the old one died."""
    whole = world(openbao, tmp_path / "whole", f"whole-{moment}-{share}")
    whole.ports.through = counting = Effects()
    run_bootstrap(whole.ports, "prod", whole.answer)
    assert len(counting.calls) > 30
    for number in range(1 + share, len(counting.calls) + 1, WORKERS):
        when = f"{moment} effect {number} of {len(counting.calls)}, {counting.calls[number - 1]}"
        found = world(openbao, tmp_path / str(number), f"{moment}-{number}")
        die_and_run_again(found, Effects(last=number, moment=moment))
        check_converged(found, when)


def die_and_run_again(found: RealWorld, killer: Effects) -> None:
    """Let a first process be killed, and run a second one over newly opened ports."""
    found.ports.store.close()
    assert killed_by(found, killer) == signal.SIGKILL
    found.ports = found.open_ports()
    found.ports.actor = "run-2"
    assert found.ports.through is untouched
    run_bootstrap(found.ports, "prod", found.answer)


def killed_by(found: RealWorld, killer: Effects) -> int:
    """Bootstrap in a process of its own; return the signal that ended it."""
    with warnings.catch_warnings():
        # From 3.12 on Python warns of threads that other tests have left: the child uses none.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            found.ports = found.open_ports()
            found.ports.through = killer
            run_bootstrap(found.ports, "prod", found.answer)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def check_converged(found: RealWorld, when: str) -> None:
    """One key, one issuer, one valid certificate per consumer, nothing unexplained."""
    records, ports = found.ports.store, found.ports
    assert list(ports.rotator("prod").keys().values()) == ["prod-g1"], when
    (issuer,) = ports.rotator("prod").issuers()
    assert (issuer.name, issuer.default) == ("prod-g1", True), when
    assert len(list(records.issuers.find())) == 1, when
    assert [row.phase for row in records.environments.find()] == ["ready"], when
    assert [row.state for row in records.ceremonies.find()] == ["accepted"], when
    assert list(records.intents.find(state="open")) == [], when
    valid = Counter(row.subject for row in records.certificates.find(state="valid"))
    assert valid == {"billing": 1, "ledger": 1}, when
    check_inventory(found, when)
    records.close()


def check_inventory(found: RealWorld, when: str) -> None:
    """Vault holds what the inventory knows, and its CRL names what the inventory revoked."""
    records, signer = found.ports.store, found.ports.signer("prod")
    (issuer,) = records.issuers.find()
    own = {parse.certificate(issuer.certificate or "").serial_number}
    known = {number(row.serial) for row in records.certificates.find()}
    assert {number(serial) for serial in signer.serials()} - own == known, when
    crl = parse.crl(signer.crl(issuer.issuer_id or ""))
    revoked = {number(row.serial) for row in records.certificates.find(state="revoked")}
    assert {entry.serial_number for entry in crl} == revoked, when


def number(serial: str) -> int:
    """Return a serial as a number."""
    return int(serial.replace(":", ""), 16)


class Fetching(RealWorld):
    """Every consumer fetches its set from Vault's KV."""

    def estate_file(self) -> dict[str, Any]:
        """Return an estate without a directory."""
        made = super().estate_file()
        for each in made["consumers"]:
            each["deliver"] = {"vault_kv": {}}
        return made


class AtTheSet(Effects):
    """Dies where a set is written into KV."""

    def cross(self, name: str, act: Any) -> Any:
        """Count these writes only."""
        return super().cross(name, act) if name == "secrets.write" else act()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_around_the_write_of_a_set(
    openbao: OpenBao, tmp_path: Path, moment: Literal["before", "after"]
) -> None:
    """The set that a dead run left is adopted, or its certificate revoked and another made."""
    services = (("billing", "server", "managed"),)
    found = Fetching(openbao, tmp_path, f"fetching-{moment}", services)
    die_and_run_again(found, AtTheSet(last=1, moment=moment))

    records, ports = found.ports.store, found.ports
    observed = ports.target(consumer_named(ports, "prod", "billing")).observed()
    (valid,) = records.certificates.find(state="valid", subject="billing")
    assert observed is not None
    assert (observed.serial, observed.number) == (valid.serial, 1)
    assert list(records.intents.find(state="open")) == []
    check_inventory(found, moment)
    records.close()
