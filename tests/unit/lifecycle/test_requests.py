"""One key, one pending request, one chain of responses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.mortal import ProcessDied
from tests.fakes.records import FakeRecords
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    bootstrap,
    events_told,
    lines_of,
    reach_gate,
    straighten,
    twist,
)
from trustwright.ceremony.response import binding, open_response
from trustwright.errors import ConfigurationError, ConflictError, VerificationError
from trustwright.lifecycle import environments, gate, preparation, requests
from trustwright.model.ceremony import CeremonyRecord, Request
from trustwright.model.profile import Subject
from trustwright.ports import Notice
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key

pytestmark = pytest.mark.unit


def prepared(world: World) -> None:
    """Bring prod to where its request is sealed."""
    environments.claim(world.ports, "prod", "run-1")
    preparation.prepare_environment(world.ports, "prod")


def phase(world: World) -> str:
    """Return how far prod is."""
    return environments.record_of(world.ports, "prod").phase


def ceremonies(world: World) -> list[CeremonyRecord]:
    """Return every ceremony, oldest first."""
    return sorted(world.ports.store.ceremonies.find(), key=lambda row: row.created)


def test_a_request_asks_for_what_the_estate_says(world: World) -> None:
    """Its members are the estate's, its key is Vault's, and its digest names the ceremony."""
    prepared(world)
    sealed = requests.request_intermediate(world.ports, "prod")
    request = Request.parse(sealed.request.encode())
    assert (request.kind, request.environment, request.generation) == (
        "sign-intermediate",
        "prod",
        1,
    )
    assert (request.root, request.previous) == (world.root.fingerprint, None)
    assert request.digest() == sealed.id
    assert (request.reason, request.requested_by) == ("first intermediate of prod", "run run-1")
    assert (request.expires - request.created).total_seconds() == 7 * DAY
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    assert parse.spki_sha256(parse.request(request.csr or "")) == issuer.spki
    assert phase(world) == "requested"


def test_the_pending_request_is_used_again(world: World) -> None:
    """Running again, also as another run, seals nothing; people are told where it waits now."""
    first = reach_gate(world)
    world.ports.actor = "run-2"
    world.clock.advance(seconds=DAY)
    assert reach_gate(world).id == first.id
    assert len(ceremonies(world)) == 1
    assert events_told(world) == ["ceremony.requested"] * 2


def test_environments_have_a_request_each(world: World) -> None:
    """One pending ceremony per environment, over different keys."""
    first, second = reach_gate(world, "prod"), reach_gate(world, "test")
    csrs = {Request.parse(each.request.encode()).csr for each in (first, second)}
    assert [each.environment for each in (first, second)] == ["prod", "test"]
    assert len(csrs) == 2


@pytest.mark.parametrize(("late", "same"), [(-1, True), (0, False), (1, False)])
def test_an_expired_request_is_closed_and_a_new_one_sealed(
    world: World, late: int, same: bool
) -> None:
    """From the very second of its expiry it is void; the key stays the same."""
    first = reach_gate(world)
    world.clock.advance(seconds=7 * DAY + late)
    second = requests.request_intermediate(world.ports, "prod")
    assert (second.id == first.id) is same
    states = [each.state for each in ceremonies(world)]
    assert states == (["pending"] if same else ["expired", "pending"])
    spkis = {
        parse.spki_sha256(parse.request(Request.parse(each.request.encode()).csr or ""))
        for each in ceremonies(world)
    }
    assert len(spkis) == 1


def test_two_that_close_an_expired_one_seal_one_new_one(world: World) -> None:
    """The slower one loses the compare-and-swap, looks again and takes the other's request."""
    reach_gate(world)
    world.clock.advance(seconds=7 * DAY)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        requests.request_intermediate(world.ports, "prod")
        return honest(*args, **kwargs)

    twist(world.ports, {"records.ceremonies.replace": slowly})
    sealed = requests.request_intermediate(world.ports, "prod")
    assert [each.state for each in ceremonies(world)] == ["expired", "pending"]
    assert sealed == ceremonies(world)[1]


