"""The provisioner's key may be kept off the machine after the first preparation."""

from __future__ import annotations

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import Answer, bootstrap, lines_of, raising, straighten, twist
from trustwright.errors import ConfigurationError, ConflictError
from trustwright.lifecycle import environments
from trustwright.lifecycle.preparation import prepare_environment
from trustwright.ports import Capabilities

pytestmark = pytest.mark.unit

MISSING = ConfigurationError("it is not here", rule="KEY-PROVISIONER", where="/k/p.key")


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
    assert refused.value.rule == "KEY-PROVISIONER"
    assert environments.record_of(world.ports, "prod").phase == "planned"
    assert lines_of(world, "trustwright.preparation.skipped") == []


@pytest.mark.parametrize(
    "rule", ["KEY-FILE", "KEY-MODE", "KEY-FORM", "IDENTITY-MISSING", "VAULT-VERSION"]
)
def test_any_other_fault_comes_out(world: World, rule: str) -> None:
    """A key that is there and unsafe, or an identity's that is missing, is no reason to go on."""
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


def vault_of(*absent: str, namespaces: bool) -> Answer:
    """Return a probe's answer: a Vault that lacks some things."""
    found = Capabilities("Vault", "1.18.3", namespaces=namespaces, pagination=False, absent=absent)
    return lambda _honest: found


def test_what_a_server_does_without_is_said_and_no_reason_to_stop(world: World) -> None:
    """One line each in the audit trail, and the environment comes to life."""
    answer = vault_of("pages: they come at once", "dates: a policy forbids them", namespaces=True)
    twist(world.ports, {"provisioner.probe": answer})
    bootstrap(world)
    assert sorted(line.detail for line in lines_of(world, "trustwright.vault.absent")) == [
        "Vault 1.18.3 lacks dates: a policy forbids them",
        "Vault 1.18.3 lacks pages: they come at once",
    ]
    assert environments.record_of(world.ports, "prod").phase == "ready"


def test_an_environment_with_a_namespace_needs_namespaces(world: World) -> None:
    """Refused before anything is made, with what would do."""
    twist(world.ports, {"provisioner.probe": vault_of("namespaces", namespaces=False)})
    with pytest.raises(ConfigurationError) as refused:
        bootstrap(world)
    assert (refused.value.rule, refused.value.where) == (
        "VAULT-ABILITIES",
        "environments.prod.vault.namespace",
    )
    assert refused.value.what == (
        "Vault 1.18.3 at https://127.0.0.1:1 has no namespaces, and the estate names 'prod'"
    )
    assert "leave vault.namespace out" in refused.value.hint
    assert world.ports.vault.mounts == {}


def test_an_environment_in_the_root_namespace_needs_none(world: World) -> None:
    """Vault without Enterprise holds one environment."""
    prod = world.ports.estate.environments["prod"]
    vault = prod.vault.model_copy(update={"namespace": ""})
    alone = {"prod": prod.model_copy(update={"vault": vault})}
    world.ports.estate = world.ports.estate.model_copy(update={"environments": alone})
    twist(world.ports, {"provisioner.probe": vault_of(namespaces=False)})
    bootstrap(world)
    assert environments.record_of(world.ports, "prod").phase == "ready"


def test_a_new_consumer_is_refused_until_the_environment_is_prepared(world: World) -> None:
    """The role lists the estate's consumers: without the provisioner's key it stays as it is."""
    whole = world.ports.estate
    fewer = tuple(each for each in whole.consumers if each.name != "gateway")
    world.ports.estate = whole.model_copy(update={"consumers": fewer})
    bootstrap(world)
    world.ports.estate = whole
    twist(world.ports, {"provisioner.prepare": raising(MISSING)})
    refused = bootstrap(world)["prod/gateway"]
    assert (refused.state, "[VAULT-ROLE]" in refused.problem) == ("failed", True)
    assert bootstrap(world)["prod/billing"].state == "delivered"
    straighten(world.ports)
    assert bootstrap(world)["prod/gateway"].state == "delivered"
