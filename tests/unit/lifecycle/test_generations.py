"""A generation whose key is lost: noticed before anything is signed in vain, and given up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.world import POLICIES, World, run_bootstrap
from tests.unit.ceremony.folder import CHEAP, PASSPHRASE, signing
from tests.unit.lifecycle.scenes import (
    DAY,
    bootstrap,
    change_consumer,
    dump,
    events_told,
    lines_of,
    raising,
    reach_gate,
    straighten,
    twist,
)
from trustwright.ceremony.founding import Founding, found
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.rootfolder import opened
from trustwright.ceremony.rootpolicy import new_policy
from trustwright.ceremony.sign import sign_request
from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    TransitionRefused,
    TrustwrightError,
    Unavailable,
    VerificationError,
)
from trustwright.lifecycle import environments, gate, introduction, requests
from trustwright.lifecycle.giving_up import give_up_generation
from trustwright.lifecycle.watch import cancel_ceremony
from trustwright.model.ceremony import CeremonyRecord, Request
from trustwright.model.records import EnvironmentPhase, IssuerRecord
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

WHY = "the disk of the server is gone"


def lose_key(world: World, name: str = "prod") -> None:
    """Let Vault forget an environment's keys, as a restored backup from before does."""
    world.ports.vault.mounts[name].keys.clear()


def accept(world: World, waiting: CeremonyRecord) -> gate.Verdict:
    """Hand in the good response."""
    current = gate.ceremony_of(world.ports, waiting.id)
    return gate.consider_response(world.ports, current, world.answer(waiting.request))


def record(world: World) -> tuple[EnvironmentPhase, int]:
    """Return prod's phase and generation."""
    found_record = environments.record_of(world.ports, "prod")
    return found_record.phase, found_record.generation


def issuer(world: World, generation: int = 1) -> IssuerRecord:
    """Return a generation of prod."""
    found_issuer = world.ports.store.issuers.get(f"prod-g{generation}")
    assert found_issuer is not None
    return found_issuer


def states(world: World) -> list[str]:
    """Return the states of prod's ceremonies, oldest first."""
    rows = world.ports.store.ceremonies.find(environment="prod")
    return [row.state for row in sorted(rows, key=lambda row: (row.created, row.state))]


# --- noticed ----------------------------------------------------------------------------------


def test_a_response_over_a_lost_key_is_refused(world: World) -> None:
    """The signature is good, and no import will ever take it: the gate says so and stays shut."""
    waiting = reach_gate(world)
    lose_key(world)
    verdict = accept(world, waiting)
    assert (verdict.accepted, "[KEY-LOST]" in verdict.reason) == (False, True)
    assert "--new-generation" in verdict.reason
    assert states(world) == ["pending"]
    assert events_told(world)[-1] == "ceremony.refused"


def test_a_machine_without_the_rotators_login_leaves_it_to_the_flow(world: World) -> None:
    """The response is accepted there; the flow looks before it imports, and says what is wrong."""
    waiting = reach_gate(world)
    lose_key(world)
    twist(world.ports, {"rotator.keys": raising(ConfigurationError("none", rule="KEY-FILE"))})
    assert accept(world, waiting).accepted
    twist(world.ports, {"rotator.import_intermediate": raising(AssertionError("imported"))})
    with pytest.raises(VerificationError) as lost:
        bootstrap(world)
    assert (lost.value.rule, lost.value.where) == ("KEY-LOST", "prod-g1")
    assert record(world)[0] == "requested"


def test_while_vault_is_down_nothing_is_decided(world: World) -> None:
    """Neither accepted nor refused; afterwards the same response is good."""
    waiting = reach_gate(world)
    before = dump(world.ports.store, without=("audit",))
    world.ports.vault.sealed = True
    for _ in range(3):
        with pytest.raises(Unavailable) as sealed:
            accept(world, waiting)
        assert sealed.value.rule == "VAULT-SEALED"
    assert dump(world.ports.store, without=("audit",)) == before
    assert events_told(world) == ["ceremony.requested", "ceremony.submitted"]
    world.ports.vault.sealed = False
    assert accept(world, waiting).accepted


def test_the_gate_asks_again_when_nothing_could_be_decided(world: World) -> None:
    """With a new number, because Prefect would replay the answer; the form says why."""
    waiting = reach_gate(world)
    gate.ask_again(world.ports, waiting, "Vault is sealed [VAULT-SEALED]")
    found_ceremony = gate.ceremony_of(world.ports, waiting.id)
    assert (found_ceremony.state, found_ceremony.refusals, found_ceremony.refusal) == (
        "pending",
        1,
        "nothing was decided: Vault is sealed [VAULT-SEALED]",
    )
    gate.ask_again(world.ports, waiting, "Vault is sealed [VAULT-SEALED]")
    assert gate.ceremony_of(world.ports, waiting.id) == found_ceremony


