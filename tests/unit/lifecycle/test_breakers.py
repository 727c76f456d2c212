"""A broken consumer or role costs few signatures, and heals by itself or by a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.world import World, run_bootstrap
from tests.unit.lifecycle.scenes import (
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    events_told,
    leave_request,
    lines_of,
    prepare_again,
    raising,
    rows_of,
    straighten,
    twist,
)
from tests.unit.lifecycle.test_renewal import renew
from trustwright.errors import Denied, OutcomeUnknown, PolicyViolation, Rejected, Unavailable
from trustwright.lifecycle.breakers import close_breakers
from trustwright.lifecycle.consumers import serve_consumer, serve_consumers
from trustwright.lifecycle.renewal import due_consumers
from trustwright.model.records import DeliveryRecord
from trustwright.model.sweep import BreakerRecord
from trustwright.policy.breaker import BREAKER_OPEN

pytestmark = pytest.mark.unit

BROKEN = Rejected("the reload failed", rule="DLV-RELOAD")
MINUTES = 60
CONSUMER = "consumer/prod/billing"
ROLE = "role/prod/server"


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose managed consumers are due."""
    return made_due(world)


def made_due(world: World) -> World:
    """Let certificates come due, with CRLs that are fresh: nothing else is to be delivered."""
    bootstrap(world)
    world.clock.advance(seconds=37 * HOUR)
    renew(world, run="run-0")
    world.clock.advance(seconds=12 * HOUR)
    assert {due.reason for due in due_consumers(world.ports, "prod")} == {"expiring"}
    world.ports.chat.told.clear()
    return world


def breaker(world: World, key: str = CONSUMER) -> BreakerRecord:
    """Return a breaker."""
    found = world.ports.store.breakers.get(key)
    assert found is not None
    return found


def delivery_row(world: World) -> DeliveryRecord:
    """Return the row of billing's delivery."""
    found = world.ports.store.deliveries.get("prod/billing")
    assert found is not None
    return found


def break_reload(world: World, failures: int = 3) -> None:
    """Let billing fail that often."""
    world.ports.target(consumer(world, "billing"))
    world.ports.targets["prod/billing"].broken = BROKEN
    for number in range(failures):
        assert renew(world, "billing", run=f"failing-{number}") == {"billing": "failed"}


def signed(world: World, name: str = "billing") -> int:
    """Return how many certificates were signed for a consumer."""
    return len(rows_of(world, name))


def test_three_failures_open_it(ready: World) -> None:
    """The fourth run signs nothing and runs no hook; the row still says what failed."""
    break_reload(ready)
    target = ready.ports.targets["prod/billing"]
    before = (signed(ready), len(target.attempts))
    row = delivery_row(ready)
    assert renew(ready, "billing", run="run-4") == {"billing": BREAKER_OPEN}
    assert (signed(ready), len(target.attempts)) == before
    assert before[0] == 1 + 3
    after = delivery_row(ready)
    assert (after.state, after.problem) == ("failed", str(BROKEN))
    assert after.failing_since == row.failing_since
    found = breaker(ready)
    assert (found.state, found.failures, found.opened) == ("open", 3, ready.clock.now())
    assert found.problem == str(BROKEN)


def test_what_is_said_when_it_opens(ready: World) -> None:
    """Once, with the cause, the time of the trial and the command; failures are not told again."""
    break_reload(ready)
    renew(ready, "billing", run="run-4")
    assert events_told(ready) == ["consumer.failed", "breaker.opened"]
    notice = ready.ports.chat.told[1]
    assert (notice.severity, notice.title) == (
        "warning",
        "prod/billing: the consumer's breaker is open",
    )
    assert notice.body == (
        "Problem: the reload failed (DLV-RELOAD)\n"
        "Failures in a row: 3\n"
        "Orders since 2026-11-25 13:00 UTC: 3\n"
        "No certificate is ordered before 2026-11-25 14:30 UTC; then one is, as a trial.\n"
        "Sets that need no new certificate are still kept fresh.\n"
        "When the cause is mended:\n"
        "\n"
        "    trustwright renew prod --consumer billing --close-breaker\n"
    )
    with pytest.raises(PolicyViolation) as refused:
        serve_consumer(ready.ports, consumer(ready, "billing"))
    assert str(refused.value) == (
        "consumer/prod/billing: no certificate is ordered before 2026-11-25 14:30 UTC: "
        "the reload failed [DLV-RELOAD] [BREAKER-OPEN] → mend the cause, then run: "
        "trustwright renew prod --consumer billing --close-breaker"
    )


