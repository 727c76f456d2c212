"""The gate: the approval is the signature, the record is the door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.root import TestRoot
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    bootstrap,
    dump,
    events_told,
    leave_request,
    lines_of,
    losing,
    raising,
    reach_gate,
    straighten,
    twist,
)
from trustwright.errors import ConfigurationError, ConflictError, Unavailable
from trustwright.lifecycle import announcement, environments, gate, requests
from trustwright.lifecycle.gate import Verdict
from trustwright.lifecycle.watch import cancel_ceremony
from trustwright.model.ceremony import CeremonyRecord, Request

pytestmark = pytest.mark.unit

BAD = b'{"format":"trustwright.response/1"}'


def now_is(world: World, ceremony: CeremonyRecord) -> CeremonyRecord:
    """Return the ceremony as it stands in the store."""
    found = world.ports.store.ceremonies.get(ceremony.id)
    assert found is not None
    return found


def submit(world: World, ceremony: CeremonyRecord, data: bytes) -> Verdict:
    """Hand a response in, as the command does: the record is read first."""
    return gate.consider_response(world.ports, now_is(world, ceremony), data)


def phase(world: World) -> str:
    """Return how far prod is."""
    return environments.record_of(world.ports, "prod").phase


def another_response(world: World, ceremony: CeremonyRecord) -> bytes:
    """Return a second good response to the same request."""
    request = Request.parse(ceremony.request.encode())
    return world.root.answer(request, world.clock.now()).canonical()


def test_a_good_response_is_accepted(world: World) -> None:
    """It is recorded in its canonical form, people are told, and the flow's next step goes on."""
    waiting = reach_gate(world)
    assert submit(world, waiting, world.answer(waiting.request)) == Verdict(accepted=True)
    found = now_is(world, waiting)
    assert (found.state, found.refusals, found.closed) == ("accepted", 0, world.clock.now())
    assert (found.response or "").encode() == world.answer(waiting.request)
    assert events_told(world) == ["ceremony.requested", "ceremony.submitted", "ceremony.accepted"]
    assert phase(world) == "requested"
    gate.record_signed(world.ports, found)
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    assert (issuer.state, phase(world)) == ("signed", "signed")
    assert (issuer.certificate or "none") in (found.response or "").replace("\\n", "\n")


@pytest.mark.parametrize(
    ("data", "rule"),
    [(BAD, "CER-SHAPE"), (b"approved", "CER-JSON"), (b"", "GATE-EMPTY"), (b" \r\n", "GATE-EMPTY")],
)
def test_a_bad_response_changes_nothing_but_the_count(world: World, data: bytes, rule: str) -> None:
    """It is refused by its rule, counted once, told, and the gate stays as it was."""
    waiting = reach_gate(world)
    before = dump(world.ports.store, without=("audit", "ceremonies"))
    verdict = submit(world, waiting, data)
    found = now_is(world, waiting)
    assert not verdict.accepted
    assert f"[{rule}]" in verdict.reason
    assert (found.state, found.refusals, found.refusal) == ("pending", 1, verdict.reason)
    assert dump(world.ports.store, without=("audit", "ceremonies")) == before
    assert events_told(world) == ["ceremony.requested", "ceremony.submitted", "ceremony.refused"]
    (line,) = lines_of(world, "trustwright.ceremony.refused")
    assert line.detail == verdict.reason


def test_what_a_response_says_is_recorded_without_its_markup(world: World) -> None:
    """Names of members are quoted by the refusal: in record, chat and audit they are harmless."""
    waiting = reach_gate(world)
    name = "# Approved\n```\n[click](https://evil.example)\x1b[2J <b> @everyone"
    good = json.loads(world.answer(waiting.request))
    submit(world, waiting, json.dumps(good | {name: 1}).encode())
    refusal = now_is(world, waiting).refusal
    (line,) = lines_of(world, "trustwright.ceremony.refused")
    assert line.detail == refusal
    assert refusal.isprintable()
    assert not set("`<>*|").intersection(refusal)
    assert refusal.count("[") == 1
    assert "[CER-SHAPE]" in refusal
    assert "://" not in refusal + world.ports.chat.told[-1].body
    assert "@everyone" not in world.ports.chat.told[-1].body


