"""Pending ceremonies that nobody will finish."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.mortal import ProcessDied
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    dump,
    events_told,
    lines_of,
    raising,
    reach_gate,
    straighten,
    twist,
)
from trustwright.errors import ConflictError, Unavailable
from trustwright.lifecycle import environments, gate
from trustwright.lifecycle.watch import cancel_ceremony, watch_ceremonies
from trustwright.model.ceremony import CeremonyRecord

pytestmark = pytest.mark.unit


@pytest.fixture
def waiting(world: World) -> CeremonyRecord:
    """Return prod's ceremony; its run is suspended and alive."""
    world.ports.orchestrator.living = {"run-1"}
    return reach_gate(world)


def state(world: World, ceremony: CeremonyRecord) -> str:
    """Return the ceremony's state in the store."""
    found = world.ports.store.ceremonies.get(ceremony.id)
    assert found is not None
    return found.state


def holder(world: World, name: str = "prod") -> str | None:
    """Return who holds an environment."""
    return environments.record_of(world.ports, name).holder


def test_a_pending_ceremony_is_left_alone(world: World, waiting: CeremonyRecord) -> None:
    """Its run waits and its time has not come."""
    world.clock.advance(seconds=DAY - 1)
    before = dump(world.ports.store)
    assert watch_ceremonies(world.ports) == []
    assert dump(world.ports.store) == before


def test_an_expired_ceremony_is_closed(world: World, waiting: CeremonyRecord) -> None:
    """People are told once, the run is ended, the environment is free."""
    world.clock.advance(seconds=7 * DAY)
    assert watch_ceremonies(world.ports) == ["prod: expired"]
    assert watch_ceremonies(world.ports) == []
    assert (state(world, waiting), holder(world)) == ("expired", None)
    assert world.ports.orchestrator.living == set()
    assert events_told(world) == ["ceremony.requested", "ceremony.expired"]


def test_a_run_that_was_cancelled_in_the_ui(world: World, waiting: CeremonyRecord) -> None:
    """Its ceremony is closed and the environment is free."""
    world.ports.orchestrator.end("run-1", "a person clicked")
    assert watch_ceremonies(world.ports) == ["prod: cancelled"]
    assert (state(world, waiting), holder(world)) == ("cancelled", None)
    assert events_told(world) == ["ceremony.requested", "ceremony.cancelled"]
    assert len(lines_of(world, "trustwright.ceremony.cancelled")) == 2  # decided, and told


def test_a_run_that_prefect_lost(world: World, waiting: CeremonyRecord) -> None:
    """The request may be on its way to the offline machine: it stays pending."""
    world.ports.orchestrator.living = set()
    assert watch_ceremonies(world.ports) == []
    assert (state(world, waiting), holder(world)) == ("pending", "run-1")


def test_a_ceremony_without_a_run(world: World, waiting: CeremonyRecord) -> None:
    """Nobody waits for it yet: it is pending until it expires."""
    world.ports.store.ceremonies.replace(waiting, flow_run=None)
    assert watch_ceremonies(world.ports) == []
    world.clock.advance(seconds=7 * DAY)
    assert watch_ceremonies(world.ports) == ["prod: expired"]
    assert holder(world) == "run-1"


def test_a_takeover_by_a_person_cancels_no_ceremony(world: World, waiting: CeremonyRecord) -> None:
    """The old run is ended on purpose; the signed request shall still find an open gate."""
    environments.take_from_holder(world.ports, "prod")
    assert watch_ceremonies(world.ports) == []
    assert state(world, waiting) == "pending"


def test_a_cancelled_run_that_another_has_followed(world: World, waiting: CeremonyRecord) -> None:
    """The new run goes on with the request, also before it has bound itself to it."""
    world.ports.orchestrator.end("run-1", "a person clicked")
    environments.claim(world.ports, "prod", "run-2")
    assert watch_ceremonies(world.ports) == []
    assert state(world, waiting) == "pending"


def test_environments_are_watched_each(world: World, waiting: CeremonyRecord) -> None:
    """One that was cancelled does not touch the other."""
    world.ports.actor = "run-2"
    world.ports.orchestrator.living.add("run-2")
    other = reach_gate(world, "test")
    world.ports.orchestrator.end("run-2", "a person clicked")
    assert watch_ceremonies(world.ports) == ["test: cancelled"]
    assert (state(world, waiting), state(world, other)) == ("pending", "cancelled")
    assert (holder(world), holder(world, "test")) == ("run-1", None)


