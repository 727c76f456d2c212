"""The process dies at every call while something is settled, closed, refused or given up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.world import World
from tests.unit.ceremony.forge import parts_of
from tests.unit.lifecycle.scenes import (
    DAY,
    HOUR,
    Twisted,
    bootstrap,
    consumer,
    events_told,
    reach_gate,
    rows_of,
    straighten,
)
from tests.unit.lifecycle.test_left_behind import arrive, delay_request, leave, listed, serve
from tests.unit.lifecycle.test_lying_vault import for_another_key, key_of
from trustwright.errors import TrustwrightError
from trustwright.ids import serial_text
from trustwright.lifecycle import environments
from trustwright.lifecycle.consumers import serve_consumer
from trustwright.lifecycle.giving_up import give_up_generation
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.lifecycle.watch import cancel_ceremony, watch_ceremonies
from trustwright.ports import SignOrder
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

Step = Callable[[World], object]


@dataclass(frozen=True)
class Scene:
    """What is begun, what dies, what makes it good, and how that shows.

    Attributes:
        answers: calls that answer something else while it dies; keyed like ``signer.sign``.
    """

    prepare: Step
    act: Step
    again: Step
    check: Callable[[World, str], None]
    answers: Callable[[World], dict[str, Any]] = lambda _world: {}


def settle(world: World) -> None:
    """Do what the watch does."""
    settle_all_left_behind(world.ports, "prod")


def explained(world: World, when: str) -> None:
    """Every serial is in the inventory, every intent has ended, and what is revoked is listed."""
    intents = {row.state for row in world.ports.store.intents.find()}
    assert intents <= {"done", "abandoned"}, when
    recorded = {row.serial for row in world.ports.store.certificates.find()}
    assert set(world.ports.vault.signer("prod").serials()) <= recorded, when
    revoked = {row.serial for row in world.ports.store.certificates.find(state="revoked")}
    crls = [parse.crl(each) for each in world.ports.vault.mounts["prod"].crls.values()]
    assert {serial_text(each.serial_number) for crl in crls for each in crl} == revoked, when
    for name in ("billing", "gateway", "collector"):
        observed = world.ports.targets[f"prod/{name}"].observed()
        valid = [row.serial for row in rows_of(world, name, state="valid")]
        assert observed is not None, when
        assert valid == [observed.serial], when


# --- scenes -----------------------------------------------------------------------------------


def late_certificate(world: World) -> None:
    """A request arrived after its slot was given free and served."""
    bootstrap(world)
    world.ports.targets["prod/billing"].lose()
    order = delay_request(world)
    assert serve(world).changed
    world.clock.advance(seconds=60)
    arrive(world, order)


def leftovers(world: World) -> None:
    """A run died between signature and record; nobody orders for it again."""
    bootstrap(world)
    world.ports.targets["prod/billing"].lose()
    leave(world)
    world.clock.advance(seconds=HOUR)


def leftovers_explained(world: World, when: str) -> None:
    """The orphan is revoked; the consumer is served by the next run."""
    world.ports.actor = "run-3"
    assert serve(world).changed, when
    explained(world, when)


def revoke_gateway(world: World) -> None:
    """Revoke what the gateway holds."""
    (row,) = [each for each in rows_of(world, "gateway") if each.state != "superseded"]
    revoke_certificate(world.ports, row, "by a person")


def gateway_is_revoked(world: World, when: str) -> None:
    """Recorded and listed, and the announcement has ended."""
    (row,) = rows_of(world, "gateway")
    assert (row.state, row.serial in listed(world)) == ("revoked", True), when
    assert [each.state for each in world.ports.store.intents.find(kind="revoke")] == ["done"] * 2


def needs_one(world: World) -> None:
    """The billing service needs a new certificate."""
    bootstrap(world)
    world.ports.targets["prod/billing"].lose()


def lies(world: World) -> dict[str, Any]:
    """Let Vault sign, store and return something over another key."""

    def sign(honest: Any, order: SignOrder) -> str:
        pem = honest(order)
        forged = for_another_key(parts_of(pem, key_of(world))).pem()
        stored = world.ports.vault.mounts["prod"].certificates
        stored[serial_text(parse.certificate(pem).serial_number)] = forged
        return forged

    return {"signer.sign": sign}


def serve_billing(world: World) -> None:
    """Serve the billing service; what the lie breaks is not the scene's."""
    with suppress(TrustwrightError):
        serve_consumer(world.ports, consumer(world, "billing"))


def serve_honestly(world: World) -> None:
    """Another run serves it, and the watch looks when every doubt is over."""
    world.ports.actor = "run-2"
    bootstrap(world)
    world.clock.advance(seconds=HOUR)
    settle(world)


def lie_is_explained(world: World, when: str) -> None:
    """What was written on an intent is revoked, and people heard of it; the rest is served."""
    kept = [row for row in rows_of(world, "billing") if row.names and row.state == "refused"]
    assert kept == [], when
    known = {row.serial for row in world.ports.store.certificates.find()}
    forged = set(world.ports.vault.signer("prod").serials()) - known
    # What Vault returned to a process that died before it wrote it down is the sweep's to find.
    assert len(forged) <= ("signer.sign" in when or "intents.replace" in when), when
    if len(rows_of(world, "billing", state="revoked")) == 1:
        assert "certificate.refused" in events_told(world), when


