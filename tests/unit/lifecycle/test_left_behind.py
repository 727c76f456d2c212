"""What nobody comes back for: late certificates, leavers' and admins' intents, half revocations."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.mortal import ProcessDied
from tests.fakes.target import FakeTarget
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    bootstrap,
    change_consumer,
    consumer,
    events_told,
    leave_request,
    lines_of,
    losing,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import ConflictError, OutcomeUnknown, Rejected, Unavailable
from trustwright.ids import serial_text
from trustwright.lifecycle.admin import issue_admin
from trustwright.lifecycle.consumers import Served, serve_consumer, serve_consumers
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.model.records import IntentRecord
from trustwright.ports import SignOrder
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

UNKNOWN = OutcomeUnknown("the connection died", rule="VAULT-UNKNOWN")
TEN_MINUTES = 600
HALF_AN_HOUR = 1800


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose billing needs a new certificate."""
    leave_request(world)
    bootstrap(world)
    world.ports.targets["prod/billing"].lose()
    return world


def listed(world: World) -> set[str]:
    """Return the serials on prod's CRL."""
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    crl = parse.crl(world.ports.vault.signer("prod").crl(issuer.issuer_id or ""))
    return {serial_text(entry.serial_number) for entry in crl}


def unsettled(world: World) -> list[IntentRecord]:
    """Return the intents that are open or suspect."""
    return [row for row in world.ports.store.intents.find() if row.state in {"open", "suspect"}]


def serve(world: World, name: str = "billing") -> Served:
    """Serve one consumer."""
    (served,) = serve_consumers(world.ports, [consumer(world, name)])
    return served


def delay_request(world: World, name: str = "billing") -> SignOrder:
    """Lose a reply whose request is still on its way to Vault; return what will arrive."""
    sent: list[SignOrder] = []

    def delayed(_honest: Any, order: SignOrder) -> str:
        sent.append(order)
        raise UNKNOWN

    twist(world.ports, {"signer.sign": delayed})
    with pytest.raises(OutcomeUnknown):
        serve(world, name)
    straighten(world.ports)
    return sent[0]


def arrive(world: World, order: SignOrder) -> str:
    """Let a delayed request arrive; return the serial of what Vault makes of it."""
    pem = world.ports.vault.signer("prod").sign(order)
    return serial_text(parse.certificate(pem).serial_number)


