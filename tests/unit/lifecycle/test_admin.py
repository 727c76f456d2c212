"""Admin certificates: short-lived, made on the admin's own machine, on no service path."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.mortal import ProcessDied
from tests.fakes.target import FakeTarget
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    bootstrap,
    lines_of,
    losing,
    reach_gate,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import ConfigurationError, PolicyViolation, Rejected, VerificationError
from trustwright.lifecycle.admin import AdminCertificate, issue_admin
from trustwright.lifecycle.separation import prove_separation
from trustwright.policy.bundle import check_key
from trustwright.x509 import parse

pytestmark = pytest.mark.unit


@pytest.fixture
def target(world: World) -> FakeTarget:
    """Return the folder on the admin's machine."""
    return FakeTarget("alice", world.clock)


def issue(world: World, target: FakeTarget) -> AdminCertificate:
    """Issue alice's certificate for prod."""
    return issue_admin(world.ports, "prod", "alice", target)


def test_an_admin_gets_a_short_lived_client_certificate(world: World, target: FakeTarget) -> None:
    """Twelve hours, client authentication only, a key that fits, the environment's anchor."""
    bootstrap(world)
    made = issue(world, target)
    assert target.delivery is not None
    certificate = parse.certificate(target.delivery.certificate)
    check_key(target.delivery.key, certificate)
    life = certificate.not_valid_after_utc - world.clock.now()
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert life.total_seconds() == 12 * 3600
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert (made.certificate.purpose, made.certificate.role) == ("admin", "admin")
    assert made.delivered == target.observed()
    (line,) = lines_of(world, "trustwright.admin.issued")
    assert line.detail == f"serial {made.certificate.serial}"


def test_nothing_goes_through_a_service_path(world: World, target: FakeTarget) -> None:
    """No delivery is recorded and the estate's folder is not touched."""
    bootstrap(world)
    issue(world, target)
    assert world.ports.store.deliveries.get("prod/alice") is None
    assert "prod/alice" not in world.ports.targets


def test_each_call_makes_another(world: World, target: FakeTarget) -> None:
    """The older ones run out by themselves; none is revoked."""
    bootstrap(world)
    first, second = issue(world, target), issue(world, target)
    assert first.certificate.spki != second.certificate.spki
    assert [row.state for row in rows_of(world, "alice")] == ["valid", "valid"]


def test_one_that_ran_out_does_not_disturb_the_proof(world: World, target: FakeTarget) -> None:
    """Separation is judged over certificates that are in force."""
    bootstrap(world)
    issue(world, target)
    world.clock.advance(seconds=DAY)
    assert {each.certificate for each in prove_separation(world.ports, "prod")} == {
        "billing (server)",
        "gateway (proxy)",
    }
    bootstrap(world)


def test_what_a_dead_command_left_is_revoked(world: World, target: FakeTarget) -> None:
    """Its key died with the command."""
    bootstrap(world)
    twist(world.ports, {"signer.sign": losing(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        issue(world, target)
    straighten(world.ports)
    world.clock.advance(seconds=10 * 60)
    made = issue(world, target)
    states = {row.serial: row.state for row in rows_of(world, "alice")}
    assert states.pop(made.certificate.serial) == "valid"
    assert list(states.values()) == ["revoked"]


def test_two_at_once_do_not_disturb_each_other(world: World, target: FakeTarget) -> None:
    """Another terminal asks while Vault has signed and nothing is recorded yet."""
    bootstrap(world)
    other = FakeTarget("alice", world.clock)

    def slowly(honest: Any, *args: Any) -> Any:
        straighten(world.ports)
        signed = honest(*args)
        issue(world, other)
        return signed

    twist(world.ports, {"signer.sign": slowly})
    issue(world, target)
    held = {found.serial for each in (target, other) if (found := each.observed())}
    rows = rows_of(world, "alice")
    assert {row.serial for row in rows} == held
    assert [row.state for row in rows] == ["valid", "valid"]
    assert list(world.ports.store.intents.find(state="open")) == []


def test_a_younger_leftover_is_left_alone(world: World, target: FakeTarget) -> None:
    """Whoever opened it may be at work; nine minutes later it still may."""
    bootstrap(world)
    twist(world.ports, {"signer.sign": losing(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        issue(world, target)
    straighten(world.ports)
    world.clock.advance(seconds=10 * 60 - 1)
    issue(world, target)
    assert [row.state for row in rows_of(world, "alice")] == ["valid"]
    assert len(list(world.ports.store.intents.find(state="open"))) == 1


def test_two_that_settle_one_leftover_both_go_on(world: World, target: FakeTarget) -> None:
    """It is revoked once; the slower command loses nothing but the race."""
    bootstrap(world)
    twist(world.ports, {"signer.sign": losing(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        issue(world, target)
    world.clock.advance(seconds=10 * 60)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        issue(world, FakeTarget("alice", world.clock))
        return honest(*args, **kwargs)

    twist(world.ports, {"records.certificates.insert": slowly})
    issue(world, target)
    assert sorted(row.state for row in rows_of(world, "alice")) == ["revoked", "valid", "valid"]
    assert list(world.ports.store.intents.find(state="open")) == []


def test_a_folder_that_cannot_be_written_costs_no_certificate(
    world: World, target: FakeTarget
) -> None:
    """It is tried before Vault is asked."""
    bootstrap(world)
    target.closed = Rejected("read-only", rule="DLV-PERMISSION")
    with pytest.raises(Rejected):
        issue(world, target)
    assert rows_of(world, "alice") == []


def test_one_that_was_not_written_is_revoked(world: World, target: FakeTarget) -> None:
    """Its key is gone."""
    bootstrap(world)
    target.broken = Rejected("the disk broke", rule="DLV-IO")
    with pytest.raises(Rejected):
        issue(world, target)
    assert [row.state for row in rows_of(world, "alice")] == ["revoked"]


def test_a_service_is_no_admin(world: World, target: FakeTarget) -> None:
    """Its role does not carry over, whoever asks."""
    bootstrap(world)
    with pytest.raises(ConfigurationError) as refused:
        issue_admin(world.ports, "prod", "billing", target)
    assert refused.value.rule == "ADMIN-ROLE"
    assert target.attempts == []


def test_an_unknown_admin(world: World, target: FakeTarget) -> None:
    """The estate names no such person."""
    with pytest.raises(ConfigurationError) as refused:
        issue_admin(world.ports, "prod", "mallory", target)
    assert refused.value.rule == "EST-CONSUMER"


@pytest.mark.parametrize("requested", [False, True])
def test_before_the_environment_has_an_issuer(
    world: World, target: FakeTarget, requested: bool
) -> None:
    """The error says what to run first, and nothing is left behind."""
    if requested:
        reach_gate(world)
    with pytest.raises((PolicyViolation, VerificationError)) as refused:
        issue(world, target)
    assert refused.value.rule == ("ISSUER-NOT-READY" if requested else "ISSUER-MISSING")
    assert refused.value.hint == "run: trustwright bootstrap prod"
    assert list(world.ports.store.intents.find()) == []
