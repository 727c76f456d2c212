"""Every kind of finding: it opens, is told of once, stays, closes, and opens again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    HOUR,
    bootstrap,
    consumer,
    leave_request,
    raising,
    reach_gate,
    rows_of,
    straighten,
    twist,
)
from tests.unit.lifecycle.strangers import sign_behind_our_back
from tests.unit.lifecycle.test_left_behind import leave
from trustwright.errors import Rejected, VerificationError
from trustwright.lifecycle.consumers import serve_consumers
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.lifecycle.sweep import sweep_estate
from trustwright.model.estate import Severity
from trustwright.model.sweep import BreakerRecord, FindingRecord
from trustwright.policy.findings import CATALOGUE, kinds_of
from trustwright.ports import Bundles

pytestmark = pytest.mark.unit

Step = Callable[[World], object]


def serve(world: World) -> None:
    """Serve every consumer of prod."""
    serve_consumers(world.ports, [consumer(world, name) for name in ("billing", "gateway")])


def wait(seconds: int) -> Step:
    """Return a step in which time passes."""
    return lambda world: world.clock.advance(seconds=seconds)


def intermediate(**changes: int) -> Step:
    """Return a step that changes prod's intermediate in the estate; seconds."""

    def change(world: World) -> None:
        estate = world.ports.estate
        prod = estate.environments["prod"]
        settings = prod.intermediate.model_copy(update=changes)
        changed = prod.model_copy(update={"intermediate": settings})
        environments = {**estate.environments, "prod": changed}
        world.ports.estate = estate.model_copy(update={"environments": environments})

    return change


def break_disk(world: World) -> None:
    """The disk of billing's host is read-only when it has to be served anew."""
    target = world.ports.targets["prod/billing"]
    target.lose()
    target.closed = Rejected("read-only", rule="DLV-PERMISSION")
    serve(world)


def mend_disk(world: World) -> None:
    """Somebody mends it, and it is served."""
    world.ports.targets["prod/billing"].closed = None
    serve(world)


def host_silent(world: World) -> None:
    """The ledger's host has lost its request and its set."""
    target = world.ports.targets["prod/ledger"]
    target.lose()
    target.request = None
    serve_consumers(world.ports, [consumer(world, "ledger")])


def host_asks(world: World) -> None:
    """The host leaves a request."""
    leave_request(world)
    serve_consumers(world.ports, [consumer(world, "ledger")])


def rename(old: str, new: str) -> Step:
    """Return a step that names a consumer otherwise in the estate file."""

    def change(world: World) -> None:
        estate = world.ports.estate
        consumers = tuple(
            each.model_copy(update={"name": new})
            if (each.environment, each.name) == ("prod", old)
            else each
            for each in estate.consumers
        )
        world.ports.estate = estate.model_copy(update={"consumers": consumers})

    return change


def swap_bundle(pem: Callable[[World], str]) -> Step:
    """Return a step in which somebody adds a certificate to billing's trust.pem."""

    def swap(world: World) -> None:
        target = world.ports.targets["prod/billing"]
        assert target.delivery is not None
        target.swapped = Bundles(target.delivery.trust + pem(world), target.delivery.chain)

    return swap


def restore_bundle(world: World) -> None:
    """It is taken out again."""
    world.ports.targets["prod/billing"].swapped = None


def anchor_of_test(world: World) -> str:
    """Return the anchor of an environment that billing does not trust."""
    issuer = world.ports.store.issuers.get("test-g1")
    if issuer is None:
        bootstrap(world, "test")
        issuer = world.ports.store.issuers.get("test-g1")
    assert issuer is not None
    return issuer.anchor or ""


def set_breaker(state: str) -> Step:
    """Return a step that sets billing's breaker."""

    def change(world: World) -> None:
        rows, now = world.ports.store.breakers, world.clock.now()
        found = rows.get("consumer/prod/billing")
        if found is None:
            row = BreakerRecord(
                id="consumer/prod/billing", environment="prod", since=now, updated=now
            )
            found = rows.insert(row)
        rows.replace(found, state=state, problem="five failures in a row")

    return change


def set_phase(phase: str) -> Step:
    """Return a step that sets prod's phase; a day goes by."""

    def change(world: World) -> None:
        record = world.ports.store.environments.get("prod")
        assert record is not None
        world.ports.store.environments.replace(record, phase=phase, updated=world.clock.now())
        world.clock.advance(seconds=DAY)

    return change