def test_a_good_response_after_a_bad_one(world: World) -> None:
    """The gate asks again; the second one opens it and the refusal is forgotten."""
    waiting = reach_gate(world)
    submit(world, waiting, BAD)
    assert submit(world, waiting, world.answer(waiting.request)).accepted
    found = now_is(world, waiting)
    assert (found.state, found.refusals, found.refusal) == ("accepted", 1, "")


def test_every_refusal_is_counted_once(world: World) -> None:
    """Three bad ones are three."""
    waiting = reach_gate(world)
    for _ in range(3):
        submit(world, waiting, BAD)
    assert now_is(world, waiting).refusals == 3


def test_the_same_response_again_is_accepted_without_effect(world: World) -> None:
    """The form and the command may both bring it, however it is laid out."""
    waiting = reach_gate(world)
    good = world.answer(waiting.request)
    submit(world, waiting, good)
    before, told = dump(world.ports.store), len(world.ports.chat.told)
    assert submit(world, waiting, b"\n " + good + b"\r\n") == Verdict(accepted=True)
    assert (dump(world.ports.store), len(world.ports.chat.told)) == (before, told)


@pytest.mark.parametrize("kind", ["another", "bad"])
def test_another_response_after_the_acceptance_changes_nothing(world: World, kind: str) -> None:
    """A second good one is refused as well: the request is answered."""
    waiting = reach_gate(world)
    submit(world, waiting, world.answer(waiting.request))
    data = another_response(world, waiting) if kind == "another" else BAD
    before = dump(world.ports.store)
    verdict = submit(world, waiting, data)
    assert not verdict.accepted
    assert ("[GATE-CLOSED]" if kind == "another" else "[CER-SHAPE]") in verdict.reason
    assert dump(world.ports.store) == before


def test_another_environments_response_is_refused(world: World) -> None:
    """It answers another request."""
    own, other = reach_gate(world, "prod"), reach_gate(world, "test")
    verdict = submit(world, own, world.answer(other.request))
    assert (verdict.accepted, "[CER-201]" in verdict.reason) == (False, True)


def test_another_roots_response_is_refused(world: World) -> None:
    """A root of the same name with another key is another root."""
    waiting = reach_gate(world)
    stranger = TestRoot(world.clock.now())
    request = Request.parse(waiting.request.encode())
    verdict = submit(world, waiting, stranger.answer(request, world.clock.now()).canonical())
    assert (verdict.accepted, "[CER-202]" in verdict.reason) == (False, True)


def test_a_root_crl_older_than_the_last_is_refused(world: World) -> None:
    """The second response of an environment may not bring an earlier list of the root."""
    bootstrap(world)
    record = environments.record_of(world.ports, "prod")
    world.ports.store.environments.replace(record, phase="prepared", generation=2)
    environments.claim(world.ports, "prod", "run-1")
    sealed = requests.request_intermediate(world.ports, "prod")
    request = Request.parse(sealed.request.encode())
    earlier = world.root.responses[0]
    newest = world.root.answer(request, world.clock.now())
    replayed = newest.model_copy(update={"root_crl": earlier.root_crl})
    verdict = submit(world, sealed, replayed.canonical())
    assert (verdict.accepted, "[CER-2" in verdict.reason) == (False, True)
    assert submit(world, sealed, newest.canonical()).accepted


