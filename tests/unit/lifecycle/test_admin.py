"""Admin certificates: short-lived, made on the admin's own machine, on no service path."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.target import FakeTarget
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    bootstrap,
    consumer,
    lines_of,
    losing,
    raising,
    reach_gate,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    Denied,
    PolicyViolation,
    Rejected,
    TrustwrightError,
    VerificationError,
)
from trustwright.lifecycle.admin import (
    AdminCertificate,
    issue_admin,
)
from trustwright.lifecycle.consumers import consumers_of, serve_consumer
from trustwright.lifecycle.intents import close_intent
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.lifecycle.separation import prove_separation
from trustwright.policy.bundle import check_key
from trustwright.ports import Delivered, DeliverySet
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


def die_after_signing(world: World, target: FakeTarget) -> None:
    """Let a command die when Vault has signed and nothing is recorded yet."""
    twist(world.ports, {"admin.sign": losing(ProcessDied("admin.sign"))})
    with pytest.raises(ProcessDied):
        issue(world, target)
    straighten(world.ports)


def open_intents(world: World) -> int:
    """Return how many intents are open."""
    return len(list(world.ports.store.intents.find(state="open")))


def test_what_a_dead_command_left_is_revoked_by_a_flow(world: World, target: FakeTarget) -> None:
    """Its key died with the command; another command of an admin leaves it alone."""
    bootstrap(world)
    die_after_signing(world, target)
    world.clock.advance(seconds=10 * 60)
    made = issue(world, target)
    assert open_intents(world) == 1
    assert [each[-11:] for each in settle_all_left_behind(world.ports, "prod")] == [": abandoned"]
    states = {row.serial: row.state for row in rows_of(world, "alice")}
    assert states.pop(made.certificate.serial) == "valid"
    assert list(states.values()) == ["revoked"]
    assert open_intents(world) == 0
    assert settle_all_left_behind(world.ports, "prod") == []


def test_one_that_left_the_estate_is_settled_all_the_same(world: World, target: FakeTarget) -> None:
    """What was signed for her keeps the owner that it was ordered for."""
    bootstrap(world)
    die_after_signing(world, target)
    world.clock.advance(seconds=10 * 60)
    whole = world.ports.estate
    others = tuple(each for each in whole.consumers if each.name != "alice")
    world.ports.estate = whole.model_copy(update={"consumers": others})
    settle_all_left_behind(world.ports, "prod")
    (row,) = rows_of(world, "alice")
    assert (row.state, row.owner) == ("revoked", "platform")


def test_a_bootstrap_settles_what_admins_left(world: World, target: FakeTarget) -> None:
    """Before it serves the consumers."""
    bootstrap(world)
    die_after_signing(world, target)
    world.clock.advance(seconds=10 * 60)
    bootstrap(world)
    assert [row.state for row in rows_of(world, "alice")] == ["revoked"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_at_every_call_of_the_command(
    tmp_path: Path, moment: Literal["before", "after"]
) -> None:
    """Whatever call it dies at, a flow settles it: no certificate stands that nobody holds."""
    whole = World(tmp_path / "whole")
    bootstrap(whole)
    whole.ports.through = counting = Mortal()
    issue(whole, mortal_target(whole, counting))
    assert {call.partition(".")[0] for call in counting.calls} >= {"admin", "records", "target"}
    for number in range(1, len(counting.calls) + 1):
        world = World(tmp_path / str(number))
        bootstrap(world)
        world.ports.through = killer = Mortal(last=number, moment=moment)
        with pytest.raises(ProcessDied):
            issue(world, mortal_target(world, killer))
        straighten(world.ports)
        world.clock.advance(seconds=10 * 60)
        settle_all_left_behind(world.ports, "prod")
        when = f"{moment} call {number}, {counting.calls[number - 1]}"
        check_settled(world, when, issued=killer.calls[-1] == "records.audit.insert")


def mortal_target(world: World, mortal: Mortal) -> Any:
    """Return a folder whose calls count as well."""
    return mortal("target", FakeTarget("alice", world.clock))


def check_settled(world: World, when: str, *, issued: bool) -> None:
    """Nothing is open, every serial is recorded, and only a command that ended left one valid."""
    assert open_intents(world) == 0, when
    rows = rows_of(world, "alice")
    recorded = {row.serial for row in world.ports.store.certificates.find()}
    assert set(world.ports.vault.signer("prod").serials()) == recorded, when
    closed = list(world.ports.store.intents.find(purpose="admin", kind="sign", state="done"))
    assert [row.state for row in rows] == (["valid"] if closed else ["revoked"] * len(rows)), when
    assert not issued or closed, when


def test_a_younger_leftover_is_left_alone(world: World, target: FakeTarget) -> None:
    """Whoever opened it may be at work; nine minutes later it still may."""
    bootstrap(world)
    die_after_signing(world, target)
    world.clock.advance(seconds=10 * 60 - 1)
    assert settle_all_left_behind(world.ports, "prod") == []
    assert rows_of(world, "alice") == []
    assert open_intents(world) == 1


def test_two_that_settle_one_leftover_both_go_on(world: World, target: FakeTarget) -> None:
    """It is revoked once; the slower flow loses nothing but the race."""
    bootstrap(world)
    die_after_signing(world, target)
    world.clock.advance(seconds=10 * 60)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        settle_all_left_behind(world.ports, "prod")
        return honest(*args, **kwargs)

    twist(world.ports, {"records.certificates.insert": slowly})
    settle_all_left_behind(world.ports, "prod")
    assert [row.state for row in rows_of(world, "alice")] == ["revoked"]
    assert open_intents(world) == 0


def test_one_that_ends_while_it_is_settled_keeps_its_certificate(
    world: World, target: FakeTarget
) -> None:
    """The list was read before the command said that it was done: it is left alone."""
    bootstrap(world)
    target.broken = Rejected("the disk broke", rule="DLV-IO")
    with pytest.raises(Rejected):
        issue(world, target)
    world.clock.advance(seconds=10 * 60)
    (intent,) = world.ports.store.intents.find(state="open")
    (row,) = rows_of(world, "alice")

    def ending(honest: Any, run: str) -> Any:
        close_intent(world.ports, intent, "done", row.serial)
        return honest(run)

    twist(world.ports, {"runs.alive": ending})
    assert settle_all_left_behind(world.ports, "prod") == []
    assert [each.state for each in rows_of(world, "alice")] == ["valid"]


def test_two_at_once_do_not_disturb_each_other(world: World, target: FakeTarget) -> None:
    """Another terminal asks while Vault has signed and nothing is recorded yet."""
    bootstrap(world)
    other = FakeTarget("alice", world.clock)

    def slowly(honest: Any, *args: Any) -> Any:
        straighten(world.ports)
        signed = honest(*args)
        issue(world, other)
        return signed

    twist(world.ports, {"admin.sign": slowly})
    issue(world, target)
    held = {found.serial for each in (target, other) if (found := each.observed())}
    rows = rows_of(world, "alice")
    assert {row.serial for row in rows} == held
    assert [row.state for row in rows] == ["valid", "valid"]
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


def test_one_that_was_not_written_is_recorded_and_revoked_later(
    world: World, target: FakeTarget
) -> None:
    """Its key is gone. The command says so and cannot revoke; a flow does."""
    bootstrap(world)
    target.broken = Rejected("the disk broke", rule="DLV-IO")
    with pytest.raises(Rejected):
        issue(world, target)
    (row,) = rows_of(world, "alice")
    assert (row.state, open_intents(world)) == ("valid", 1)
    (line,) = lines_of(world, "trustwright.admin.undelivered")
    assert line.detail == (
        f"serial {row.serial} is to be revoked, it was not written: the disk broke [DLV-IO]"
    )
    world.clock.advance(seconds=10 * 60)
    settle_all_left_behind(world.ports, "prod")
    assert [row.state for row in rows_of(world, "alice")] == ["revoked"]
    assert open_intents(world) == 0


def test_what_came_back_and_was_refused_is_recorded(world: World, target: FakeTarget) -> None:
    """Vault hands out what it signed for another: it is refused, and the other's stays valid."""
    bootstrap(world)
    other = parse.certificate(rows_of(world, "billing")[0].pem)
    twist(world.ports, {"admin.sign": lambda _honest, _order: parse.pem(other)})
    with pytest.raises(TrustwrightError):
        issue(world, target)
    straighten(world.ports)
    (line,) = lines_of(world, "trustwright.certificate.failed")
    assert "ORDER-REPEATED" in line.detail
    assert [row.state for row in rows_of(world, "billing")] == ["valid"]
    assert rows_of(world, "alice") == []
    assert open_intents(world) == 0
    assert target.observed() is None