def test_two_that_seal_at_once_share_one_request(world: World) -> None:
    """The store takes one pending request; the slower run goes on with it."""
    prepared(world)

    def slowly(honest: Any, *args: Any) -> Any:
        straighten(world.ports)
        world.clock.advance(seconds=1)
        requests.request_intermediate(world.ports, "prod")
        return honest(*args)

    twist(world.ports, {"records.ceremonies.insert": slowly})
    sealed = requests.request_intermediate(world.ports, "prod")
    assert ceremonies(world) == [sealed]


def test_a_request_that_vanished_while_it_was_sealed_is_a_conflict(world: World) -> None:
    """When the other one is closed already, nothing is made up: the run says so and ends."""
    first = reach_gate(world)
    world.ports.store.ceremonies.replace(first, state="cancelled")

    def taken(_honest: Any, *_args: Any) -> Any:
        raise ConflictError("taken", rule="STORE-TAKEN")

    twist(world.ports, {"records.ceremonies.insert": taken})
    with pytest.raises(ConflictError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert refused.value.rule == "STORE-TAKEN"


def test_a_key_that_changed_in_vault_is_noticed(world: World) -> None:
    """Somebody replaced the key under its name: no request is sealed over it."""
    first = reach_gate(world)
    world.ports.store.ceremonies.replace(first, state="cancelled")
    for key in world.ports.vault.mounts["prod"].keys.values():
        key.private = generate_key("ec-p384")
    with pytest.raises(VerificationError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert (refused.value.rule, refused.value.where) == ("KEY-CHANGED", "prod-g1")
    assert [each.state for each in ceremonies(world)] == ["cancelled"]


def test_a_request_over_another_key_is_refused(world: World) -> None:
    """Vault names one key and hands out a request over another: neither is recorded."""
    prepared(world)

    def other_key(honest: Any, name: str, subject: Subject, kind: str) -> Any:
        handle = honest(name, subject, kind)
        return replace(handle, csr=build_request(generate_key("ec-p384"), subject))

    twist(world.ports, {"rotator.ensure_key": other_key})
    with pytest.raises(VerificationError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert refused.value.rule == "CSR-KEY"
    assert list(world.ports.store.issuers.find()) == []
    assert ceremonies(world) == []
    assert phase(world) == "prepared"


def test_the_chain_begins_with_none_and_goes_on_with_the_last_response(world: World) -> None:
    """`previous` is the binding of the response that was accepted last for this environment."""
    bootstrap(world, "test")
    bootstrap(world, "prod")
    accepted = next(world.ports.store.ceremonies.find(environment="prod"))
    record = environments.record_of(world.ports, "prod")
    world.ports.store.environments.replace(record, phase="prepared", generation=2)
    environments.claim(world.ports, "prod", "run-1")
    sealed = requests.request_intermediate(world.ports, "prod")
    request = Request.parse(sealed.request.encode())
    assert request.previous == binding(open_response(world.answer(accepted.request)))
    assert (request.generation, request.reason) == (2, "rotation of prod")


def told(ceremony: CeremonyRecord, request: str) -> str:
    """Return a ceremony's response as if it answered another request."""
    members = json.loads(ceremony.response or "")
    return json.dumps(members | {"request": request})


def test_the_chain_follows_the_time_of_acceptance(world: World) -> None:
    """Of several accepted responses the one accepted last counts, not the one listed last."""
    bootstrap(world, "prod")
    first = next(world.ports.store.ceremonies.find(environment="prod"))
    world.clock.advance(seconds=60)
    for name in ("0" * 64, "f" * 64):
        closed = world.clock.now() if name.startswith("0") else first.created
        world.ports.store.ceremonies.insert(
            first.model_copy(update={"id": name, "response": told(first, name), "closed": closed})
        )
    record = environments.record_of(world.ports, "prod")
    world.ports.store.environments.replace(record, phase="prepared", generation=2)
    environments.claim(world.ports, "prod", "run-1")
    sealed = requests.request_intermediate(world.ports, "prod")
    assert Request.parse(sealed.request.encode()).previous == binding(
        open_response(told(first, "0" * 64).encode())
    )


def change_environment(world: World, **changes: Any) -> None:
    """Change prod in the estate file."""
    estate = world.ports.estate
    prod = estate.environments["prod"].model_copy(update=changes)
    world.ports.estate = estate.model_copy(
        update={"environments": {**estate.environments, "prod": prod}}
    )


def live_for(world: World, seconds: int) -> None:
    """Change how long prod's intermediate lives."""
    settings = world.ports.estate.environments["prod"].intermediate
    change_environment(world, intermediate=settings.model_copy(update={"validity": seconds}))


def test_a_store_that_was_lost_is_noticed(world: World) -> None:
    """Vault has prod's issuer, the store knows nothing: nothing is sealed over its key."""
    bootstrap(world)
    world.ports.store = FakeRecords()
    prepared(world)
    with pytest.raises(ConfigurationError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert refused.value.rule == "STORE-LOST"
    assert "restore the store from its backup" in refused.value.hint
    assert ceremonies(world) == []
    assert list(world.ports.store.issuers.find()) == []


def test_a_store_that_knows_the_key_alone_is_noticed(world: World) -> None:
    """A backup from before the signature: Vault's issuer is newer than the record."""
    bootstrap(world)
    (issuer,) = world.ports.store.issuers.find()
    world.ports.store = FakeRecords()
    prepared(world)
    world.ports.store.issuers.insert(
        issuer.model_copy(update={"certificate": None, "state": "requested"})
    )
    with pytest.raises(ConfigurationError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert refused.value.rule == "STORE-LOST"


def test_an_issuer_of_another_name_is_nobodys_business(world: World) -> None:
    """Somebody keeps an issuer of their own in the mount."""
    bootstrap(world)
    mount = world.ports.vault.mounts["prod"]
    for key, issuer in mount.issuers.items():
        mount.issuers[key] = replace(issuer, name="prod-g1-old")
    world.ports.store = FakeRecords()
    prepared(world)
    assert requests.request_intermediate(world.ports, "prod").state == "pending"


@pytest.mark.parametrize("holder", [None, "run-2"])
@pytest.mark.parametrize("how", ["cancelled", "expired", "outdated"])
def test_a_run_that_lost_the_environment_seals_nothing(
    world: World, holder: str | None, how: str
) -> None:
    """It was cancelled or taken over; the request is gone, and no new one is made."""
    first = reach_gate(world)
    record = environments.record_of(world.ports, "prod")
    world.ports.store.environments.replace(record, holder=holder)
    if how == "cancelled":
        world.ports.store.ceremonies.replace(first, state="cancelled")
    elif how == "expired":
        world.clock.advance(seconds=7 * DAY)
    else:
        live_for(world, 365 * DAY)
    with pytest.raises(ConflictError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert refused.value.rule == "LOCK-LOST"
    assert len(ceremonies(world)) == 1


def test_a_request_that_the_estate_outran_is_sealed_anew(world: World) -> None:
    """People hear of it; the key stays the same, the old request takes no response any more."""
    first = reach_gate(world)
    world.clock.advance(seconds=60)
    live_for(world, 365 * DAY)
    second = requests.request_intermediate(world.ports, "prod")
    assert [each.state for each in ceremonies(world)] == ["cancelled", "pending"]
    request = Request.parse(second.request.encode())
    assert request.profile is not None
    assert request.profile.validity == 365 * DAY
    (line,) = lines_of(world, "trustwright.ceremony.outdated")
    assert (line.subject, line.detail) == (first.id, "the estate file changed")
    assert events_told(world) == ["ceremony.requested", "ceremony.cancelled"]
    assert "the estate file changed" in world.ports.chat.told[-1].body
    stale = gate.ceremony_of(world.ports, first.id)
    assert not gate.consider_response(world.ports, stale, world.answer(first.request)).accepted


def test_what_the_profile_does_not_name_may_change(world: World) -> None:
    """Another time to sign in, say: the pending request stands."""
    first = reach_gate(world)
    settings = world.ports.estate.environments["prod"].intermediate
    change_environment(world, intermediate=settings.model_copy(update={"request_validity": DAY}))
    assert requests.request_intermediate(world.ports, "prod").id == first.id


def test_a_response_that_comes_while_the_request_is_closed_counts(world: World) -> None:
    """Accepted first: then the signed generation no longer fits, and the run says so."""
    waiting = reach_gate(world)
    live_for(world, 365 * DAY)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        gate.consider_response(world.ports, waiting, world.answer(waiting.request))
        return honest(*args, **kwargs)

    twist(world.ports, {"records.ceremonies.replace": slowly})
    with pytest.raises(ConfigurationError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert refused.value.rule == "ESTATE-CHANGED"
    assert [each.state for each in ceremonies(world)] == ["accepted"]
    assert "ceremony.cancelled" not in events_told(world)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_people_hear_of_an_outdated_request_whoever_dies(world: World, moment: str) -> None:
    """It is closed first and told then: the run that seals the next one makes it good."""
    reach_gate(world)
    live_for(world, 365 * DAY)

    def dying(honest: Any, notice: Notice) -> Any:
        if moment == "after":
            honest(notice)
        raise ProcessDied("notifier.tell")

    twist(world.ports, {"notifier.tell": dying})
    with pytest.raises(ProcessDied):
        requests.request_intermediate(world.ports, "prod")
    straighten(world.ports)
    world.clock.advance(seconds=60)
    requests.request_intermediate(world.ports, "prod")
    assert [each.state for each in ceremonies(world)] == ["cancelled", "pending"]
    assert events_told(world).count("ceremony.cancelled") == 1 + (moment == "after")
    requests.request_intermediate(world.ports, "prod")
    assert events_told(world).count("ceremony.cancelled") == 1 + (moment == "after")


def test_a_signed_generation_that_the_estate_outran_is_not_introduced(world: World) -> None:
    """With the old values back it goes on."""
    waiting = reach_gate(world)
    assert gate.consider_response(world.ports, waiting, world.answer(waiting.request)).accepted
    live_for(world, 365 * DAY)
    with pytest.raises(ConfigurationError) as refused:
        requests.request_intermediate(world.ports, "prod")
    assert (refused.value.rule, refused.value.where) == ("ESTATE-CHANGED", "environments.prod")
    assert "put the old values back" in refused.value.hint
    live_for(world, 730 * DAY)
    bootstrap(world)
    assert phase(world) == "ready"


def test_an_introduced_generation_stays_what_it_is(world: World) -> None:
    """The estate's new values wait for the next rotation."""
    bootstrap(world)
    live_for(world, 365 * DAY)
    bootstrap(world)
    assert phase(world) == "ready"


def test_an_accepted_request_is_not_asked_again(world: World) -> None:
    """Once a response is accepted, the ceremony of this generation is the accepted one."""
    waiting = reach_gate(world)
    assert gate.consider_response(world.ports, waiting, world.answer(waiting.request)).accepted
    world.clock.advance(seconds=30 * DAY)
    found = requests.request_intermediate(world.ports, "prod")
    assert (found.id, found.state) == (waiting.id, "accepted")
    assert len(ceremonies(world)) == 1


def test_a_response_to_a_request_whose_run_died_at_once_is_used(world: World) -> None:
    """The run died between sealing and recording its phase; the request was exported and signed."""
    prepared(world)

    def dead(*_args: Any, **_kwargs: Any) -> Any:
        raise KeyboardInterrupt

    twist(world.ports, {"records.environments.replace": dead})
    with pytest.raises(KeyboardInterrupt):
        requests.request_intermediate(world.ports, "prod")
    straighten(world.ports)
    (sealed,) = ceremonies(world)
    assert phase(world) == "prepared"
    assert gate.consider_response(world.ports, sealed, world.answer(sealed.request)).accepted
    world.ports.actor = "run-2"
    bootstrap(world)
    assert phase(world) == "ready"
    assert len(lines_of(world, "trustwright.ceremony.opened")) == 1