def test_one_trial_after_the_wait_then_twice_the_wait(ready: World) -> None:
    """90 minutes, three hours, six, twelve, and twelve again: a renewal is due for 24 hours."""
    break_reload(ready)
    for wait in (90, 180, 360, 720, 720, 720):
        ready.clock.advance(seconds=wait * MINUTES - 1)
        before = signed(ready)
        renew(ready, "billing", run=f"early-{wait}")
        assert signed(ready) == before
        ready.clock.advance(seconds=1)
        assert renew(ready, "billing", run=f"trial-{wait}") == {"billing": "failed"}
        renew(ready, "billing", run=f"after-{wait}")
        assert signed(ready) == before + 1
    assert events_told(ready) == ["consumer.failed", "breaker.opened"]


def test_a_trial_that_goes_well_closes_it(ready: World) -> None:
    """People are told once; three failures are needed to open it again."""
    break_reload(ready)
    ready.ports.targets["prod/billing"].broken = None
    ready.clock.advance(seconds=90 * MINUTES)
    assert renew(ready, "billing", run="trial") == {"billing": "new set"}
    assert events_told(ready) == [
        "consumer.failed", "breaker.opened", "breaker.closed", "consumers.renewed"
    ]  # fmt: skip
    found = breaker(ready)
    assert (found.state, found.failures, found.opened, found.retry_at, found.problem) == (
        "closed", 0, None, None, ""
    )  # fmt: skip
    states = [row.state for row in rows_of(ready, "billing")]
    assert sorted(states) == ["revoked"] * 3 + ["superseded", "valid"]


def test_a_bootstrap_is_guarded_as_well(world: World) -> None:
    """Every way to a certificate for a consumer passes its breaker."""
    world.ports.target(consumer(world, "billing"))
    world.ports.targets["prod/billing"].broken = BROKEN
    for _ in range(3):
        run_bootstrap(world.ports, "prod", world.answer)
    assert signed(world) == 3
    served = bootstrap(world)
    assert served["prod/billing"].rule == BREAKER_OPEN
    assert served["prod/gateway"].state == "delivered"
    assert signed(world) == 3


def test_a_person_closes_it(ready: World) -> None:
    """The person's name is in the audit trail; the next run orders at once."""
    break_reload(ready)
    ready.ports.targets["prod/billing"].broken = None
    ready.ports.actor = "alice"
    assert close_breakers(ready.ports, consumer(ready, "billing")) == [CONSUMER]
    lines = {line.subject: line for line in lines_of(ready, "trustwright.breaker.reset")}
    assert set(lines) == {CONSUMER, ROLE}
    assert lines[CONSUMER].actor == "alice"
    assert lines[CONSUMER].detail == "open, 3 failures in a row, 3 orders"
    assert (breaker(ready).state, breaker(ready).issued) == ("closed", 0)
    assert close_breakers(ready.ports, consumer(ready, "billing")) == []
    assert renew(ready, "billing", run="run-9") == {"billing": "new set"}


def test_a_set_is_kept_fresh_behind_an_open_breaker(world: World) -> None:
    """New CRLs beside the same key cost no signature; the failure stays on record."""
    bootstrap(world)
    world.clock.advance(seconds=49 * HOUR)
    target = world.ports.targets["prod/billing"]
    target.unfit = Rejected("not well", rule="DLV-CHECK")
    for number in range(3):
        renew(world, "billing", run=f"run-{number}")
    target.unfit = None
    before, row = target.delivery, delivery_row(world)
    assert before is not None
    assert row.crl_due is not None
    assert row.crl_due <= world.clock.now()
    world.clock.advance(seconds=60)
    assert renew(world, "billing", run="run-4") == {"billing": BREAKER_OPEN}
    held, after = target.delivery, delivery_row(world)
    assert held is not None
    assert (held.certificate, held.key) == (before.certificate, before.key)
    assert held.crl != before.crl
    assert after.crl_due is not None
    assert after.crl_due > world.clock.now()
    assert (after.state, after.problem) == ("failed", "not well [DLV-CHECK]")
    assert after.failing_since == row.failing_since
    assert signed(world) == 1 + 3


