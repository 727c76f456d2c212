"""Who is due: by the record, and by a look at the targets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    leave_request,
    reach_gate,
    rows_of,
    twist,
)
from trustwright.errors import ConfigurationError, Rejected
from trustwright.lifecycle import due as module
from trustwright.lifecycle.consumers import serve_consumers
from trustwright.lifecycle.renewal import Due, due_consumers
from trustwright.policy.renewal import renewal_moment

pytestmark = pytest.mark.unit

BROKEN = Rejected("the reload failed", rule="DLV-RELOAD")


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready; the host of ledger has left no request yet."""
    bootstrap(world)
    return world


def due(world: World) -> dict[str, str]:
    """Return name → reason of prod's consumers that are due, in their order."""
    return {each.consumer.name: each.reason for each in due_consumers(world.ports, "prod")}


def test_nobody_is_due_when_everything_is_fresh(ready: World) -> None:
    """A host that has left nothing is waited for without a run; admins are never among them."""
    assert due(ready) == {}


def test_an_environment_that_is_not_proven_has_nobody(world: World) -> None:
    """Its bootstrap serves them; a name that the estate does not know is an error."""
    assert due(world) == {}
    reach_gate(world)
    assert due(world) == {}
    with pytest.raises(ConfigurationError) as unknown:
        due_consumers(world.ports, "nowhere")
    assert unknown.value.rule == "EST-ENVIRONMENT"


def test_certificates_that_end_are_due_soonest_first(ready: World) -> None:
    """Each from its own second on; an agent's lives a day, a server's three."""
    roles = ready.ports.estate.environments["prod"].roles
    moments = {
        row.subject: renewal_moment(row, roles[row.role])  # type: ignore[index] # its own role
        for name in ("billing", "gateway", "collector")
        for row in rows_of(ready, name)
    }
    order = sorted(moments, key=lambda name: moments[name])
    assert order[0] == "collector"
    last = moments[order[-1]]
    twist(ready.ports, {"records.agenda.unsettled": lambda *_: iter(())})
    left = int((last - ready.clock.now()).total_seconds())
    ready.clock.advance(seconds=left - 1)
    assert [name for name, reason in due(ready).items() if reason == "expiring"] == order[:2]
    ready.clock.advance(seconds=1)
    found = due_consumers(ready.ports, "prod")
    assert found[:3] == [Due(consumer(ready, name), "expiring", moments[name]) for name in order]


def test_bootstrap_and_renewal_agree_on_when(ready: World) -> None:
    """A second before its moment serving does nothing, at its moment it renews."""
    (row,) = rows_of(ready, "collector")
    role = ready.ports.estate.environments["prod"].roles["agent"]
    left = int((renewal_moment(row, role) - ready.clock.now()).total_seconds())
    ready.clock.advance(seconds=left - 1)
    assert due(ready) == {}
    assert not serve_consumers(ready.ports, [consumer(ready, "collector")])[0].changed
    ready.clock.advance(seconds=1)
    assert due(ready) == {"collector": "expiring"}
    assert serve_consumers(ready.ports, [consumer(ready, "collector")])[0].changed
    assert due(ready) == {}


def test_half_of_a_crls_life_makes_its_holders_due(ready: World) -> None:
    """Whatever their certificates say; a host's set is refreshed as well."""
    leave_request(ready)
    serve_consumers(ready.ports, [consumer(ready, "ledger")])
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert row.crl_due is not None
    left = int((row.crl_due - ready.clock.now()).total_seconds())
    assert left > DAY
    ready.clock.advance(seconds=left)
    found = {each.consumer.name: each for each in due_consumers(ready.ports, "prod")}
    assert (found["billing"].reason, found["billing"].since) == ("crl-due", row.crl_due)
    assert found["ledger"].reason == "crl-due"


def test_a_delivery_that_failed_is_due_until_it_went_well(ready: World) -> None:
    """Since its first failure, however often it was tried."""
    change_consumer(ready, "billing", names=("pay.prod.example.internal",))
    ready.ports.targets["prod/billing"].broken = BROKEN
    began = ready.clock.now()
    for _ in range(2):
        serve_consumers(ready.ports, [consumer(ready, "billing")])
        ready.clock.advance(seconds=HOUR)
    assert due_consumers(ready.ports, "prod") == [
        Due(consumer(ready, "billing"), "unsettled", began)
    ]
    ready.ports.targets["prod/billing"].broken = None
    serve_consumers(ready.ports, [consumer(ready, "billing")])
    assert due(ready) == {}
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert row.failing_since is None


def test_a_host_that_answers_is_due(ready: World) -> None:
    """As soon as its request is there, or something that cannot be read as one."""
    leave_request(ready)
    assert due(ready) == {"ledger": "unsettled"}
    ready.ports.targets["prod/ledger"].request = "junk"
    assert due(ready) == {"ledger": "unsettled"}


