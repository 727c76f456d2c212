"""Two runs and one consumer, answers that fail, folders that cannot be written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.mortal import ProcessDied
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    HOUR,
    bootstrap,
    consumer,
    leave_request,
    lines_of,
    losing,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import (
    ConflictError,
    OutcomeUnknown,
    Rejected,
    TrustwrightError,
    Unavailable,
)
from trustwright.lifecycle.consumers import Served, refuse_held, serve_consumer, serve_consumers
from trustwright.model.records import DeliveryRecord

pytestmark = pytest.mark.unit


@pytest.fixture
def due(world: World) -> World:
    """Return a world whose prod is ready and whose certificates are due."""
    bootstrap(world)
    world.clock.advance(seconds=48 * HOUR)
    return world


def serve(world: World, name: str = "billing") -> Served:
    """Serve one consumer, as the flow does."""
    (served,) = serve_consumers(world.ports, [consumer(world, name)])
    return served


def serve_as(world: World, run: str, name: str = "billing") -> Served:
    """Serve one consumer as another run, honestly."""
    straighten(world.ports)
    before, world.ports.actor = world.ports.actor, run
    try:
        return serve(world, name)
    finally:
        world.ports.actor = before


def row(world: World, name: str = "billing") -> DeliveryRecord:
    """Return the delivery's row."""
    found = world.ports.store.deliveries.get(f"prod/{name}")
    assert found is not None
    return found


def serial_in_place(world: World, name: str = "billing") -> str:
    """Return the serial in a consumer's folder."""
    found = world.ports.targets[f"prod/{name}"].observed()
    assert found is not None
    return found.serial


def states(world: World, name: str = "billing") -> dict[str, str]:
    """Return serial → state."""
    return {each.serial: each.state for each in rows_of(world, name)}


def test_another_run_that_lives_is_not_disturbed(due: World) -> None:
    """A has a certificate signed and not delivered yet; B leaves that consumer alone."""
    due.ports.orchestrator.living.add("run-1")
    others: list[Served] = []

    def slowly(honest: Any, *args: Any, **expected: Any) -> Any:
        others.append(serve_as(due, "run-2"))
        assert (row(due).state, row(due).holder) == ("delivered", "run-1")
        return honest(*args, **expected)

    twist(due.ports, {"target.deliver": slowly})
    assert serve(due).changed
    assert [(each.state, "[LOCK-HELD]" in each.problem) for each in others] == [("failed", True)]
    assert states(due)[serial_in_place(due)] == "valid"
    assert "revoked" not in states(due).values()
    assert (row(due).serial, row(due).problem) == (serial_in_place(due), "")
    assert (row(due).holder, row(due).held_since) == (None, None)


def test_the_others_are_served_beside_one_that_is_held(due: World) -> None:
    """A conflict is that consumer's alone."""
    due.ports.orchestrator.living.add("run-9")
    due.ports.store.deliveries.replace(row(due), holder="run-9", held_since=due.clock.now())
    names = ("billing", "gateway")
    served = serve_consumers(due.ports, [consumer(due, name) for name in names])
    assert [each.changed for each in served] == [False, True]
    assert row(due).holder == "run-9"
    with pytest.raises(Unavailable) as refused:
        refuse_held(served)
    assert refused.value.rule == "CONSUMER-HELD"
    assert "prod/billing" in refused.value.what
    refuse_held(served[1:])


def test_a_run_that_was_taken_over_delivers_nothing(due: World) -> None:
    """B believes A dead, revokes what A signed, and delivers its own; then A goes on."""

    def slowly(honest: Any, *args: Any) -> Any:
        assert serve_as(due, "run-2").changed
        return honest(*args)

    twist(due.ports, {"signer.crl": slowly})
    assert "[LOCK-LOST]" in serve(due).problem
    assert states(due)[serial_in_place(due)] == "valid"
    assert sorted(states(due).values()) == ["revoked", "superseded", "valid"]
    assert (row(due).state, row(due).serial) == ("delivered", serial_in_place(due))