@pytest.mark.parametrize(("late", "accepted"), [(-1, True), (0, False), (1, False)])
def test_the_gate_closes_at_the_very_second_of_expiry(
    world: World, late: int, accepted: bool
) -> None:
    """A response that comes at that second or later is void, however good it is."""
    waiting = reach_gate(world)
    good = world.answer(waiting.request)
    world.clock.advance(seconds=7 * DAY + late)
    verdict = submit(world, waiting, good)
    assert verdict.accepted is accepted
    assert now_is(world, waiting).state == ("accepted" if accepted else "expired")
    assert accepted or "[GATE-EXPIRED]" in verdict.reason
    assert phase(world) == "requested"


@pytest.mark.parametrize("state", ["expired", "cancelled"])
def test_a_closed_gate_stays_closed(world: World, state: str) -> None:
    """Neither expired nor cancelled ceremonies take a response."""
    waiting = reach_gate(world)
    world.ports.store.ceremonies.replace(waiting, state=state)
    before = dump(world.ports.store)
    verdict = submit(world, waiting, world.answer(waiting.request))
    assert verdict == Verdict(accepted=False, reason=f"the ceremony is {state} [GATE-CLOSED]")
    assert dump(world.ports.store) == before


def test_a_cancelled_ceremony_takes_nothing(world: World) -> None:
    """What a person cancelled is void, and the environment is free."""
    waiting = reach_gate(world)
    cancel_ceremony(world.ports, waiting, "wrong domain")
    assert not submit(world, waiting, world.answer(waiting.request)).accepted
    assert environments.record_of(world.ports, "prod").holder is None


def test_the_form_of_an_outdated_question_counts_nothing(world: World) -> None:
    """A refusal by the command wakes the run with an empty form: that is no second refusal."""
    asked = reach_gate(world)
    refused = submit(world, asked, BAD)
    verdict = gate.consider_answer(world.ports, asked, b"")
    assert (verdict, now_is(world, asked).refusals) == (refused, 1)


def test_an_empty_form_of_the_present_question_is_refused(world: World) -> None:
    """Somebody clicked without pasting."""
    asked = reach_gate(world)
    verdict = gate.consider_answer(world.ports, asked, b"")
    assert "[GATE-EMPTY]" in verdict.reason
    assert now_is(world, asked).refusals == 1


def test_a_response_in_an_outdated_form_is_considered(world: World) -> None:
    """It was pasted before somebody else's was refused; it is judged for itself."""
    asked = reach_gate(world)
    submit(world, asked, BAD)
    assert gate.consider_answer(world.ports, asked, world.answer(asked.request)).accepted


def test_the_form_after_the_command_was_faster(world: World) -> None:
    """The record is accepted already: the same response is fine, an empty form is not."""
    asked = reach_gate(world)
    good = world.answer(asked.request)
    submit(world, asked, good)
    assert gate.consider_answer(world.ports, asked, good).accepted
    assert not gate.consider_answer(world.ports, asked, b"").accepted
    assert now_is(world, asked).refusals == 0


@pytest.mark.parametrize("faster", ["good", "bad", "bound"])
def test_form_and_command_at_once(world: World, faster: str) -> None:
    """Whoever loses the compare-and-swap looks at what the other wrote; no run fails over it."""
    waiting = reach_gate(world)
    good = world.answer(waiting.request)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        if faster == "bound":
            announcement.announce_ceremony(world.ports, waiting.id, "run-2")
        else:
            submit(world, waiting, good if faster == "good" else BAD)
        return honest(*args, **kwargs)

    twist(world.ports, {"records.ceremonies.replace": slowly})
    assert gate.consider_response(world.ports, waiting, good) == Verdict(accepted=True)
    found = now_is(world, waiting)
    assert (found.state, found.refusals) == ("accepted", 1 if faster == "bad" else 0)
    assert events_told(world).count("ceremony.accepted") == 1
    assert len(lines_of(world, "trustwright.ceremony.refused")) == found.refusals