def test_a_run_that_comes_back_says_that_the_key_is_lost(world: World) -> None:
    """Before it announces again what would be signed in vain."""
    reach_gate(world)
    lose_key(world)
    with pytest.raises(VerificationError) as lost:
        reach_gate(world)
    assert lost.value.rule == "KEY-LOST"
    assert events_told(world) == ["ceremony.requested"]


def test_a_vault_that_is_down_does_not_end_the_wait(world: World) -> None:
    """The pending request stands; the gate looks again before it accepts."""
    waiting = reach_gate(world)
    world.ports.vault.sealed = True
    assert requests.request_intermediate(world.ports, "prod").id == waiting.id


def test_no_other_key_is_made_under_the_name_of_a_lost_one(world: World) -> None:
    """After the ceremony was cancelled the next run says what is wrong, and makes nothing."""
    waiting = reach_gate(world)
    cancel_ceremony(world.ports, waiting, "the key is lost")
    lose_key(world)
    with pytest.raises(VerificationError) as lost:
        reach_gate(world)
    assert lost.value.rule == "KEY-LOST"
    assert world.ports.vault.mounts["prod"].keys == {}


# --- given up ---------------------------------------------------------------------------------


def test_giving_up_closes_the_ceremony_and_begins_the_next_generation(world: World) -> None:
    """The run is ended, people are told, and the next request says why."""
    world.ports.orchestrator.living = {"run-1"}
    reach_gate(world)
    lose_key(world)
    world.ports.actor = "somebody"
    give_up_generation(world.ports, "prod", f"{WHY}\n# [x](http://evil)")
    assert record(world) == ("prepared", 2)
    assert (states(world), issuer(world).state) == (["cancelled"], "abandoned")
    assert world.ports.orchestrator.living == set()
    assert events_told(world) == [
        "ceremony.requested",
        "ceremony.cancelled",
        "generation.abandoned",
    ]
    told, line = lines_of(world, "trustwright.generation.abandoned")
    assert (told.detail, line.id) == ("told", "given-up/prod-g1")
    assert (line.subject, line.actor) == ("prod-g1", "somebody")
    assert line.detail == f"{WHY} # (x)(http: //evil)"
    world.ports.actor = "run-2"
    world.clock.advance(seconds=60)
    request = Request.parse(reach_gate(world).request.encode())
    assert request.generation == 2
    assert request.reason == f"generation 1 of prod was given up: {line.detail}"
    assert list(world.ports.vault.rotator("prod").keys().values()) == ["prod-g2"]


@pytest.mark.parametrize("phase", ["requested", "signed", "introduced"])
def test_every_phase_before_proven_can_be_given_up(world: World, phase: str) -> None:
    """And the next generation comes to be ready."""
    bring_to(world, phase)
    world.ports.actor = "somebody"
    give_up_generation(world.ports, "prod", WHY)
    assert record(world) == ("prepared", 2)
    world.ports.actor = "run-2"
    world.clock.advance(seconds=60)
    bootstrap(world)
    assert record(world) == ("ready", 2)
    assert [(issuer(world, each).state) for each in (1, 2)] == ["abandoned", "issuing"]


def bring_to(world: World, phase: str) -> None:
    """Bring prod to a phase behind the gate, and let its run die there."""
    waiting = reach_gate(world)
    if phase == "requested":
        return
    assert accept(world, waiting).accepted
    gate.record_signed(world.ports, requests.request_intermediate(world.ports, "prod"))
    if phase == "introduced":
        introduction.introduce_intermediate(world.ports, "prod")


def test_its_anchor_is_in_no_bundle(world: World) -> None:
    """Another environment trusts it, and gets the anchor of a proven generation only."""
    change_consumer(world, "billing", "test", trusts=("test", "prod"))
    bring_to(world, "introduced")
    bootstrap(world, "test")
    held = world.ports.targets["test/billing"]
    anchor = issuer(world).anchor or "none"
    assert held.delivery is not None
    assert anchor not in held.delivery.trust
    give_up_generation(world.ports, "prod", WHY)
    world.ports.actor = "run-2"
    world.clock.advance(seconds=60)
    bootstrap(world)
    assert anchor not in held.delivery.trust
    assert (issuer(world, 2).anchor or "none") in held.delivery.trust


@pytest.mark.parametrize("phase", ["proven", "ready"])
def test_a_proven_generation_is_not_given_up(world: World, phase: EnvironmentPhase) -> None:
    """Certificates hang on it: it is rotated."""
    bootstrap(world)
    found_record = environments.record_of(world.ports, "prod")
    world.ports.store.environments.replace(found_record, phase=phase)
    before = dump(world.ports.store)
    with pytest.raises(TransitionRefused) as refused:
        give_up_generation(world.ports, "prod", WHY)
    assert refused.value.rule == "GENERATION-PROVEN"
    assert dump(world.ports.store) == before


def test_what_was_never_requested_is_not_given_up(world: World) -> None:
    """Also not a second time: the next generation has no key yet."""
    with pytest.raises(ConfigurationError) as unused:
        give_up_generation(world.ports, "prod", WHY)
    assert unused.value.rule == "GENERATION-UNUSED"
    reach_gate(world)
    give_up_generation(world.ports, "prod", WHY)
    with pytest.raises(ConfigurationError) as unused:
        give_up_generation(world.ports, "prod", WHY)
    assert unused.value.rule == "GENERATION-UNUSED"
    assert record(world) == ("prepared", 2)