def test_a_run_that_is_taken_over_while_it_writes_changes_nothing(due: World) -> None:
    """B came in the last moment: what it delivered stays, and A's certificate is revoked."""

    def slowly(honest: Any, *args: Any, **expected: Any) -> Any:
        assert serve_as(due, "run-2").changed
        return honest(*args, **expected)

    twist(due.ports, {"target.deliver": slowly})
    assert "[DLV-CONFLICT]" in serve(due).problem
    assert sorted(states(due).values()) == ["revoked", "superseded", "valid"]
    assert states(due)[serial_in_place(due)] == "valid"
    assert (row(due).state, row(due).serial) == ("delivered", serial_in_place(due))
    assert not serve(due).changed


def test_a_run_that_is_taken_over_while_it_refreshes_changes_nothing(due: World) -> None:
    """Its older bundles do not overwrite the newer certificate."""
    assert serve(due).changed
    due.clock.advance(seconds=36 * HOUR)

    def slowly(honest: Any, *args: Any, **expected: Any) -> Any:
        straighten(due.ports)
        due.clock.advance(seconds=12 * HOUR)
        assert serve_as(due, "run-2").changed
        return honest(*args, **expected)

    twist(due.ports, {"target.deliver": slowly})
    assert "[DLV-CONFLICT]" in serve(due).problem
    assert due.ports.targets["prod/billing"].observed() is not None
    assert states(due)[serial_in_place(due)] == "valid"
    assert (row(due).serial, row(due).number) == (serial_in_place(due), 3)


def test_a_certificate_that_was_revoked_meanwhile_is_not_delivered(due: World) -> None:
    """Whoever revoked it: the row is read again right before the delivery."""
    before = serial_in_place(due)

    def slowly(honest: Any, *args: Any) -> Any:
        straighten(due.ports)
        newest = rows_of(due, "billing")[-1]
        due.ports.store.certificates.replace(newest, state="revoked")
        return honest(*args)

    twist(due.ports, {"signer.crl": slowly})
    assert "[CERTIFICATE-STATE]" in serve(due).problem
    assert serial_in_place(due) == before
    assert row(due).holder is None


def test_an_intent_of_a_living_run_is_not_settled(due: World) -> None:
    """It may be waiting for Vault's signature at this moment."""
    twist(due.ports, {"signer.sign": raising(ProcessDied("signer.sign"))})
    with pytest.raises(ProcessDied):
        serve(due)
    straighten(due.ports)
    due.ports.store.deliveries.replace(row(due), holder=None)
    due.ports.orchestrator.living.add("run-1")
    assert "[LOCK-HELD]" in serve_as(due, "run-2").problem
    (intent,) = due.ports.store.intents.find(state="open")
    assert intent.actor == "run-1"
    due.ports.orchestrator.living.discard("run-1")
    assert serve_as(due, "run-2").changed
    assert list(due.ports.store.intents.find(state="open")) == []


def test_a_dead_run_is_taken_over(due: World) -> None:
    """Its row stays held until somebody comes; the audit trail says so."""
    twist(due.ports, {"target.deliver": raising(ProcessDied("target.deliver"))})
    with pytest.raises(ProcessDied):
        serve(due)
    assert row(due).holder == "run-1"
    assert serve_as(due, "run-2").changed
    (line,) = lines_of(due, "trustwright.consumer.taken-over")
    assert (line.subject, line.actor, line.detail) == ("prod/billing", "run-2", "from run-1")
    assert row(due).holder is None


def test_two_that_take_one_consumer_at_once(due: World) -> None:
    """The slower one loses the compare-and-swap and looks again."""

    def slowly(honest: Any, *args: Any, **kwargs: Any) -> Any:
        straighten(due.ports)
        due.ports.orchestrator.living.add("run-2")
        due.ports.store.deliveries.replace(row(due), holder="run-2", held_since=due.clock.now())
        return honest(*args, **kwargs)

    twist(due.ports, {"records.deliveries.replace": slowly})
    with pytest.raises(ConflictError) as refused:
        serve_consumer(due.ports, consumer(due, "billing"))
    assert refused.value.rule == "LOCK-HELD"