def leave(world: World, name: str = "billing") -> str:
    """Have a run die between signature and record; return the serial of what it left."""
    before = set(world.ports.vault.signer("prod").serials())
    twist(world.ports, {"signer.sign": losing(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        serve_consumer(world.ports, consumer(world, name))
    straighten(world.ports)
    (serial,) = set(world.ports.vault.signer("prod").serials()) - before
    return serial


def searching(world: World) -> list[str]:
    """Count the searches through Vault's serials from now on."""
    searches: list[str] = []

    def counted(honest: Any) -> Any:
        searches.append("serials")
        return honest()

    twist(world.ports, {"signer.serials": counted})
    return searches


# --- a request that arrives late --------------------------------------------------------------


def test_two_late_certificates_over_one_key_are_both_revoked(ready: World) -> None:
    """A host asks with one key; both of its requests lay on their way."""
    change_consumer(ready, "ledger", names=("ledger2.prod.example.internal",))
    leave_request(ready)
    orders = [delay_request(ready, "ledger"), delay_request(ready, "ledger")]
    late = {arrive(ready, order) for order in orders}
    assert len(late) == 2
    ready.clock.advance(seconds=HALF_AN_HOUR)
    settle_all_left_behind(ready.ports, "prod")
    assert late <= listed(ready)
    assert unsettled(ready) == []


@pytest.mark.parametrize("who", ["the next run", "the watch"])
def test_a_late_certificate_is_revoked(ready: World, who: str) -> None:
    """Vault had nothing when the slot was settled; what comes a minute later is not forgotten."""
    order = delay_request(ready)
    assert serve(ready).changed
    assert [each.state for each in unsettled(ready)] == ["suspect"]
    ready.clock.advance(seconds=60)
    late = arrive(ready, order)
    if who == "the watch":
        assert settle_all_left_behind(ready.ports, "prod") == ["consumer/prod/billing: abandoned"]
    else:
        ready.ports.targets["prod/billing"].lose()
        assert serve(ready).changed
    assert late in listed(ready)
    (row,) = rows_of(ready, "billing", serial=late)
    assert row.state == "revoked"
    assert unsettled(ready) == []
    assert len(rows_of(ready, "billing", state="valid")) == 1


def test_a_doubt_does_not_keep_the_slot(ready: World) -> None:
    """Served at once, and again, while the first request may still arrive."""
    delay_request(ready)
    assert serve(ready).changed
    ready.ports.targets["prod/billing"].lose()
    assert serve(ready).changed
    assert [each.state for each in unsettled(ready)] == ["suspect"]


def test_a_doubt_ends_when_nothing_can_come_any_more(ready: World) -> None:
    """Half an hour after the slot was given free, not a second before; then nobody searches."""
    delay_request(ready)
    serve(ready)
    ready.clock.advance(seconds=HALF_AN_HOUR - 1)
    assert settle_all_left_behind(ready.ports, "prod") == []
    assert [each.state for each in unsettled(ready)] == ["suspect"]
    ready.clock.advance(seconds=1)
    assert settle_all_left_behind(ready.ports, "prod") == ["consumer/prod/billing: abandoned"]
    searches = searching(ready)
    assert settle_all_left_behind(ready.ports, "prod") == []
    assert searches == []


def test_many_doubts_cost_one_search(ready: World) -> None:
    """The watch goes through Vault's serials once, however many intents it looks for."""
    for name in ("billing", "gateway", "collector"):
        ready.ports.targets[f"prod/{name}"].lose()
        delay_request(ready, name)
        serve(ready, name)
    assert len(unsettled(ready)) == 3
    searches = searching(ready)
    settle_all_left_behind(ready.ports, "prod")
    assert searches == ["serials"]


def test_a_late_certificate_of_a_host_is_told_from_the_new_one(ready: World) -> None:
    """Both are over the host's key: the one that a living run has just had signed is its own."""
    ready.ports.targets["prod/ledger"].lose()
    ready.clock.advance(seconds=3 * DAY)
    order = delay_request(ready, "ledger")
    done: list[str] = []

    def signed(honest: Any, again: SignOrder) -> Any:
        pem = honest(again)
        straighten(ready.ports)
        done.extend(settle_all_left_behind(ready.ports, "prod"))
        return pem

    twist(ready.ports, {"signer.sign": signed})
    assert serve(ready, "ledger").changed
    assert done == []
    late = arrive(ready, order)
    settle_all_left_behind(ready.ports, "prod")
    (valid,) = rows_of(ready, "ledger", state="valid")
    assert (late in listed(ready), valid.serial in listed(ready)) == (True, False)


def test_a_run_that_was_believed_dead_hands_its_reply_over(ready: World) -> None:
    """Another run settled its slot while Vault signed: it delivers nothing, and nothing is lost."""

    def slowly(honest: Any, order: SignOrder) -> Any:
        straighten(ready.ports)
        ready.ports.actor = "run-2"
        assert serve(ready).changed
        ready.clock.advance(seconds=2 * HALF_AN_HOUR)
        settle_all_left_behind(ready.ports, "prod")
        assert unsettled(ready) == []
        ready.ports.actor = "run-1"
        return honest(order)

    twist(ready.ports, {"signer.sign": slowly})
    with pytest.raises(ConflictError) as lost:
        serve_consumer(ready.ports, consumer(ready, "billing"))
    assert lost.value.rule == "LOCK-LOST"
    (doubt,) = unsettled(ready)
    assert doubt.pem is not None
    settle_all_left_behind(ready.ports, "prod")
    assert doubt.serial in listed(ready)
    assert unsettled(ready) == []
    (valid,) = rows_of(ready, "billing", state="valid")
    observed = ready.ports.targets["prod/billing"].observed()
    assert observed is not None
    assert observed.serial == valid.serial


# --- what the watch settles -------------------------------------------------------------------


def test_what_a_leaver_left_is_revoked(ready: World) -> None:
    """The consumer is in no estate file any more: nobody will ever order for it again."""
    serial = leave(ready)
    kept = tuple(each for each in ready.ports.estate.consumers if each.name != "billing")
    ready.ports.estate = ready.ports.estate.model_copy(update={"consumers": kept})
    ready.clock.advance(seconds=TEN_MINUTES)
    assert settle_all_left_behind(ready.ports, "prod") == ["consumer/prod/billing: abandoned"]
    (row,) = rows_of(ready, "billing", serial=serial)
    assert (row.state, row.owner) == ("revoked", "platform")
    assert serial in listed(ready)


def test_what_an_admins_command_left_is_revoked(ready: World) -> None:
    """It need not wait for the admin's next certificate."""
    twist(ready.ports, {"admin.sign": losing(ProcessDied("admin.sign"))})
    with pytest.raises(ProcessDied):
        issue_admin(ready.ports, "prod", "alice", FakeTarget("alice", ready.clock))
    straighten(ready.ports)
    ready.clock.advance(seconds=TEN_MINUTES)
    settle_all_left_behind(ready.ports, "prod")
    (row,) = rows_of(ready, "alice")
    assert (row.state, row.serial in listed(ready)) == ("revoked", True)


def test_what_a_host_left_is_not_adopted(ready: World) -> None:
    """The watch orders nothing: it is revoked, and the host's next run has another one signed."""
    change_consumer(ready, "ledger", names=("ledger2.prod.example.internal",))
    leave_request(ready)
    serial = leave(ready, "ledger")
    ready.clock.advance(seconds=TEN_MINUTES)
    settle_all_left_behind(ready.ports, "prod")
    assert serial in listed(ready)
    assert serve(ready, "ledger").changed


@pytest.mark.parametrize("why", ["young", "alive"])
def test_who_may_still_be_at_work_is_left_alone(ready: World, why: str) -> None:
    """Nine minutes are no proof of death, and a run that Prefect knows to live is none either."""
    serial = leave(ready)
    ready.clock.advance(seconds=TEN_MINUTES - (why == "young"))
    if why == "alive":
        ready.ports.orchestrator.living = {"run-1"}
    ready.ports.actor = "watch-ceremonies"
    assert settle_all_left_behind(ready.ports, "prod") == []
    assert serial not in listed(ready)
    assert [each.state for each in unsettled(ready)] == ["open"]


def test_one_that_cannot_be_settled_does_not_keep_the_others(ready: World) -> None:
    """People are told once a day, with the first problem; the others are settled."""
    first = leave(ready)
    ready.ports.targets["prod/gateway"].lose()
    second = leave(ready, "gateway")
    ready.clock.advance(seconds=TEN_MINUTES)

    def stubborn(honest: Any, serial: str) -> Any:
        if serial == first:
            raise Rejected("no", rule="VAULT-REFUSED")
        return honest(serial)

    twist(ready.ports, {"signer.revoke": stubborn})
    for _ in range(2):
        said = settle_all_left_behind(ready.ports, "prod")
        assert "VAULT-REFUSED" in said[-1]
    assert (first in listed(ready), second in listed(ready)) == (False, True)
    assert events_told(ready).count("intents.unsettled") == 1
    ready.clock.advance(seconds=DAY)
    settle_all_left_behind(ready.ports, "prod")
    assert events_told(ready).count("intents.unsettled") == 2


def test_a_vault_that_is_away_fails_nothing(ready: World) -> None:
    """It is said and told; the intent waits."""
    leave(ready)
    ready.clock.advance(seconds=TEN_MINUTES)
    ready.ports.vault.sealed = True
    (said,) = settle_all_left_behind(ready.ports, "prod")
    assert "VAULT-SEALED" in said
    assert events_told(ready)[-1] == "intents.unsettled"
    ready.ports.vault.sealed = False
    assert settle_all_left_behind(ready.ports, "prod") == ["consumer/prod/billing: abandoned"]


# --- revocations ------------------------------------------------------------------------------


REVOKING = [
    "records.intents.insert",
    "signer.revoke",
    "signer.rotate_crl",
    "signer.crl",
    "records.certificates.replace",
    "records.intents.replace",
]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", REVOKING)
@pytest.mark.parametrize("who", ["same call", "watch"])
def test_a_revocation_that_dies_is_finished(ready: World, call: str, moment: str, who: str) -> None:
    """It is announced first; wherever it dies, the next one or the watch makes it whole."""
    (row,) = rows_of(ready, "gateway")

    def dying(honest: Any, *args: Any, **kwargs: Any) -> Any:
        if moment == "after":
            honest(*args, **kwargs)
        raise ProcessDied(call)

    twist(ready.ports, {call: dying})
    with pytest.raises(ProcessDied):
        revoke_certificate(ready.ports, row, "by a person")
    straighten(ready.ports)
    ready.clock.advance(seconds=TEN_MINUTES)
    begun = list(ready.ports.store.intents.find(kind="revoke", serial=row.serial))
    assert (begun == []) == ((call, moment) == ("records.intents.insert", "before"))
    if who == "same call" or not begun:
        (row,) = rows_of(ready, "gateway")
        revoke_certificate(ready.ports, row, "by a person")
    settle_all_left_behind(ready.ports, "prod")
    (row,) = rows_of(ready, "gateway")
    assert (row.state, row.serial in listed(ready)) == ("revoked", True)
    assert unsettled(ready) == []
    assert len(lines_of(ready, "trustwright.certificate.revoked")) >= 1


def test_a_revocation_is_recorded_when_the_crl_names_it(ready: World) -> None:
    """Vault said yes, and the CRL that relying parties fetch is yesterday's: not revoked yet."""
    (row,) = rows_of(ready, "gateway")
    old = ready.ports.vault.signer("prod").crl(issuer_id(ready))
    twist(ready.ports, {"signer.crl": lambda _honest, _issuer: old})
    with pytest.raises(Exception, match="CRL-UNLISTED"):
        revoke_certificate(ready.ports, row, "by a person")
    (row,) = rows_of(ready, "gateway")
    assert row.state == "valid"
    (announced,) = unsettled(ready)
    assert (announced.kind, announced.serial, announced.note) == (
        "revoke",
        row.serial,
        "by a person",
    )
    straighten(ready.ports)
    ready.clock.advance(seconds=TEN_MINUTES)
    settle_all_left_behind(ready.ports, "prod")
    assert [each.state for each in rows_of(ready, "gateway")] == ["revoked"]


def issuer_id(world: World) -> str:
    """Return Vault's identifier of prod's issuer."""
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    return issuer.issuer_id or ""


def test_revoking_twice_is_once(ready: World) -> None:
    """The second call finds it on the CRL and asks Vault for nothing."""
    (row,) = rows_of(ready, "gateway")
    revoked = revoke_certificate(ready.ports, row, "by a person")
    twist(ready.ports, {"signer.revoke": raising(Unavailable("asked"))})
    assert revoke_certificate(ready.ports, revoked, "by a person") == revoked
    assert len(lines_of(ready, "trustwright.certificate.revoked")) == 2  # with the canary


def test_a_crl_that_forgot_is_made_anew(ready: World) -> None:
    """A server that was restored from a backup: what is recorded as revoked is revoked again."""
    (row,) = rows_of(ready, "gateway")
    revoked = revoke_certificate(ready.ports, row, "by a person")
    ready.ports.vault.mounts["prod"].revoked.pop(row.serial)
    ready.ports.vault.signer("prod").rotate_crl()
    assert revoke_certificate(ready.ports, revoked, "by a person") == revoked
    assert row.serial in listed(ready)


def test_two_that_revoke_at_once_both_go_on(ready: World) -> None:
    """They share one announcement."""
    (row,) = rows_of(ready, "gateway")

    def slowly(honest: Any, *args: Any) -> Any:
        straighten(ready.ports)
        revoke_certificate(ready.ports, row, "by another")
        return honest(*args)

    twist(ready.ports, {"signer.revoke": slowly})
    assert revoke_certificate(ready.ports, row, "by a person").state == "revoked"
    assert len(list(ready.ports.store.intents.find(kind="revoke", serial=row.serial))) == 1
    assert unsettled(ready) == []


def test_one_that_expired_before_it_was_revoked_is_closed(ready: World) -> None:
    """A server refuses to list it, and nobody takes it."""
    (row,) = rows_of(ready, "gateway")
    twist(ready.ports, {"signer.revoke": raising(ProcessDied("signer.revoke"))})
    with pytest.raises(ProcessDied):
        revoke_certificate(ready.ports, row, "by a person")
    straighten(ready.ports)
    ready.clock.advance(seconds=4 * DAY)
    settle_all_left_behind(ready.ports, "prod")
    closed = list(ready.ports.store.intents.find(kind="revoke", serial=row.serial))
    assert [(each.state, each.note) for each in closed] == [
        ("abandoned", "expired before it was revoked")
    ]


def test_one_that_vault_does_not_know_is_not_asked_for_again(ready: World) -> None:
    """The announcement ends with Vault's own words."""
    (row,) = rows_of(ready, "gateway")
    ready.ports.vault.mounts["prod"].certificates.pop(row.serial)
    with pytest.raises(Rejected):
        revoke_certificate(ready.ports, row, "by a person")
    assert unsettled(ready) == []
    (closed,) = ready.ports.store.intents.find(kind="revoke", serial=row.serial)
    assert "not found" in closed.note


def test_what_is_being_revoked_is_not_adopted(ready: World) -> None:
    """A host's certificate whose revocation was announced, and whose intent is open still."""
    ready.ports.targets["prod/ledger"].lose()
    ready.clock.advance(seconds=3 * DAY)
    twist(ready.ports, {"records.intents.replace": dying_at_close()})
    with pytest.raises(ProcessDied):
        serve_consumer(ready.ports, consumer(ready, "ledger"))
    straighten(ready.ports)
    (row,) = rows_of(ready, "ledger", state="valid")
    twist(ready.ports, {"signer.revoke": raising(Unavailable("sealed"))})
    with pytest.raises(Unavailable):
        revoke_certificate(ready.ports, row, "by a person")
    with pytest.raises(Unavailable):
        serve(ready, "ledger")
    straighten(ready.ports)
    assert serve(ready, "ledger").changed
    (valid,) = rows_of(ready, "ledger", state="valid")
    assert valid.serial != row.serial
    assert row.serial in listed(ready)


def dying_at_close() -> Any:
    """Return an answer that lets the reply be kept and dies when the intent is closed."""

    def answer(honest: Any, intent: IntentRecord, **changes: Any) -> Any:
        if changes.get("state") == "done":
            raise ProcessDied("records.intents.replace")
        return honest(intent, **changes)

    return answer