@pytest.mark.parametrize(
    "error",
    [
        Denied("no", rule="VAULT-DENIED"),
        ConfigurationError("neither admin.key nor admin.approle is there", rule="KEY-FILE"),
        PolicyViolation("not one name", rule="VAULT-NAMES"),
    ],
    ids=lambda error: error.rule,
)
def test_nothing_that_was_not_signed_stays_open(
    world: World, target: FakeTarget, error: TrustwrightError
) -> None:
    """Vault said no, or was not asked: there is nothing to look for."""
    bootstrap(world)
    twist(world.ports, {"admin.sign": raising(error)})
    with pytest.raises(type(error)):
        issue(world, target)
    (intent,) = world.ports.store.intents.find(purpose="admin")
    assert intent.state == "abandoned"


def test_a_command_that_took_too_long_says_so(world: World, target: FakeTarget) -> None:
    """A flow has revoked its certificate meanwhile: nobody is told that it is good."""
    bootstrap(world)

    def asleep(honest: Any, *args: Any) -> Any:
        straighten(world.ports)
        signed = honest(*args)
        world.clock.advance(seconds=10 * 60)
        settle_all_left_behind(world.ports, "prod")
        return signed

    twist(world.ports, {"admin.sign": asleep})
    with pytest.raises(ConflictError):
        issue(world, target)
    assert [row.state for row in rows_of(world, "alice")] == ["revoked"]
    assert target.observed() is None
    assert lines_of(world, "trustwright.admin.issued") == []