@pytest.mark.parametrize(
    "error",
    [
        Rejected("the reload failed", rule="DLV-RELOAD"),
        Unavailable("the disk is full", rule="DLV-SPACE"),
        Unavailable("Vault is sealed", rule="VAULT-SEALED"),
    ],
)
def test_it_is_given_back_after_a_failure(due: World, error: TrustwrightError) -> None:
    """And the failure is in the row."""
    twist(due.ports, {"target.deliver": raising(error)})
    with pytest.raises(type(error)):
        serve_consumer(due.ports, consumer(due, "billing"))
    assert (row(due).holder, row(due).state) == (None, "failed")
    assert row(due).problem == str(error)


@pytest.mark.parametrize(
    "error",
    [Unavailable("sealed", rule="VAULT-SEALED"), OutcomeUnknown("lost", rule="VAULT-UNKNOWN")],
)
def test_a_vault_that_does_not_answer_comes_out_after_the_others(
    due: World, error: TrustwrightError
) -> None:
    """The step's retries fire; whoever could be served is."""
    answered: list[str] = []

    def once(honest: Any, order: Any) -> Any:
        answered.append(order.names[0])
        if len(answered) == 1:
            raise error
        return honest(order)

    twist(due.ports, {"signer.sign": once})
    names = ("billing", "gateway", "collector")
    before = {name: serial_in_place(due, name) for name in names}
    with pytest.raises(type(error)):
        serve_consumers(due.ports, [consumer(due, name) for name in names])
    changed = [name for name in names if serial_in_place(due, name) != before[name]]
    assert changed == ["gateway", "collector"]
    straighten(due.ports)
    assert serve(due).changed


def test_a_full_disk_is_its_consumers_own_matter(due: World) -> None:
    """Waiting does not empty it; the others' step is not repeated for it."""
    due.ports.targets["prod/billing"].broken = Unavailable("full", rule="DLV-SPACE")
    assert serve(due).problem == "full [DLV-SPACE]"


def test_a_folder_that_cannot_be_written_costs_no_certificate(due: World) -> None:
    """However often the run comes by."""
    before = states(due)
    due.ports.targets["prod/billing"].closed = Rejected("read-only", rule="DLV-PERMISSION")
    for _ in range(3):
        assert serve(due).problem == "read-only [DLV-PERMISSION]"
    assert states(due) == before


def test_a_key_that_was_not_delivered_takes_its_certificate_with_it(due: World) -> None:
    """It is revoked at once, by the run that made it."""
    before = serial_in_place(due)
    due.ports.targets["prod/billing"].broken = Rejected("no", rule="DLV-CHECK")
    serve(due)
    found = states(due)
    assert found.pop(before) == "valid"
    assert list(found.values()) == ["revoked"]


def test_one_that_is_in_place_all_the_same_is_not_revoked(due: World) -> None:
    """The delivery failed, and its undoing as well: software reads the new set."""
    before = serial_in_place(due)
    twist(due.ports, {"target.deliver": losing(Rejected("no way back", rule="DLV-IO"))})
    assert serve(due).state == "failed"
    straighten(due.ports)
    assert states(due)[serial_in_place(due)] == "valid"
    assert serial_in_place(due) != before
    assert serve(due).state == "delivered"
    assert states(due) == {before: "superseded", serial_in_place(due): "valid"}


def test_a_hosts_certificate_outlives_a_failed_delivery(due: World) -> None:
    """The host has the key: it waits."""
    leave_request(due)
    serve(due, "ledger")
    assert set(states(due, "ledger").values()) == {"valid"}
    due.ports.targets["prod/ledger"].lose()
    due.ports.targets["prod/ledger"].broken = Rejected("no", rule="DLV-CHECK")
    serve(due, "ledger")
    assert "revoked" not in states(due, "ledger").values()


def test_a_revocation_that_fails_is_made_up_for(due: World) -> None:
    """Vault went away right after the delivery failed: the next run tidies up."""
    due.ports.targets["prod/billing"].broken = Rejected("no", rule="DLV-CHECK")
    twist(due.ports, {"signer.revoke": raising(Unavailable("sealed"))})
    assert serve(due).problem == "no [DLV-CHECK]"
    straighten(due.ports)
    due.ports.targets["prod/billing"].broken = None
    assert serve(due).changed
    assert sorted(states(due).values()) == ["revoked", "superseded", "valid"]