def waiting(world: World) -> None:
    """A run waits at the gate and is alive."""
    world.ports.orchestrator.living = {"run-1"}
    reach_gate(world)


def expired(world: World) -> None:
    """Nobody signed in time."""
    waiting(world)
    world.clock.advance(seconds=7 * DAY)


def watch(world: World) -> None:
    """Look after the ceremonies."""
    watch_ceremonies(world.ports)


def cancel(world: World) -> None:
    """A person cancels the ceremony, or finishes what was begun."""
    states = ("pending", "cancelling")
    rows = world.ports.store.ceremonies.find()
    for row in [each for each in rows if each.state in states]:
        cancel_ceremony(world.ports, row, "wrong domain")


def closed(state: str) -> Callable[[World, str], None]:
    """Return a check that the ceremony is closed, told, and its run and environment free."""

    def check(world: World, when: str) -> None:
        assert [row.state for row in world.ports.store.ceremonies.find()] == [state], when
        assert f"ceremony.{state}" in events_told(world), when
        assert environments.record_of(world.ports, "prod").holder is None, when
        assert world.ports.orchestrator.living == set(), when

    return check


def lost(world: World) -> None:
    """The key is lost while the run waits at the gate."""
    waiting(world)
    world.ports.vault.mounts["prod"].keys.clear()


def give_up(world: World) -> None:
    """A person gives the generation up."""
    give_up_generation(world.ports, "prod", "the key is lost")


def give_up_and_go_on(world: World) -> None:
    """The person repeats the command where it did not come to an end; the flow goes on."""
    if environments.record_of(world.ports, "prod").generation == 1:
        give_up(world)
    world.ports.actor = "run-2"
    bootstrap(world)


def next_generation(world: World, when: str) -> None:
    """Generation 2 is ready, generation 1 is abandoned, and people heard of all of it."""
    record = environments.record_of(world.ports, "prod")
    assert (record.phase, record.generation, record.holder) == ("ready", 2, None), when
    issuers = {row.id: row.state for row in world.ports.store.issuers.find()}
    assert issuers == {"prod-g1": "abandoned", "prod-g2": "issuing"}, when
    states = sorted(row.state for row in world.ports.store.ceremonies.find())
    assert states == ["accepted", "cancelled"], when
    assert {"ceremony.cancelled", "generation.abandoned"} <= set(events_told(world)), when
    explained(world, when)


SCENES = {
    "a late certificate": Scene(late_certificate, settle, settle, explained),
    "what a dead run left": Scene(leftovers, settle, settle, leftovers_explained),
    "a revocation": Scene(bootstrap, revoke_gateway, revoke_gateway, gateway_is_revoked),
    "a lie": Scene(needs_one, serve_billing, serve_honestly, lie_is_explained, lies),
    "an expiry": Scene(expired, watch, watch, closed("expired")),
    "a cancelling": Scene(waiting, cancel, cancel, closed("cancelled")),
    "a lost key": Scene(lost, give_up, give_up_and_go_on, next_generation),
}


def scene_in(folder: Path, scene: Scene) -> World:
    """Return a world in which a scene is prepared."""
    world = World(folder)
    scene.prepare(world)
    return world


def begin(world: World, scene: Scene, mortal: Mortal) -> None:
    """Act while some calls lie and the process may die at any of them."""
    lying = Twisted(scene.answers(world))
    world.ports.through = lambda name, part: mortal(name, lying(name, part))
    scene.act(world)


def dies(world: World, scene: Scene, mortal: Mortal) -> bool:
    """Return whether the process died before the act was over; serials order some calls."""
    try:
        begin(world, scene, mortal)
    except ProcessDied:
        return True
    return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", SCENES)
def test_death_at_every_call(tmp_path: Path, name: str, moment: Literal["before", "after"]) -> None:
    """Whatever call the process dies at, doing it again converges."""
    scene = SCENES[name]
    for number in count(1):
        world = scene_in(tmp_path / str(number), scene)
        mortal = Mortal(last=number, moment=moment)
        if not dies(world, scene, mortal):
            assert number > 5
            break
        straighten(world.ports)
        world.clock.advance(seconds=60)
        scene.again(world)
        scene.check(world, f"{name}: {moment} call {number}, {mortal.calls[-1]}")


@pytest.mark.parametrize("name", SCENES)
def test_done_twice_is_done_once(tmp_path: Path, name: str) -> None:
    """Nobody dies: the second time finds nothing to do, and the same holds."""
    scene = SCENES[name]
    world = scene_in(tmp_path, scene)
    begin(world, scene, Mortal())
    straighten(world.ports)
    told = len(world.ports.chat.told)
    scene.again(world)
    scene.check(world, name)
    assert len(world.ports.chat.told) == told or name in {"a lie", "a lost key"}