def rebuild_crl(world: World) -> None:
    """Vault rebuilds its CRL."""
    world.ports.vault.signer("prod").rotate_crl()


def lose_from_vault(world: World) -> None:
    """Vault comes back from a backup that is older than billing's certificate."""
    (row,) = rows_of(world, "billing", state="valid")
    pem = world.ports.vault.mounts["prod"].certificates.pop(row.serial)
    assert pem == row.pem


def restore_to_vault(world: World) -> None:
    """The certificate is there again."""
    (row,) = rows_of(world, "billing", state="valid")
    world.ports.vault.mounts["prod"].certificates[row.serial] = row.pem


def leave_orphan(world: World) -> None:
    """A run died between signature and record."""
    world.ports.targets["prod/billing"].lose()
    leave(world)
    world.clock.advance(seconds=HOUR)


def settle_orphan(world: World) -> None:
    """The watch revokes it; billing is served."""
    settle_all_left_behind(world.ports, "prod")
    serve(world)


def revoke_stranger(world: World) -> None:
    """A person revokes it and has the CRL rebuilt."""
    signer = world.ports.vault.signer("prod")
    known = {row.serial for row in world.ports.store.certificates.find()}
    for serial in set(signer.serials()) - known:
        signer.revoke(serial)
    signer.rotate_crl()


def half_a_request(world: World) -> None:
    """The test environment waits at the gate until half of the request's time is over."""
    reach_gate(world, "test")
    world.clock.advance(seconds=4 * DAY)


def answer_request(world: World) -> None:
    """The root signs."""
    bootstrap(world, "test")


def seal(*, sealed: bool) -> Step:
    """Return a step that seals or unseals Vault."""

    def change(world: World) -> None:
        world.ports.vault.sealed = sealed

    return change


def scramble_list(world: World) -> None:
    """Vault's list comes in no order."""
    twist(
        world.ports, {"signer.serials": raising(VerificationError("no order", rule="LIST-ORDER"))}
    )


@dataclass(frozen=True)
class Scene:
    """What brings a finding about and what makes it go.

    Attributes:
        subject: of the finding.
        again: it can come about once more in the same world.
    """

    cause: Step
    cure: Step | None
    subject: str
    severity: Severity = "warning"
    environment: str = "prod"
    again: bool = True