def test_a_run_that_works_on_it_is_not_disturbed(world: World) -> None:
    """Behind the gate a living run is imported into; a person takes over first."""
    world.ports.orchestrator.living = {"run-1"}
    bring_to(world, "signed")
    with pytest.raises(ConflictError) as held:
        give_up_generation(world.ports, "prod", WHY)
    assert held.value.rule == "LOCK-HELD"
    assert (record(world), issuer(world).state) == (("signed", 1), "signed")
    environments.take_from_holder(world.ports, "prod")
    give_up_generation(world.ports, "prod", WHY)
    assert record(world) == ("prepared", 2)


def test_a_response_at_that_very_moment_counts(world: World) -> None:
    """The person learns that it was accepted and decides again."""
    waiting = reach_gate(world)

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(world.ports)
        assert accept(world, waiting).accepted
        return honest(*args, **kwargs)

    twist(world.ports, {"records.ceremonies.replace": slowly})
    with pytest.raises(ConflictError):
        give_up_generation(world.ports, "prod", WHY)
    assert (states(world), issuer(world).state) == (["accepted"], "requested")


def test_a_run_that_was_believed_dead_introduces_nothing(world: World) -> None:
    """It still holds the environment; the generation under it is gone."""
    bring_to(world, "signed")
    give_up_generation(world.ports, "prod", WHY)
    with pytest.raises(TrustwrightError) as stopped:
        introduction.introduce_intermediate(world.ports, "prod")
    assert stopped.value.rule == "ISSUER-MISSING"
    assert world.ports.vault.mounts["prod"].issuers == {}


def test_a_request_of_a_generation_that_was_given_up_is_closed(world: World) -> None:
    """A run sealed it while the generation was given up: it is not taken for the next one's."""
    waiting = reach_gate(world)
    give_up_generation(world.ports, "prod", WHY)
    reopened = gate.ceremony_of(world.ports, waiting.id)
    world.ports.store.ceremonies.replace(reopened, state="pending", reason=None, closed=None)
    world.ports.actor = "run-2"
    world.clock.advance(seconds=60)
    assert reach_gate(world).generation == 2
    assert states(world) == ["cancelled", "pending"]
    assert gate.ceremony_of(world.ports, waiting.id).reason == "its generation was given up"


# --- the offline half -------------------------------------------------------------------------


@pytest.fixture
def offline(world: World, tmp_path: Path) -> Path:
    """Return the folder of a real root that the world pins instead of its own."""
    folder = tmp_path / "root"
    domains = {name: each.domain for name, each in world.ports.estate.environments.items()}
    founding = Founding(
        policy=new_policy("Example", domains, POLICIES),
        common_name="Example Root CA",
        validity=7300 * DAY,
        key_kind="ec-p384",
        passphrase=PASSPHRASE,
        cost=CHEAP,
    )
    made = found(folder, founding, now=world.clock.now(), openssl=OpenSsl.found())
    world.ports.root_certificate = parse.pem(made)
    pinned = world.ports.estate.root.model_copy(update={"fingerprint": parse.fingerprint(made)})
    world.ports.estate = world.ports.estate.model_copy(update={"root": pinned})
    return folder


def signed_offline(world: World, folder: Path, request: str) -> bytes:
    """Return the real root's response to a request, under all of its rules."""
    with opened(folder, exclusive=True) as root:
        means = signing(root, world.clock.now())
        return sign_request(means, Request.parse(request.encode())).response.canonical()


@pytest.mark.parametrize("first", ["never signed", "signed and lost", "accepted"])
def test_the_root_signs_the_next_generation(world: World, offline: Path, first: str) -> None:
    """Whatever became of the one that was given up, and without a rule being broken."""
    waiting = reach_gate(world)
    if first != "never signed":
        response = signed_offline(world, offline, waiting.request)
        if first == "accepted":
            assert gate.consider_response(world.ports, waiting, response).accepted
    lose_key(world)
    give_up_generation(world.ports, "prod", WHY)
    world.ports.actor = "run-2"
    world.clock.advance(seconds=3600)
    run_bootstrap(world.ports, "prod", lambda text: signed_offline(world, offline, text))
    assert record(world) == ("ready", 2)
    assert states(world)[-1] == "accepted"


def test_a_late_response_of_the_generation_before_is_void(world: World, offline: Path) -> None:
    """It was on its way when its generation was given up."""
    waiting = reach_gate(world)
    response = signed_offline(world, offline, waiting.request)
    give_up_generation(world.ports, "prod", WHY)
    late = gate.ceremony_of(world.ports, waiting.id)
    verdict = gate.consider_response(world.ports, late, response)
    assert verdict.reason == "the ceremony is cancelled [GATE-CLOSED]"
