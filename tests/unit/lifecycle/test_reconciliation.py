"""What a dead run left: adopted, revoked, or explained as never signed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.fakes.mortal import ProcessDied
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    bootstrap,
    change_consumer,
    consumer,
    leave_request,
    lines_of,
    losing,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import Denied, OutcomeUnknown, Rejected, TrustwrightError, Unavailable
from trustwright.ids import serial_text
from trustwright.lifecycle.consumers import Served, serve_consumer, serve_consumers
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.model.records import IntentRecord
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

HALF_AN_HOUR = 1800


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready; the host of ledger has left no request yet."""
    bootstrap(world)
    return world


def listed(world: World) -> set[str]:
    """Return the serials on prod's CRL."""
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    crl = parse.crl(world.ports.vault.signer("prod").crl(issuer.issuer_id or ""))
    return {serial_text(entry.serial_number) for entry in crl}


def stored(world: World) -> set[str]:
    """Return the serials that Vault stores."""
    return set(world.ports.vault.signer("prod").serials())


def intents(world: World, subject: str) -> list[IntentRecord]:
    """Return a subject's intents, oldest first."""
    rows = world.ports.store.intents.find(subject=subject)
    return sorted(rows, key=lambda row: (row.opened, row.closed or row.opened))


def serve(world: World, name: str) -> Served:
    """Serve one consumer and return what became of it."""
    (served,) = serve_consumers(world.ports, [consumer(world, name)])
    return served


