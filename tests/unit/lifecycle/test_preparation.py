"""The provisioner's key may be kept off the machine after the first preparation."""

from __future__ import annotations

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, lines_of, raising, twist
from trustwright.errors import ConfigurationError, ConflictError
from trustwright.lifecycle import environments
from trustwright.lifecycle.preparation import prepare_environment

pytestmark = pytest.mark.unit

MISSING = ConfigurationError("cannot be opened: No such file", rule="KEY-FILE", where="/k/p.key")


def test_a_prepared_environment_goes_on_without_the_key(world: World) -> None:
    """Nothing is changed, and the audit trail says why."""
    bootstrap(world)
    twist(world.ports, {"provisioner.probe": raising(MISSING)})
    bootstrap(world)
    (line,) = lines_of(world, "trustwright.preparation.skipped")
    assert (line.subject, line.detail) == ("prod", str(MISSING))


def test_a_login_that_only_preparing_needs_counts_as_well(world: World) -> None:
    """Looking needs no login, making does."""
    bootstrap(world)
    twist(world.ports, {"provisioner.prepare": raising(MISSING)})
    environments.claim(world.ports, "prod", world.ports.actor)
    assert prepare_environment(world.ports, "prod") == ()


def test_the_first_preparation_needs_the_key(world: World) -> None:
    """There is nothing to go on with."""
    twist(world.ports, {"provisioner.prepare": raising(MISSING)})
    with pytest.raises(ConfigurationError) as refused:
        bootstrap(world)
    assert refused.value.rule == "KEY-FILE"
    assert environments.record_of(world.ports, "prod").phase == "planned"
    assert lines_of(world, "trustwright.preparation.skipped") == []


@pytest.mark.parametrize("rule", ["KEY-MODE", "KEY-FORM", "VAULT-VERSION"])
def test_any_other_fault_comes_out(world: World, rule: str) -> None:
    """A key that is there and unsafe is no reason to go on."""
    bootstrap(world)
    twist(world.ports, {"provisioner.prepare": raising(ConfigurationError("no", rule=rule))})
    with pytest.raises(ConfigurationError):
        bootstrap(world)


def test_a_run_that_was_taken_over_skips_nothing(world: World) -> None:
    """Without the key as with it: another run holds the environment."""
    bootstrap(world)
    environments.claim(world.ports, "prod", "run-9")
    twist(world.ports, {"provisioner.probe": raising(MISSING)})
    with pytest.raises(ConflictError) as refused:
        prepare_environment(world.ports, "prod")
    assert refused.value.rule == "LOCK-LOST"
