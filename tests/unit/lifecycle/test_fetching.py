"""Consumers that fetch their sets from Vault's KV: served, renewed, rekeyed, killed meanwhile."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.secrets import FakeSecrets
from tests.fakes.world import World, run_bootstrap
from tests.unit.lifecycle.scenes import HOUR, consumer, lines_of, prepare_again, rows_of
from trustwright.errors import ConfigurationError, Rejected
from trustwright.lifecycle.consumers import Served, serve_consumers
from trustwright.lifecycle.enrolment import enrol_host
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.model.estate import Delivery, VaultKv
from trustwright.model.profile import Subject
from trustwright.ports import Delivered
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key

FETCHING = ("billing", "ledger")


def fetching_world(folder: Path) -> World:
    """Return a ready prod with two consumers that fetch their sets, not served yet."""
    world = World(folder)
    everybody = world.ports.estate.consumers
    world.ports.estate = world.ports.estate.model_copy(update={"consumers": ()})
    run_bootstrap(world.ports, "prod", world.answer)
    fetched = {"deliver": Delivery(vault_kv=VaultKv())}
    world.ports.estate = world.ports.estate.model_copy(
        update={
            "consumers": tuple(
                each.model_copy(update=fetched)
                for each in everybody
                if each.environment == "prod" and each.name in FETCHING
            )
        }
    )
    prepare_again(world)
    leave_request(world)
    return world


def leave_request(world: World) -> None:
    """Write a request with a new key, as the host of ledger does."""
    name = Subject(organization="Host", common_name="ledger.prod.example.internal")
    secrets_of(world).put("ledger/request", {"csr": build_request(generate_key("ec-p256"), name)})


def secrets_of(world: World) -> FakeSecrets:
    """Return prod's delivery mount."""
    return world.ports.vault.secrets.setdefault("prod", FakeSecrets())


def serve(world: World) -> list[Served]:
    """Serve both."""
    return serve_consumers(world.ports, world.ports.estate.consumers)


def in_place(world: World, name: str) -> Delivered:
    """Return what a consumer has."""
    world.ports.through = lambda _name, part: part
    found = world.ports.target(consumer(world, name)).observed()
    assert found is not None
    return found


def test_both_are_served_and_then_left_alone(tmp_path: Path) -> None:
    """One with its key, one without; the record names the place."""
    world = fetching_world(tmp_path)

    assert [(each.state, each.changed) for each in serve(world)] == [("delivered", True)] * 2
    assert [(each.state, each.changed) for each in serve(world)] == [("delivered", False)] * 2
    assert [in_place(world, name).with_key for name in FETCHING] == [True, False]
    assert [row.target for row in world.ports.store.deliveries.find()] == [
        "vault_kv:billing/set",
        "vault_kv:ledger/set",
    ]


def test_a_host_that_wrote_nothing_is_waited_for(tmp_path: Path) -> None:
    """Where it shall write is said."""
    world = fetching_world(tmp_path)
    secrets_of(world).put("ledger/request", None)

    served = serve(world)[1]
    assert served.state == "waiting"
    assert served.problem.endswith("certification request at vault_kv:ledger/request")


def test_a_new_request_is_a_rekey(tmp_path: Path) -> None:
    """At the next run, whatever life the certificate has left."""
    world = fetching_world(tmp_path)
    serve(world)
    world.clock.advance(seconds=1)
    leave_request(world)
    serve(world)

    first, second = rows_of(world, "ledger")
    assert (first.state, second.state) == ("superseded", "valid")
    assert first.spki != second.spki
    assert in_place(world, "ledger").serial == second.serial


def test_what_somebody_wrote_by_hand_is_replaced(tmp_path: Path) -> None:
    """Another set: a new certificate. The same one, with its key: that key is exposed."""
    world = fetching_world(tmp_path)
    serve(world)
    secrets = secrets_of(world)
    secrets.put("billing/set", {"key": "mine", "cert": "mine"})
    world.clock.advance(seconds=1)
    serve(world)
    assert [row.state for row in rows_of(world, "billing")] == ["superseded", "valid"]

    secrets.put("billing/set", dict(secrets.held["billing/set"] or {}))
    world.clock.advance(seconds=1)
    serve(world)
    assert [row.state for row in rows_of(world, "billing")] == ["superseded", "revoked", "valid"]
    (line,) = lines_of(world, "trustwright.certificate.exposed")
    assert "written by somebody else" in line.detail
    assert in_place(world, "billing").drift == ""