SCENES: dict[str, Scene] = {
    "certificate-late": Scene(wait(60 * HOUR + 60), serve, "billing"),
    "certificate-expired": Scene(wait(73 * HOUR), serve, "billing", "critical"),
    "certificate-rogue": Scene(sign_behind_our_back, revoke_stranger, "*", "critical", again=False),
    "certificate-orphan": Scene(leave_orphan, settle_orphan, "*", "info", again=False),
    "certificate-missing": Scene(lose_from_vault, restore_to_vault, "*"),
    "consumer-failed": Scene(break_disk, mend_disk, "billing", "critical"),
    "consumer-waiting": Scene(host_silent, host_asks, "ledger", "info"),
    "consumer-surplus": Scene(
        rename("billing", "another"), rename("another", "billing"), "billing", "info"
    ),
    "set-drifted": Scene(
        lambda world: world.ports.targets["prod/billing"].disturb(drift="key.pem is 0644"),
        lambda world: world.ports.targets["prod/billing"].disturb(drift=""),
        "billing",
    ),
    "bundle-root": Scene(
        swap_bundle(lambda world: world.root.pem), restore_bundle, "billing", "critical"
    ),
    "anchor-differs": Scene(swap_bundle(anchor_of_test), restore_bundle, "billing", "critical"),
    "breaker-open": Scene(set_breaker("open"), set_breaker("closed"), "consumer/billing"),
    "environment-unfinished": Scene(set_phase("introduced"), set_phase("ready"), "prod", "info"),
    "crl-stale": Scene(wait(40 * HOUR), rebuild_crl, "prod-g1"),
    "rotation-due": Scene(
        intermediate(ceremony_lead=720 * DAY), intermediate(ceremony_lead=14 * DAY), "prod-g1"
    ),
    "issuer-horizon": Scene(
        intermediate(overlap=728 * DAY), intermediate(overlap=14 * DAY), "prod-g1"
    ),
    "issuer-expiring": Scene(wait(728 * DAY), None, "prod-g1", again=False),
    "root-horizon": Scene(
        intermediate(validity=7299 * DAY), intermediate(validity=730 * DAY), "root", environment=""
    ),
    "root-expiring": Scene(
        intermediate(validity=7301 * DAY), intermediate(validity=730 * DAY), "root", environment=""
    ),
    "root-crl-due": Scene(
        intermediate(ceremony_lead=200 * DAY),
        intermediate(ceremony_lead=14 * DAY),
        "root",
        environment="",
    ),
    "ceremony-overdue": Scene(half_a_request, answer_request, "*", environment="test", again=False),
    "vault-unreachable": Scene(seal(sealed=True), seal(sealed=False), "prod"),
    "sweep-blind": Scene(scramble_list, lambda world: straighten(world.ports), "vault"),
}


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose hosts have all asked."""
    leave_request(world)
    bootstrap(world)
    world.ports.chat.told.clear()
    return world


def found(world: World, kind: str, scene: Scene) -> FindingRecord | None:
    """Return the finding of a scene."""
    rows = world.ports.store.findings.find(kind=kind, environment=scene.environment)
    every = [row for row in rows if scene.subject in {"*", row.subject}]
    assert len(every) <= 1
    return every[0] if every else None


def told(world: World, row: FindingRecord) -> list[tuple[str, Severity]]:
    """Return the messages that tell of a finding."""
    return [
        (notice.event, notice.severity)
        for notice in world.ports.chat.told
        if row.summary[:60] in notice.body
    ]


def sweep(world: World) -> None:
    """Sweep everything; some time goes by before the next one."""
    assert sweep_estate(world.ports).ended is not None
    world.clock.advance(seconds=120)


def test_every_kind_of_the_catalogue_has_a_scene() -> None:
    """What is served has tests of its own."""
    assert set(SCENES) == set(CATALOGUE) - kinds_of("endpoints")


@pytest.mark.parametrize("kind", SCENES)
def test_the_life_of_a_finding(ready: World, kind: str) -> None:
    """Opened by the first sweep that sees it, told of once, closed when it is gone, reopened."""
    scene = SCENES[kind]
    sweep(ready)
    assert found(ready, kind, scene) is None
    scene.cause(ready)
    sweep(ready)
    opened = expect_open(ready, kind, scene, times=1)
    messages = told(ready, opened)
    assert len(messages) == 1
    sweep(ready)
    stayed = expect_open(ready, kind, scene, times=1)
    assert (stayed.opened, stayed.told, stayed.emitted) == (opened.opened, opened.told, opened.told)
    assert stayed.seen > opened.seen
    assert told(ready, opened) == messages
    if scene.cure is not None:
        scene.cure(ready)
        sweep(ready)
        expect_closed(ready, kind, scene)
    if scene.again:
        scene.cause(ready)
        sweep(ready)
        expect_open(ready, kind, scene, times=2)


def expect_open(world: World, kind: str, scene: Scene, *, times: int) -> FindingRecord:
    """Return the finding, which is open and told of."""
    row = found(world, kind, scene)
    assert row is not None
    assert (row.state, row.severity, row.times) == ("open", scene.severity, times)
    assert row.told == row.emitted == row.opened
    assert row.closed is None
    return row


def expect_closed(world: World, kind: str, scene: Scene) -> None:
    """The finding is closed, people and flows know it, and another sweep changes nothing."""
    row = found(world, kind, scene)
    assert row is not None
    assert (row.state, row.times) == ("closed", 1)
    assert row.closed == row.told == row.emitted
    assert any(row.summary[:60] in each for each in gone(world))
    rung = world.ports.doorbell.emitted
    events = [each.name for each in rung if each.payload.get("id") == row.id]
    assert events == ["trustwright.finding.opened", "trustwright.finding.closed"]
    sweep(world)
    assert found(world, kind, scene) == row


def gone(world: World) -> list[str]:
    """Return what the messages list as gone."""
    return [
        notice.body.partition("Gone:")[2]
        for notice in world.ports.chat.told
        if "Gone:" in notice.body
    ]


def test_a_healthy_estate_has_no_finding(ready: World) -> None:
    """Nothing is made up: right after a bootstrap there is nothing to say."""
    record = sweep_estate(ready.ports)
    assert list(ready.ports.store.findings.find()) == []
    assert (record.due, record.opened, record.closed, record.problems) == (0, 0, 0, ())
    assert ready.ports.chat.told == []