def test_one_that_was_settled_while_it_was_written_is_not_called_good(
    world: World, target: FakeTarget
) -> None:
    """The set is in the folder, the certificate is revoked, and the command says what to do."""
    bootstrap(world)
    deliver = target.deliver

    def slowly(delivery: DeliverySet, *, expected: Delivered | None) -> Delivered:
        done = deliver(delivery, expected=expected)
        world.clock.advance(seconds=10 * 60)
        settle_all_left_behind(world.ports, "prod")
        return done

    target.deliver = slowly  # type: ignore[method-assign]
    with pytest.raises(ConflictError) as refused:
        issue(world, target)
    assert (refused.value.rule, refused.value.hint) == (
        "ADMIN-SETTLED",
        "it took too long; run it again",
    )
    assert [row.state for row in rows_of(world, "alice")] == ["revoked"]
    assert lines_of(world, "trustwright.admin.issued") == []


def test_a_crl_that_is_half_over_is_taken_as_it_is(world: World, target: FakeTarget) -> None:
    """To have it made anew takes the issuer identity, whose key is not on an admin's machine."""
    bootstrap(world)
    world.clock.advance(seconds=40 * 3600)
    no_key = ConfigurationError("neither issuer.key nor issuer.approle is there", rule="KEY-FILE")
    twist(world.ports, {"signer.rotate_crl": raising(no_key)})
    assert issue(world, target).certificate.state == "valid"
    world.clock.advance(seconds=40 * 3600)
    with pytest.raises(VerificationError):
        issue(world, target)


def test_the_services_identity_signs_for_no_admin(world: World, target: FakeTarget) -> None:
    """The command never asks the issuer identity, and flows never ask the admins'."""
    used: list[str] = []

    def watched(name: str) -> Any:
        def answer(honest: Any, order: Any) -> Any:
            used.append(f"{name} {order.role}")
            return honest(order)

        return answer

    twist(world.ports, {each: watched(each) for each in ("signer.sign", "admin.sign")})
    bootstrap(world)
    services = {"signer.sign server", "signer.sign proxy", "signer.sign agent"}
    assert set(used) == services
    issue(world, target)
    assert set(used) == services | {"admin.sign admin"}


def test_a_flow_that_served_an_admin_would_be_denied(world: World) -> None:
    """Even were one handed to it by name, on a machine that holds the admins' key."""
    bootstrap(world)
    assert "alice" not in {each.name for each in consumers_of(world.ports, "prod")}
    with pytest.raises(Denied):
        serve_consumer(world.ports, consumer(world, "alice"))
    assert rows_of(world, "alice") == []


def test_an_environment_of_admins_only_is_proven_by_their_identity(
    world: World, target: FakeTarget
) -> None:
    """There is no other role to make the probe with."""
    prod = world.ports.estate.environments["prod"]
    alone = prod.model_copy(update={"roles": {"admin": prod.roles["admin"]}})
    admins = tuple(each for each in world.ports.estate.consumers if each.role == "admin")
    world.ports.estate = world.ports.estate.model_copy(
        update={"environments": {"prod": alone}, "consumers": admins}
    )
    bootstrap(world)
    (probe,) = rows_of(world, "trustwright-canary")
    assert (probe.role, probe.state) == ("admin", "revoked")
    assert issue(world, target).certificate.state == "valid"


def test_an_issuer_that_is_not_proven_signs_for_nobody(world: World, target: FakeTarget) -> None:
    """Vault would: its first intermediate is its default from the import on."""
    twist(world.ports, {"signer.crl": raising(Rejected("no CRL", rule="VAULT-REFUSED"))})
    with pytest.raises(Rejected):
        bootstrap(world)
    straighten(world.ports)
    assert world.ports.vault.mounts["prod"].default
    for attempt in (
        lambda: issue(world, target),
        lambda: serve_consumer(world.ports, consumer(world, "billing")),
    ):
        with pytest.raises(PolicyViolation) as refused:
            attempt()
        assert (refused.value.rule, refused.value.what) == (
            "ISSUER-NOT-READY",
            "prod-g1 is not proven yet",
        )
    assert {row.purpose for row in world.ports.store.certificates.find()} == {"probe"}
    bootstrap(world)
    assert issue(world, target).certificate.state == "valid"


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