def test_enrolling_is_in_the_audit_and_the_secret_is_not(tmp_path: Path) -> None:
    """Who asked, for whom, and whether the former logins went."""
    world = fetching_world(tmp_path)
    login = enrol_host(world.ports, "prod", "billing", replace=True)

    (line,) = lines_of(world, "trustwright.consumer.enrolled")
    assert (line.subject, line.detail) == (
        "prod/billing",
        "a new login; the former ones are withdrawn",
    )
    everything = [row.model_dump_json() for row in world.ports.store.audit.find()]
    assert not [row for row in everything if login.wrapped in row]


def test_who_has_a_directory_needs_no_login(tmp_path: Path) -> None:
    """And who is not prepared gets none."""
    world = fetching_world(tmp_path)
    directory = Delivery.model_validate({"directory": {"path": "/srv/billing"}})
    ports = world.ports
    billing, ledger = ports.estate.consumers
    ports.estate = ports.estate.model_copy(
        update={"consumers": (billing.model_copy(update={"deliver": directory}), ledger)}
    )
    with pytest.raises(ConfigurationError) as refused:
        enrol_host(ports, "prod", "billing", replace=False)
    assert refused.value.rule == "CONSUMER-DIRECTORY"

    ports.vault.mounts["prod"].fetching = {}
    with pytest.raises(Rejected):
        enrol_host(ports, "prod", "ledger", replace=False)


def due(world: World) -> None:
    """Bring a world to where one consumer is to be renewed and the other has another key."""
    serve(world)
    world.clock.advance(seconds=49 * HOUR)
    leave_request(world)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_around_every_secret(tmp_path: Path, moment: Literal["before", "after"]) -> None:
    """Between the write of a set and its record, say; the next run converges.

    The rest of a run is the same for every target: `test_kill` cuts it everywhere.
    """
    whole = fetching_world(tmp_path / "whole")
    due(whole)
    whole.ports.through = counting = Mortal()
    serve(whole)
    ours = [n for n, name in enumerate(counting.calls, 1) if name.startswith("secrets.")]
    assert counting.calls.count("secrets.write") == 2
    around = {*ours, *(each + 1 for each in ours)} & set(range(len(counting.calls) + 1))
    for number in sorted(around):
        world = fetching_world(tmp_path / str(number))
        due(world)
        world.ports.through = Mortal(last=number, moment=moment)
        with pytest.raises(ProcessDied):
            serve(world)
        world.ports.through = lambda _name, part: part
        world.ports.actor = "run-2"
        world.clock.advance(seconds=60)
        serve(world)
        when = f"{moment} call {number}, {counting.calls[number - 1]}"
        check_converged(world, when)
        world.clock.advance(seconds=HOUR)
        settle_all_left_behind(world.ports, "prod")
        check_converged(world, when)


def check_converged(world: World, when: str) -> None:
    """One valid certificate each, which is the one in place; no other can be used."""
    records = world.ports.store
    valid = Counter(row.subject for row in records.certificates.find(state="valid"))
    assert valid == {"billing": 1, "ledger": 1}, when
    assert list(records.intents.find(state="open")) == [], when
    for name in FETCHING:
        observed, row = in_place(world, name), records.deliveries.get(f"prod/{name}")
        assert row is not None, when
        assert (row.serial, row.number, row.state) == (
            observed.serial,
            observed.number,
            "delivered",
        ), when
        assert row.holder is None, when
        (certificate,) = records.certificates.find(subject=name, state="valid")
        assert certificate.serial == observed.serial, when
    (issuer,) = records.issuers.find()
    crl = parse.crl(world.ports.vault.signer("prod").crl(issuer.issuer_id or ""))
    revoked = {
        int(row.serial.replace(":", ""), 16) for row in records.certificates.find(state="revoked")
    }
    assert {entry.serial_number for entry in crl} == revoked, when