def test_an_environment_that_left_the_estate(world: World, waiting: CeremonyRecord) -> None:
    """Its ceremony is closed all the same, and the others after it."""
    world.ports.actor = "run-2"
    reach_gate(world, "test")
    kept = {"test": world.ports.estate.environments["test"]}
    world.ports.estate = world.ports.estate.model_copy(update={"environments": kept})
    world.clock.advance(seconds=7 * DAY)
    assert sorted(watch_ceremonies(world.ports)) == ["prod: expired", "test: expired"]


def test_somebody_at_work_on_it_is_not_disturbed(world: World, waiting: CeremonyRecord) -> None:
    """A lost compare-and-swap is no failure of the watch; the next look decides."""
    world.clock.advance(seconds=7 * DAY)
    twist(world.ports, {"records.ceremonies.replace": raising(ConflictError("stale"))})
    assert watch_ceremonies(world.ports) == []
    straighten(world.ports)
    assert watch_ceremonies(world.ports) == ["prod: expired"]
    assert events_told(world).count("ceremony.expired") == 1


def test_a_watch_without_prefect_is_tried_again(world: World, waiting: CeremonyRecord) -> None:
    """It says so; nothing was closed on hope."""
    twist(world.ports, {"runs.cancelled": raising(Unavailable("no connection"))})
    with pytest.raises(Unavailable):
        watch_ceremonies(world.ports)
    assert state(world, waiting) == "pending"