def leave_orphan(world: World, name: str) -> str:
    """Have a run die after Vault signed and before it was recorded; return the serial."""
    before = stored(world)
    twist(world.ports, {"signer.sign": losing(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        serve_consumer(world.ports, consumer(world, name))
    straighten(world.ports)
    world.ports.actor = "run-2"
    world.clock.advance(seconds=60)
    (serial,) = stored(world) - before
    return serial


def lose_set(world: World, name: str) -> None:
    """Empty a consumer's folder, so that it needs a new certificate."""
    world.ports.targets[f"prod/{name}"].lose()


def test_a_managed_orphan_is_revoked_and_on_the_crl(ready: World) -> None:
    """Its key died with the run that made it."""
    lose_set(ready, "billing")
    orphan = leave_orphan(ready, "billing")
    assert serve(ready, "billing").changed
    (row,) = rows_of(ready, "billing", serial=orphan)
    assert (row.state, row.revoked) == ("revoked", ready.clock.now())
    assert orphan in listed(ready)
    closed = [each for each in intents(ready, "billing") if each.serial == orphan]
    assert {(each.kind, each.state, each.note) for each in closed} == {
        ("sign", "abandoned", "orphan revoked"),
        ("revoke", "done", "left by a run that died; nobody can use it"),
    }
    assert list(ready.ports.store.intents.find(state="open")) == []
    assert len(rows_of(ready, "billing", state="valid")) == 1


def test_a_hosts_orphan_is_adopted(ready: World) -> None:
    """The host still has the key: nothing is signed again."""
    leave_request(ready)
    orphan = leave_orphan(ready, "ledger")
    before = stored(ready)
    assert serve(ready, "ledger").state == "delivered"
    assert stored(ready) == before
    (row,) = rows_of(ready, "ledger")
    assert (row.serial, row.state) == (orphan, "valid")
    (intent,) = intents(ready, "ledger")
    assert (intent.state, intent.note) == ("done", "adopted after a crash")
    (line,) = lines_of(ready, "trustwright.certificate.adopted")
    assert line.actor == "run-2"


def test_a_hosts_orphan_is_revoked_when_the_host_made_another_key(ready: World) -> None:
    """Adopted, it would be delivered beside a key that does not fit."""
    leave_request(ready)
    orphan = leave_orphan(ready, "ledger")
    leave_request(ready)
    assert serve(ready, "ledger").state == "delivered"
    assert orphan in listed(ready)
    (row,) = rows_of(ready, "ledger", state="valid")
    asked = ready.ports.targets["prod/ledger"].request
    assert row.spki == parse.spki_sha256(parse.request(asked or ""))


def test_a_hosts_orphan_is_revoked_when_other_names_are_wanted_now(ready: World) -> None:
    """It is not what is ordered today, though it was yesterday."""
    key = leave_request(ready)
    orphan = leave_orphan(ready, "ledger")
    change_consumer(ready, "ledger", names=("ledger2.prod.example.internal",))
    leave_request(ready, key=key)
    assert serve(ready, "ledger").state == "delivered"
    assert orphan in listed(ready)
    (row,) = rows_of(ready, "ledger", state="valid")
    assert row.names == ("ledger2.prod.example.internal",)


def test_an_orphan_that_was_recorded_on_its_way_out_is_not_adopted(ready: World) -> None:
    """The run died after recording the wrong certificate and before revoking it."""
    key = leave_request(ready)
    orphan = leave_orphan(ready, "ledger")
    change_consumer(ready, "ledger", names=("ledger2.prod.example.internal",))
    leave_request(ready, key=key)
    twist(ready.ports, {"signer.revoke": raising(ProcessDied("signer.revoke"))})
    with pytest.raises(ProcessDied):
        serve_consumer(ready.ports, consumer(ready, "ledger"))
    straighten(ready.ports)
    assert [row.state for row in rows_of(ready, "ledger", serial=orphan)] == ["valid"]
    assert serve(ready, "ledger").state == "delivered"
    assert [row.state for row in rows_of(ready, "ledger", serial=orphan)] == ["revoked"]
    observed = ready.ports.targets["prod/ledger"].observed()
    assert observed is not None
    assert observed.serial != orphan


def at_the_third_call(error: BaseException) -> Any:
    """Return an answer that is honest twice and raises then."""
    calls: list[object] = []

    def answer(honest: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise error
        return honest(*args, **kwargs)

    return answer


def test_a_revoked_orphan_is_never_adopted(ready: World) -> None:
    """The run died between the revocation and the end of the intent; the names are back again."""
    key = leave_request(ready)
    orphan = leave_orphan(ready, "ledger")
    names = consumer(ready, "ledger").names
    change_consumer(ready, "ledger", names=("ledger2.prod.example.internal",))
    leave_request(ready, key=key)
    # The intent is set aside, the revocation's is closed; then the orphan's would be.
    twist(ready.ports, {"records.intents.replace": at_the_third_call(ProcessDied("replace"))})
    with pytest.raises(ProcessDied):
        serve_consumer(ready.ports, consumer(ready, "ledger"))
    straighten(ready.ports)
    change_consumer(ready, "ledger", names=names)
    leave_request(ready, key=key)
    assert serve(ready, "ledger").state == "delivered"
    assert [row.state for row in rows_of(ready, "ledger", serial=orphan)] == ["revoked"]
    assert len(rows_of(ready, "ledger", state="valid")) == 1


def test_a_store_that_is_down_does_not_revoke_what_is_good(ready: World) -> None:
    """Adopting failed for a reason that is not the certificate's."""
    leave_request(ready)
    orphan = leave_orphan(ready, "ledger")
    twist(ready.ports, {"records.certificates.insert": raising(Unavailable("busy"))})
    with pytest.raises(Unavailable):
        serve(ready, "ledger")
    straighten(ready.ports)
    assert orphan not in listed(ready)
    assert serve(ready, "ledger").state == "delivered"
    assert [row.serial for row in rows_of(ready, "ledger", state="valid")] == [orphan]


def test_nothing_signed_is_abandoned_in_the_end(ready: World) -> None:
    """The run died before Vault signed: in doubt for half an hour, then explained."""
    lose_set(ready, "billing")
    twist(ready.ports, {"signer.sign": raising(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        serve_consumer(ready.ports, consumer(ready, "billing"))
    straighten(ready.ports)
    before = listed(ready)
    assert serve(ready, "billing").changed
    assert [each.state for each in intents(ready, "billing")].count("suspect") == 1
    ready.clock.advance(seconds=HALF_AN_HOUR)
    settle_all_left_behind(ready.ports, "prod")
    notes = {each.note for each in intents(ready, "billing") if each.state == "abandoned"}
    assert notes == {"Vault holds no certificate for this key"}
    assert listed(ready) == before


@pytest.mark.parametrize(
    "error", [Unavailable("sealed"), Denied("permission denied"), Rejected("not allowed")]
)
def test_a_clear_no_ends_the_intent_at_once(ready: World, error: TrustwrightError) -> None:
    """Nothing was signed for certain: no later run searches Vault for it."""
    lose_set(ready, "billing")
    twist(ready.ports, {"signer.sign": raising(error)})
    with suppress(Unavailable):
        assert serve(ready, "billing").problem == str(error)
    ended = [each for each in intents(ready, "billing") if each.state == "abandoned"]
    assert [each.note for each in ended] == [str(error)]
    twist(ready.ports, {"signer.serials": raising(AssertionError("searched"))})
    assert serve(ready, "billing").changed


@pytest.mark.parametrize("signed", [True, False])
def test_an_unknown_outcome_stays_open_until_it_is_known(ready: World, signed: bool) -> None:
    """The reply was lost: the next run searches, and revokes or explains."""
    lose_set(ready, "billing")
    before = stored(ready)
    unknown = OutcomeUnknown("the connection died", rule="VAULT-UNKNOWN")
    twist(ready.ports, {"signer.sign": losing(unknown) if signed else raising(unknown)})
    with pytest.raises(OutcomeUnknown):
        serve(ready, "billing")
    assert len(list(ready.ports.store.intents.find(state="open"))) == 1
    straighten(ready.ports)
    lost = stored(ready) - before
    assert len(lost) == signed
    assert serve(ready, "billing").changed
    assert lost <= listed(ready)
    assert list(ready.ports.store.intents.find(state="open")) == []
    assert len(rows_of(ready, "billing", state="valid")) == 1


def test_a_lost_reply_to_a_probe_is_adopted(world: World) -> None:
    """A probe needs no key: it is recorded, proven, revoked, and no second one is made."""
    twist(world.ports, {"signer.sign": losing(OutcomeUnknown("the connection died"))})
    with pytest.raises(OutcomeUnknown):
        bootstrap(world)
    straighten(world.ports)
    (probe,) = stored(world)
    bootstrap(world)
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    assert issuer.canary == probe
    assert len(rows_of(world, "trustwright-canary")) == 1


def test_an_orphan_that_has_expired_is_not_revoked(ready: World) -> None:
    """Nobody takes it any more, and a server refuses to list it: it is recorded and left alone."""
    lose_set(ready, "billing")
    orphan = leave_orphan(ready, "billing")
    ready.clock.advance(seconds=4 * DAY)
    ready.ports.vault.signer("prod").rotate_crl()
    twist(ready.ports, {"signer.revoke": raising(Rejected("already expired"))})
    assert serve(ready, "billing").state == "delivered"
    assert len(rows_of(ready, "billing", serial=orphan)) == 1
    assert list(ready.ports.store.intents.find(state="open")) == []


def test_a_strangers_certificate_in_vault_is_left_alone(ready: World) -> None:
    """Only what carries the intent's key belongs to the intent."""
    lose_set(ready, "billing")
    leave_request(ready)
    stranger = leave_orphan(ready, "ledger")
    orphan = leave_orphan(ready, "billing")
    assert serve(ready, "billing").changed
    assert (orphan in listed(ready), stranger in listed(ready)) == (True, False)


def test_the_search_stops_at_what_it_looks_for(ready: World) -> None:
    """Known serials are not read from Vault at all."""
    lose_set(ready, "billing")
    orphan = leave_orphan(ready, "billing")
    read: list[str] = []

    def reading(honest: Any, serial: str) -> Any:
        read.append(serial)
        return honest(serial)

    twist(ready.ports, {"signer.certificate": reading})
    serve(ready, "billing")
    assert read == [orphan]