def test_a_host_with_a_new_key_is_due(ready: World) -> None:
    """The look sees that it asks for another key than it has a certificate for."""
    leave_request(ready)
    serve_consumers(ready.ports, [consumer(ready, "ledger")])
    assert due(ready) == {}
    leave_request(ready)
    assert due(ready) == {"ledger": "changed"}


def test_who_was_never_served_is_due_last(ready: World) -> None:
    """A consumer that came into the estate file; one that left it is not due any more."""
    ready.ports.store.deliveries = _without(ready, "prod/gateway")
    ready.ports.targets["prod/billing"].lose()
    assert list(due(ready).items()) == [("billing", "changed"), ("gateway", "not-served")]
    estate = ready.ports.estate
    left = tuple(each for each in estate.consumers if each.name != "billing")
    ready.ports.estate = estate.model_copy(update={"consumers": left})
    ready.clock.advance(seconds=3 * DAY - 1)
    assert "billing" not in due(ready)
    assert [row.state for row in rows_of(ready, "billing")] == ["valid"]
    ready.clock.advance(seconds=1)
    assert "billing" not in due(ready)
    # No later call reads what nobody can use any more.
    assert [row.state for row in rows_of(ready, "billing")] == ["superseded"]


def _without(world: World, key: str) -> Any:
    rows = world.ports.store.deliveries
    rows._rows.pop(key)  # type: ignore[attr-defined] # a fake's: no row is ever deleted
    return rows


@pytest.mark.parametrize(
    "changes",
    [{"drift": "key.pem is 0644"}, {"in_service": False}, {"serial": "00:01"}, {"trust": "0" * 64}],
)
def test_what_changed_at_a_target_is_seen_by_a_look(ready: World, changes: dict[str, Any]) -> None:
    """No record says so; it stays due until somebody served it."""
    target = ready.ports.targets["prod/billing"]
    if "in_service" in changes:
        target.broken = BROKEN
        target._passed = None
    else:
        target.disturb(**changes)
    for _ in range(2):
        assert due(ready) == {"billing": "changed"}
    target.broken = None
    serve_consumers(ready.ports, [consumer(ready, "billing")])
    assert due(ready) == {}


def test_a_target_that_cannot_be_read_is_due(ready: World) -> None:
    """Serving it says why, and records that."""

    def unreadable(honest: Any) -> Any:
        raise Rejected("others can write there", rule="DLV-UNSAFE")

    twist(ready.ports, {"target.observed": unreadable})
    assert due(ready) == {"billing": "changed", "collector": "changed", "gateway": "changed"}


def test_looks_are_bounded_and_go_round(ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two a call: in two calls everybody was looked at, those first that waited longest."""
    monkeypatch.setattr(module, "LOOKS", 2)
    seen: list[str] = []

    def looked(honest: Any) -> Any:
        seen.append(honest.__self__._consumer)
        return honest()

    ready.clock.advance(seconds=60)
    twist(ready.ports, {"target.observed": looked})
    for _ in range(4):
        due(ready)
        ready.clock.advance(seconds=60)
    # A host that is waited for is looked at as well: that it has left nothing is all there is.
    assert seen == ["billing", "collector", "gateway"] * 2


def test_a_consumer_that_is_served_at_this_moment_is_not_looked_at(ready: World) -> None:
    """Between swap and reload it would look changed; when its run is dead, it is taken over."""
    ready.ports.targets["prod/billing"].disturb(drift="links are being swapped")
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    ready.ports.store.deliveries.replace(row, holder="run-9")
    ready.ports.orchestrator.living = {"run-9"}
    assert due(ready) == {}
    ready.ports.orchestrator.living = set()
    assert due(ready) == {"billing": "unsettled"}


def test_the_answer_is_bought_with_what_is_due(ready: World) -> None:
    """A thousand fresh rows more cost no call more: what is asked does not grow with them."""

    def calls() -> list[str]:
        made: list[str] = []

        def counted(name: str) -> Any:
            def answer(honest: Any, *args: Any, **kwargs: Any) -> Any:
                made.append(name)
                return honest(*args, **kwargs)

            return answer

        names = ("get", "find", "replace", "insert")
        tables = ("certificates", "deliveries", "breakers", "intents", "audit")
        twist(
            ready.ports,
            {
                f"records.{table}.{name}": counted(f"{table}.{name}")
                for table in tables
                for name in names
            },
        )
        due(ready)
        ready.ports.through = lambda _name, part: part
        return made

    before = calls()
    (row,) = rows_of(ready, "billing")
    for number in range(1000):
        ready.ports.store.certificates.insert(
            row.model_copy(
                update={
                    "id": f"prod-g1/{number}",
                    "serial": str(number),
                    "subject": f"other-{number}",
                    "not_after": row.not_after + timedelta(days=1),
                }
            )
        )
    assert calls() == before
    assert len(before) < 40


def test_due_is_plain_data(ready: World) -> None:
    """Two looks at one state give equal answers."""
    ready.ports.targets["prod/billing"].lose()
    (one,), (two,) = due_consumers(ready.ports, "prod"), due_consumers(ready.ports, "prod")
    assert one == two
    assert replace(one, reason="expiring") != two