@pytest.mark.parametrize(
    "call",
    [
        "runs.end",
        "notifier.tell",
        "records.audit.insert",
        "records.ceremonies.replace",
        "records.environments.replace",
    ],
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_watch_that_dies_is_made_good(
    world: World, waiting: CeremonyRecord, call: str, moment: str
) -> None:
    """Wherever it dies: in the end the ceremony is closed, people know, and the way is free."""
    world.clock.advance(seconds=7 * DAY)

    def dying(honest: Any, *args: Any, **kwargs: Any) -> Any:
        if moment == "after":
            honest(*args, **kwargs)
        raise ProcessDied(call)

    twist(world.ports, {call: dying})
    with pytest.raises(ProcessDied):
        watch_ceremonies(world.ports)
    straighten(world.ports)
    watch_ceremonies(world.ports)
    assert state(world, waiting) == "expired"
    assert "ceremony.expired" in events_told(world)
    world.ports.actor = "run-2"
    assert reach_gate(world).id != waiting.id
    assert holder(world) == "run-2"


def test_cancelling_by_a_person(world: World, waiting: CeremonyRecord) -> None:
    """The run ends, the reason is told and audited, the environment is free."""
    closed = cancel_ceremony(world.ports, waiting, "wrong domain")
    assert (closed.state, closed.closed) == ("cancelled", world.clock.now())
    assert (holder(world), world.ports.orchestrator.living) == (None, set())
    assert "wrong domain" in world.ports.chat.told[-1].body


def test_cancelling_what_was_accepted_meanwhile(world: World, waiting: CeremonyRecord) -> None:
    """The signature counts: the record stays accepted and the command says that it was late."""
    gate.consider_response(world.ports, waiting, world.answer(waiting.request))
    with pytest.raises(ConflictError):
        cancel_ceremony(world.ports, waiting, "too late")
    assert state(world, waiting) == "accepted"
    assert (holder(world), world.ports.orchestrator.living) == ("run-1", {"run-1"})
    assert "ceremony.cancelled" not in events_told(world)


def accept(world: World, ceremony: CeremonyRecord) -> None:
    """Let a good response be accepted at this very moment."""
    straighten(world.ports)
    good = world.answer(ceremony.request)
    assert gate.consider_response(world.ports, ceremony, good).accepted


def check_kept(world: World, ceremony: CeremonyRecord, run: str) -> None:
    """The signature counts: the run lives and holds, and nobody was told that it is void."""
    assert state(world, ceremony) == "accepted"
    assert holder(world, ceremony.environment) == run
    assert run in world.ports.orchestrator.living
    assert not {"ceremony.expired", "ceremony.cancelled"} & {
        each.event.removeprefix("trustwright.")
        for each in world.ports.chat.told
        if each.environment == ceremony.environment
    }


def test_a_response_that_is_accepted_first_keeps_its_run(
    world: World, waiting: CeremonyRecord
) -> None:
    """The watch decides by compare-and-swap before it ends a run or tells anybody."""
    world.ports.orchestrator.cancelled_runs = {"run-1"}

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        accept(world, waiting)
        return honest(*args, **kwargs)

    twist(world.ports, {"records.ceremonies.replace": slowly})
    assert watch_ceremonies(world.ports) == []
    check_kept(world, waiting, "run-1")


def test_a_response_in_the_last_second_keeps_its_run(world: World, waiting: CeremonyRecord) -> None:
    """It was accepted, then time ran out, and the watch still holds the row from before."""
    world.clock.advance(seconds=7 * DAY - 1)

    def stale(honest: Any, key: str) -> Any:
        row = honest(key)
        accept(world, waiting)
        world.clock.advance(seconds=1)
        return row

    twist(world.ports, {"records.ceremonies.get": stale})
    assert watch_ceremonies(world.ports) == []
    check_kept(world, waiting, "run-1")


def test_every_ceremony_is_read_again_before_it_is_touched(
    world: World, waiting: CeremonyRecord
) -> None:
    """Minutes pass while the first one's run is ended: the second was answered meanwhile."""
    world.ports.actor = "run-2"
    world.ports.orchestrator.living.add("run-2")
    both = {"run-1": waiting, "run-2": reach_gate(world, "test")}
    world.ports.orchestrator.cancelled_runs = {"run-1", "run-2"}
    answered: list[str] = []

    def ending(honest: Any, run: str, reason: str) -> Any:
        (other,) = both.keys() - {run}
        accept(world, both[other])
        answered.append(other)
        return honest(run, reason)

    twist(world.ports, {"runs.end": ending})
    watch_ceremonies(world.ports)
    (other,) = answered
    (first,) = both.keys() - {other}
    assert (state(world, both[first]), holder(world, both[first].environment)) == (
        "cancelled",
        None,
    )
    check_kept(world, both[other], other)


@pytest.mark.parametrize("begun", ["expiring", "cancelling"])
def test_what_is_being_closed_takes_no_response(
    world: World, waiting: CeremonyRecord, begun: str
) -> None:
    """Between the decision and its end the gate is shut, and the next look finishes it."""
    row = world.ports.store.ceremonies.replace(waiting, state=begun, reason=None)
    verdict = gate.consider_response(world.ports, row, world.answer(waiting.request))
    assert verdict == gate.Verdict(accepted=False, reason=f"the ceremony is {begun} [GATE-CLOSED]")
    final = {"expiring": "expired", "cancelling": "cancelled"}[begun]
    assert watch_ceremonies(world.ports) == [f"prod: {final}"]
    assert (state(world, waiting), holder(world)) == (final, None)
    assert events_told(world)[-1] == f"ceremony.{final}"


def test_people_are_reminded_once_a_day(world: World, waiting: CeremonyRecord) -> None:
    """Each day of waiting is worth one reminder."""
    told = []
    for _ in range(3):
        world.clock.advance(seconds=DAY)
        told += [watch_ceremonies(world.ports), watch_ceremonies(world.ports)]
    assert told == [["prod: reminded"], []] * 3
    assert [each.event for each in world.ports.chat.told].count(
        "trustwright.ceremony.reminded"
    ) == 3


def test_an_announcement_that_nobody_heard_is_repeated(
    world: World, waiting: CeremonyRecord
) -> None:
    """When no channel took it, the next look reminds at once."""
    line = world.ports.store.audit.get(f"announced/{waiting.id}/run-1")
    assert line is not None
    world.ports.store.audit.replace(line, detail="nobody was told: ops")
    assert watch_ceremonies(world.ports) == ["prod: reminded"]
    assert watch_ceremonies(world.ports) == []


def test_a_run_that_sleeps_on_an_answer_is_woken(world: World, waiting: CeremonyRecord) -> None:
    """Whoever accepted the response died before ringing: the watch rings."""
    world.ports.orchestrator.asleep = {"run-1"}
    assert watch_ceremonies(world.ports) == []
    answer = world.answer(waiting.request)
    assert gate.consider_response(world.ports, waiting, answer).accepted
    assert watch_ceremonies(world.ports) == ["prod: woken"]
    assert world.ports.orchestrator.woken == ["run-1"]
    assert watch_ceremonies(world.ports) == []


def test_a_run_that_can_never_be_woken_is_ended(world: World, waiting: CeremonyRecord) -> None:
    """It died before it could store its form: the environment is free for another run."""
    world.ports.orchestrator.asleep = world.ports.orchestrator.deaf = {"run-1"}
    assert gate.consider_response(world.ports, waiting, world.answer(waiting.request)).accepted
    assert watch_ceremonies(world.ports) == []
    assert holder(world) is None
    assert world.ports.orchestrator.cancelled_runs == {"run-1"}
