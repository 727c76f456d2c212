"""One run at a time: claimed by compare-and-swap, held across the wait, fenced when taken over."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import lines_of, straighten, twist
from trustwright.errors import ConfigurationError, ConflictError, TransitionRefused
from trustwright.lifecycle import environments
from trustwright.model.records import EnvironmentPhase, EnvironmentRecord
from trustwright.policy.phases import ORDER

pytestmark = pytest.mark.unit


def record(world: World) -> EnvironmentRecord:
    """Return the record as it stands in the store."""
    found = world.ports.store.environments.get("prod")
    assert found is not None
    return found


def put(world: World, phase: EnvironmentPhase, holder: str | None) -> None:
    """Put an environment where a test needs it."""
    found = environments.record_of(world.ports, "prod")
    process = world.ports.process if holder else None
    world.ports.store.environments.replace(found, phase=phase, holder=holder, process=process)


def test_a_living_holder_keeps_it(world: World) -> None:
    """A second run is refused while the first may still act, and nothing is written."""
    environments.claim(world.ports, "prod", "run-1")
    world.ports.orchestrator.living = {"run-1"}
    before = record(world)
    with pytest.raises(ConflictError) as refused:
        environments.claim(world.ports, "prod", "run-2")
    assert refused.value.rule == "LOCK-HELD"
    assert record(world) == before
    assert record(world).holder == "run-1"


def test_claiming_twice_is_claiming_once(world: World) -> None:
    """The holder keeps it without writing anything, also when nobody knows it to be alive."""
    first = environments.claim(world.ports, "prod", "run-1")
    world.clock.advance(seconds=60)
    assert environments.claim(world.ports, "prod", "run-1") == first


def test_a_later_process_of_a_run_fences_the_earlier_one_off(world: World) -> None:
    """Prefect started the run again beside a process that it believed dead."""
    first = environments.claim(world.ports, "prod", "run-1")
    world.clock.advance(seconds=60)
    world.ports.process = "process-2"
    second = environments.claim(world.ports, "prod", "run-1")
    assert (second.holder, second.process, second.held_since) == (
        "run-1",
        "process-2",
        first.held_since,
    )
    assert lines_of(world, "trustwright.environment.taken-over") == []
    world.ports.process = "process-1"
    for act in (
        lambda: environments.advance(world.ports, "prod", "prepared"),
        lambda: environments.finish(world.ports, "prod", "run-1"),
        lambda: next(environments.while_held(world.ports, "prod", ["billing"])),
    ):
        with pytest.raises(ConflictError) as refused:
            act()
        assert refused.value.rule == "LOCK-LOST"
        assert "another process of this run" in refused.value.what
    world.ports.process = "process-2"
    environments.advance(world.ports, "prod", "prepared")
    assert record(world).phase == "prepared"


def test_nobody_is_served_by_a_process_that_was_fenced_off(world: World) -> None:
    """Between two consumers the later process claims the environment: the earlier one stops."""
    environments.claim(world.ports, "prod", "run-1")
    served = environments.while_held(world.ports, "prod", ["billing", "gateway"])
    assert next(served) == "billing"
    world.ports.process = "process-2"
    environments.claim(world.ports, "prod", "run-1")
    world.ports.process = "process-1"
    with pytest.raises(ConflictError):
        next(served)


def test_a_dead_holder_is_taken_over_and_audited(world: World) -> None:
    """A run that ended loses it; the audit says from whom to whom."""
    environments.claim(world.ports, "prod", "run-1")
    world.clock.advance(seconds=60)
    taken = environments.claim(world.ports, "prod", "run-2")
    assert (taken.holder, taken.held_since) == ("run-2", world.clock.now())
    (line,) = lines_of(world, "trustwright.environment.taken-over")
    assert (line.environment, line.subject, line.detail) == ("prod", "run-2", "from run-1")


def test_the_first_claim_is_no_takeover(world: World) -> None:
    """Nobody held it, so nobody was taken from."""
    environments.claim(world.ports, "prod", "run-1")
    assert lines_of(world, "trustwright.environment.taken-over") == []


def test_of_two_that_claim_at_once_one_has_it(world: World) -> None:
    """The slower one loses the compare-and-swap, looks again and sees who holds it."""
    world.ports.orchestrator.living = {"run-1", "run-2"}

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        environments.claim(world.ports, "prod", "run-2")
        return honest(*args, **kwargs)

    twist(world.ports, {"records.environments.replace": slowly})
    with pytest.raises(ConflictError) as refused:
        environments.claim(world.ports, "prod", "run-1")
    assert refused.value.rule == "LOCK-HELD"
    assert record(world).holder == "run-2"


def test_two_that_open_it_at_once_share_the_record(world: World) -> None:
    """The record is made once, whoever is first."""

    def slowly(honest: Any, *args: Any) -> Any:
        straighten(world.ports)
        environments.record_of(world.ports, "prod")
        return honest(*args)

    twist(world.ports, {"records.environments.insert": slowly})
    assert environments.record_of(world.ports, "prod") == record(world)


def test_a_taken_over_run_cannot_advance(world: World) -> None:
    """Fencing: the run that was believed dead and is not changes nothing."""
    environments.claim(world.ports, "prod", "run-1")
    environments.claim(world.ports, "prod", "run-2")
    before = record(world)
    with pytest.raises(ConflictError) as refused:
        environments.advance(world.ports, "prod", "prepared")
    assert refused.value.rule == "LOCK-LOST"
    assert record(world) == before


def test_a_taken_over_run_is_stopped_at_a_phase_that_lies_behind(world: World) -> None:
    """The other run is further: this one must not go on beside it."""
    environments.claim(world.ports, "prod", "run-1")
    put(world, "introduced", "run-2")
    with pytest.raises(ConflictError) as refused:
        environments.advance(world.ports, "prod", "prepared")
    assert refused.value.rule == "LOCK-LOST"


def test_nobody_advances_what_nobody_holds(world: World) -> None:
    """Advancing needs a claim."""
    with pytest.raises(ConflictError) as refused:
        environments.advance(world.ports, "prod", "prepared")
    assert refused.value.rule == "LOCK-LOST"


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        (current, wanted)
        for current, wanted in product(ORDER, ORDER)
        if ORDER.index(wanted) > ORDER.index(current) + 1
    ],
)
def test_no_phase_can_be_skipped(
    world: World, current: EnvironmentPhase, wanted: EnvironmentPhase
) -> None:
    """Every step but the next one is refused and changes nothing."""
    put(world, current, "run-1")
    before = record(world)
    with pytest.raises(TransitionRefused) as refused:
        environments.advance(world.ports, "prod", wanted)
    assert refused.value.rule == "PHASE-ORDER"
    assert record(world) == before


@pytest.mark.parametrize("phase", ORDER[1:])
def test_the_next_phase_is_recorded_and_audited(world: World, phase: EnvironmentPhase) -> None:
    """One step, one line in the audit."""
    put(world, ORDER[ORDER.index(phase) - 1], "run-1")
    environments.advance(world.ports, "prod", phase)
    assert record(world).phase == phase
    (line,) = lines_of(world, f"trustwright.environment.{phase}")
    assert line.actor == "run-1"


def test_a_phase_that_lies_behind_is_left_alone(world: World) -> None:
    """Running again from the top writes nothing."""
    put(world, "proven", "run-1")
    before = record(world)
    for phase in ORDER[: ORDER.index("proven") + 1]:
        environments.advance(world.ports, "prod", phase)
    assert record(world) == before


def test_the_last_step_can_be_repeated_after_the_release(world: World) -> None:
    """A run that lost the reply to its release ends well when it tries again."""
    put(world, "proven", "run-1")
    for _ in range(2):
        environments.finish(world.ports, "prod", "run-1")
    assert (record(world).phase, record(world).holder) == ("ready", None)


def test_only_the_holder_releases(world: World) -> None:
    """Another run's release does nothing; the holder's frees it."""
    environments.claim(world.ports, "prod", "run-1")
    environments.release(world.ports, "prod", "run-2")
    assert record(world).holder == "run-1"
    environments.release(world.ports, "prod", "run-1")
    assert (record(world).holder, record(world).held_since) == (None, None)


def test_releasing_what_was_never_opened_makes_no_record(world: World) -> None:
    """There is nothing to give back."""
    environments.release(world.ports, "prod", "run-1")
    assert list(world.ports.store.environments.find()) == []


def test_a_person_takes_it_from_its_holder(world: World) -> None:
    """The run is ended, the environment free, the audit says who declared it dead."""
    environments.claim(world.ports, "prod", "run-1")
    world.ports.orchestrator.living = {"run-1"}
    world.ports.actor = "somebody"
    environments.take_from_holder(world.ports, "prod")
    assert record(world).holder is None
    assert world.ports.orchestrator.living == set()
    (line,) = lines_of(world, "trustwright.environment.taken-over")
    assert (line.subject, line.actor, line.detail) == ("run-1", "somebody", "by a person")


def test_taking_what_nobody_holds_does_nothing(world: World) -> None:
    """No run is ended and no line is written."""
    environments.take_from_holder(world.ports, "prod")
    assert list(world.ports.store.audit.find()) == []
    assert record(world).version == 0


def test_an_environment_that_the_estate_does_not_name(world: World) -> None:
    """The error names those that there are, and no record is made."""
    with pytest.raises(ConfigurationError) as refused:
        environments.claim(world.ports, "staging", "run-1")
    assert refused.value.rule == "EST-ENVIRONMENT"
    assert "prod, test" in refused.value.hint
    assert list(world.ports.store.environments.find()) == []