def test_a_bad_response_beside_a_good_one(world: World) -> None:
    """The good one was faster: the bad one is refused and does not reopen the gate."""
    waiting = reach_gate(world)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        submit(world, waiting, world.answer(waiting.request))
        return honest(*args, **kwargs)

    twist(world.ports, {"records.ceremonies.replace": slowly})
    assert not gate.consider_response(world.ports, waiting, BAD).accepted
    found = now_is(world, waiting)
    assert (found.state, found.refusals, found.refusal) == ("accepted", 0, "")


def test_the_announcement_beside_a_submission(world: World) -> None:
    """A response that comes in while the run binds itself to the ceremony fails no run."""
    waiting = reach_gate(world)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        submit(world, waiting, world.answer(waiting.request))
        return honest(*args, **kwargs)

    twist(world.ports, {"records.ceremonies.replace": slowly})
    link = announcement.announce_ceremony(world.ports, waiting.id, "run-2")
    assert link == "http://127.0.0.1:1/runs/run-2"
    assert now_is(world, waiting).state == "accepted"


@pytest.mark.parametrize("call", ["records.issuers.find", "records.ceremonies.find"])
def test_a_store_that_is_down_refuses_nothing(world: World, call: str) -> None:
    """What the store does not answer is no fault of the response."""
    waiting = reach_gate(world)
    before = dump(world.ports.store, without=("audit",))
    twist(world.ports, {call: raising(Unavailable("the database does not answer"))})
    with pytest.raises(Unavailable):
        gate.consider_response(world.ports, waiting, world.answer(waiting.request))
    straighten(world.ports)
    assert dump(world.ports.store, without=("audit",)) == before
    assert submit(world, waiting, world.answer(waiting.request)).accepted


def test_a_crash_between_acceptance_and_the_next_step(world: World) -> None:
    """The response is in the record: another run goes on from there, and people are told once."""
    waiting = reach_gate(world)
    twist(world.ports, {"records.ceremonies.replace": losing(KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        gate.consider_response(world.ports, waiting, world.answer(waiting.request))
    straighten(world.ports)
    assert "ceremony.accepted" not in events_told(world)
    world.ports.actor = "run-2"
    leave_request(world)
    bootstrap(world)
    assert phase(world) == "ready"
    assert events_told(world).count("ceremony.accepted") == 1
    assert len(world.root.responses) == 1


def test_recording_the_signature_twice_changes_nothing(world: World) -> None:
    """The certificate is copied once."""
    waiting = reach_gate(world)
    submit(world, waiting, world.answer(waiting.request))
    gate.record_signed(world.ports, now_is(world, waiting))
    before = dump(world.ports.store)
    gate.record_signed(world.ports, now_is(world, waiting))
    assert dump(world.ports.store) == before


def test_a_ceremony_is_found_by_environment_or_by_digits(world: World) -> None:
    """Six digits are enough; five, or a name with nothing pending, are not."""
    waiting = reach_gate(world)
    for key in ("prod", waiting.id, waiting.id[:6]):
        assert gate.ceremony_of(world.ports, key).id == waiting.id
    for key in (waiting.id[:5], "test", ""):
        with pytest.raises(ConfigurationError) as refused:
            gate.ceremony_of(world.ports, key)
        assert refused.value.rule == "CEREMONY-NAME"


def test_digits_that_fit_two_ceremonies_are_refused(world: World) -> None:
    """The person writes more of them."""
    waiting = reach_gate(world)
    twin = waiting.id[:10] + "0" * 54
    world.ports.store.ceremonies.insert(
        waiting.model_copy(update={"id": twin, "state": "cancelled"})
    )
    with pytest.raises(ConfigurationError, match="2 ceremonies fit"):
        gate.ceremony_of(world.ports, waiting.id[:8])


def test_endless_conflict_is_not_waited_out_in_silence(world: World) -> None:
    """A conflict that is not about this ceremony's row comes out."""
    waiting = reach_gate(world)
    twist(world.ports, {"records.ceremonies.find": raising(ConflictError("no", rule="STORE-X"))})
    with pytest.raises(ConflictError):
        gate.consider_response(world.ports, waiting, world.answer(waiting.request))