def test_others_are_not_touched(ready: World) -> None:
    """The role's breaker stays closed: its order went well each time."""
    break_reload(ready)
    assert breaker(ready, ROLE).state == "closed"
    assert breaker(ready, ROLE).failures == 0
    assert renew(ready, run="run-4") == {"billing": BREAKER_OPEN, "gateway": "new set"}


REFUSALS = {
    "rejected": Rejected("role takes no such key", rule="VAULT-REJECTED"),
    "denied": Denied("permission denied", rule="VAULT-DENIED"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_vault_refuses_counts_for_the_role(ready: World, refusal: str) -> None:
    """Five in a row, of whichever consumer: then Vault is not asked until the trial."""
    asked: list[str] = []

    def refusing(_honest: Any, order: Any) -> Any:
        asked.append(order.role)
        raise REFUSALS[refusal]

    twist(ready.ports, {"signer.sign": refusing})
    change_consumer(ready, "gateway", role="server")
    for number in range(4):
        renew(ready, "billing", "gateway", run=f"run-{number}")
    assert asked == ["server"] * 5
    assert breaker(ready, ROLE).state == "open"
    assert events_told(ready).count("breaker.opened") == 1
    assert ready.ports.chat.told[-1].severity == "critical"
    for name in ("billing", "gateway"):
        found = breaker(ready, f"consumer/prod/{name}")
        assert (found.state, found.failures) == ("closed", 0)
    straighten(ready.ports)
    prepare_again(ready)
    ready.clock.advance(seconds=90 * MINUTES)
    assert renew(ready, "billing", run="trial") == {"billing": "new set"}
    assert breaker(ready, ROLE).state == "closed"


def test_a_consumer_that_its_role_does_not_list_closes_no_door(ready: World) -> None:
    """It came into the estate file and nothing was applied: the others are renewed all the same."""
    estate = ready.ports.estate
    added = consumer(ready, "billing").model_copy(
        update={"name": "newcomer", "names": ("newcomer.prod.example.internal",)}
    )
    ready.ports.estate = estate.model_copy(update={"consumers": (*estate.consumers, added)})
    for number in range(9):
        assert renew(ready, "newcomer", run=f"run-{number}") == {"newcomer": "failed"}
    row = ready.ports.store.deliveries.get("prod/newcomer")
    assert row is not None
    assert "[VAULT-ROLE]" in row.problem
    for key in (ROLE, "consumer/prod/newcomer"):
        found = breaker(ready, key)
        assert (found.state, found.failures, found.issued) == ("closed", 0, 0)
    assert renew(ready, run="run-10") == {
        "billing": "new set",
        "gateway": "new set",
        "newcomer": "failed",
    }
    prepare_again(ready)
    assert renew(ready, run="run-11") == {"newcomer": "new set"}


def test_a_role_that_is_written_anew_is_tried_at_once(ready: World) -> None:
    """Whoever changed the estate and applied it need not wait."""
    twist(ready.ports, {"signer.sign": raising(REFUSALS["rejected"])})
    for number in range(6):
        renew(ready, "billing", run=f"run-{number}")
    straighten(ready.ports)
    assert breaker(ready, ROLE).state == "open"
    ready.ports.actor = "run-1"
    run_bootstrap(ready.ports, "prod", ready.answer)
    assert breaker(ready, ROLE).state == "open"  # nothing had to be changed
    estate = ready.ports.estate
    server = estate.environments["prod"].roles["server"].model_copy(update={"ttl": 71 * HOUR})
    roles = {**estate.environments["prod"].roles, "server": server}
    changed = estate.environments["prod"].model_copy(update={"roles": roles})
    environments = {**estate.environments, "prod": changed}
    ready.ports.estate = estate.model_copy(update={"environments": environments})
    run_bootstrap(ready.ports, "prod", ready.answer)
    assert breaker(ready, ROLE).state == "closed"
    assert signed(ready) == 2


def test_a_certificate_that_lies_counts_for_the_role(ready: World) -> None:
    """Vault cut it short: it is refused, revoked, and after five of them nothing is ordered."""

    def short(honest: Any, order: Any) -> Any:
        return honest(type(order)(**{**order.__dict__, "ttl": order.ttl - 4 * MINUTES}))

    estate = ready.ports.estate
    quick = (
        estate.environments["prod"]
        .roles["server"]
        .model_copy(update={"ttl": 10 * MINUTES, "renew_before": 5 * MINUTES})
    )
    roles = {**estate.environments["prod"].roles, "server": quick}
    prod = estate.environments["prod"].model_copy(update={"roles": roles})
    ready.ports.estate = estate.model_copy(
        update={"environments": {**estate.environments, "prod": prod}}
    )
    prepare_again(ready)
    twist(ready.ports, {"signer.sign": short})
    for number in range(7):
        found = renew(ready, "billing", run=f"run-{number}")
        assert found == {"billing": "failed" if number < 5 else BREAKER_OPEN}
    assert [row.state for row in rows_of(ready, "billing")].count("refused") == 0
    problem = breaker(ready, ROLE).problem
    assert "so soon that it is due at once [ISSUANCE-FLOOR]" in problem


def test_an_unknown_outcome_is_an_order_and_no_failure(ready: World) -> None:
    """Vault may have signed: the budget counts it, the breaker does not open over it."""
    lost = OutcomeUnknown("the connection died", rule="VAULT-LOST")
    twist(ready.ports, {"signer.sign": raising(lost)})
    for number in range(4):
        with pytest.raises(OutcomeUnknown):
            renew(ready, "billing", run=f"run-{number}")
    found = breaker(ready)
    assert (found.state, found.failures, found.issued) == ("closed", 0, 4)


def test_a_consumer_that_is_served_all_the_time_uses_up_its_budget(ready: World) -> None:
    """Somebody empties its folder: eight certificates in twelve hours, then it waits."""
    found: list[str] = []
    for number in range(12):
        ready.ports.targets["prod/billing"].lose()
        found += renew(ready, "billing", run=f"run-{number}").values()
        ready.clock.advance(seconds=60)
    assert found == ["new set"] * 8 + [BREAKER_OPEN] * 4
    assert events_told(ready).count("breaker.opened") == 1
    record = breaker(ready)
    assert record.problem == "8 certificates were ordered since 2026-11-25 13:00"
    assert record.retry_at == record.since + timedelta(hours=12)
    left = (record.retry_at - ready.clock.now()).total_seconds()
    ready.clock.advance(seconds=int(left))
    assert renew(ready, "billing", run="run-20") == {"billing": "new set"}
    assert breaker(ready).state == "closed"


def test_one_that_vault_refuses_does_not_take_the_trials_of_its_role(ready: World) -> None:
    """Its certificate ended first, so it would be first each time, until the healthy one ends."""
    estate = ready.ports.estate
    shop = consumer(ready, "billing").model_copy(
        update={"name": "shop", "names": ("shop.prod.example.internal",)}
    )
    ready.ports.estate = estate.model_copy(update={"consumers": (*estate.consumers, shop)})
    prepare_again(ready)
    assert renew(ready, "shop", run="first") == {"shop": "new set"}
    (served,) = rows_of(ready, "shop")

    def refusing(honest: Any, order: Any) -> Any:
        if any("spiffe://prod.example.internal/server/billing" in each for each in order.uris):
            raise REFUSALS["rejected"]
        return honest(order)

    twist(ready.ports, {"signer.sign": refusing})
    for number in range(71):
        renew(ready, run=f"sweep-{number}")
        ready.clock.advance(seconds=HOUR)
    assert ready.clock.now() < served.not_after
    assert signed(ready) == 1
    assert len(rows_of(ready, "shop")) == 2


def test_a_fleet_that_cannot_reload_stops_at_its_roles_budget(ready: World) -> None:
    """Their breakers alone would let more through; twelve hours later they heal, in time."""
    estate, first = ready.ports.estate, consumer(ready, "billing")
    fleet = tuple(
        first.model_copy(
            update={"name": f"shop-{number}", "names": (f"shop-{number}.prod.example.internal",)}
        )
        for number in range(16)
    )
    ready.ports.estate = estate.model_copy(update={"consumers": (*estate.consumers, *fleet)})
    prepare_again(ready)
    names = [each.name for each in fleet]
    for each in fleet:
        ready.ports.target(each)
        ready.ports.targets[f"prod/{each.name}"].broken = BROKEN
    began = ready.clock.now()
    for number in range(12):
        renew(ready, *names, run=f"run-{number}")
        ready.clock.advance(seconds=30 * MINUTES)
    # Twenty, and three for each of eighteen consumers; sixteen times five would be more.
    assert breaker(ready, ROLE).problem == "74 certificates were ordered since 2026-11-25 13:00"
    assert sum(signed(ready, name) for name in names) == 74
    assert breaker(ready, ROLE).retry_at == began + timedelta(hours=12)
    for each in fleet:
        ready.ports.targets[f"prod/{each.name}"].broken = None
    ready.clock.advance(seconds=6 * HOUR)
    assert set(renew(ready, *names, run="run-20").values()) == {"new set"}
    assert breaker(ready, ROLE).state == "closed"


def test_a_host_costs_no_signature_and_meets_no_breaker(ready: World) -> None:
    """Its certificate waits until it can be delivered, however often that fails."""
    leave_request(ready)
    ready.ports.targets["prod/ledger"].broken = BROKEN
    for number in range(9):
        assert renew(ready, "ledger", run=f"run-{number}") == {"ledger": "failed"}
        ready.clock.advance(seconds=60)
    assert signed(ready, "ledger") == 1
    ready.ports.targets["prod/ledger"].broken = None
    assert renew(ready, "ledger", run="run-10") == {"ledger": "new set"}
    assert breaker(ready, "consumer/prod/ledger").failures == 0


def test_what_keeps_a_delivery_from_being_begun_costs_nothing(ready: World) -> None:
    """A disk that is full before anything is ordered is looked at again each time."""
    full = Unavailable("no space left on device", rule="DLV-WRITE")
    ready.ports.targets["prod/billing"].closed = full
    for number in range(9):
        assert renew(ready, "billing", run=f"run-{number}") == {"billing": "failed"}
    assert signed(ready) == 1
    ready.ports.targets["prod/billing"].closed = None
    assert renew(ready, "billing", run="run-10") == {"billing": "new set"}


def test_a_process_that_dies_each_time_has_counted(ready: World) -> None:
    """Killed inside each delivery: three signatures, then none before the trial is due."""
    world = ready

    def dying(name: str) -> None:
        raise ProcessDied(name)

    world.ports.targets["prod/billing"].moment = dying
    for number in range(3):
        world.ports.actor = f"run-{number}"
        with pytest.raises(ProcessDied):
            serve_consumers(world.ports, [consumer(world, "billing")])
        assert signed(world) == 2 + number
    world.ports.actor = "run-9"
    for _ in range(2):
        (served,) = serve_consumers(world.ports, [consumer(world, "billing")])
        assert served.rule == BREAKER_OPEN
    assert signed(world) == 4
    assert breaker(world).state == "open"
    assert [event for event in events_told(world) if event.startswith("breaker")] == [
        "breaker.opened"
    ]
    world.ports.targets["prod/billing"].moment = lambda _name: None
    world.clock.advance(seconds=90 * MINUTES)
    assert renew(world, "billing", run="run-10") == {"billing": "new set"}


def test_counting_is_written_before_vault_is_asked(ready: World) -> None:
    """In the order of the calls: both breakers, then the intent, then the signature."""
    ready.ports.through = Mortal()
    serve_consumer(ready.ports, consumer(ready, "billing"))
    calls = [
        each
        for each in ready.ports.through.calls
        if each in {"records.breakers.replace", "records.intents.insert", "signer.sign"}
    ]
    assert calls[:4] == [
        "records.breakers.replace",
        "records.breakers.replace",
        "records.intents.insert",
        "signer.sign",
    ]


def test_a_broken_consumer_stays_due(ready: World) -> None:
    """An open breaker hides nothing: each sweep says that it is due."""
    break_reload(ready)
    renew(ready, run="run-9")
    assert [each.consumer.name for each in due_consumers(ready.ports, "prod")] == ["billing"]


def test_a_week_of_sweeps_over_a_consumer_that_never_reloads(ready: World) -> None:
    """A thousand sweeps, ten minutes apart: eighteen signatures, one message of each kind."""
    ready.ports.targets["prod/billing"].broken = BROKEN
    before = signed(ready)
    for number in range(1000):
        renew(ready, "billing", run=f"sweep-{number}")
        ready.clock.advance(seconds=604)
    # Three failures; trials 1.5, 3, 6 and 12 hours apart, then every 12 hours of 168.
    assert signed(ready) - before == 18
    assert events_told(ready) == ["consumer.failed", "breaker.opened"]
    revoked = [row for row in rows_of(ready, "billing") if row.state == "revoked"]
    assert len(revoked) == 18
    assert "billing" in {each.consumer.name for each in due_consumers(ready.ports, "prod")}
