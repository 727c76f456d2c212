"""Renewal without a person: who is served, what is left out, what people are told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    events_told,
    leave_request,
    lines_of,
    raising,
    reach_gate,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import ConfigurationError, PolicyViolation, Rejected, Unavailable
from trustwright.lifecycle.consumers import Served, serve_consumer
from trustwright.lifecycle.renewal import (
    due_consumers,
    note_renewed,
    renew_consumers,
    to_renew,
    what_it_did,
)
from trustwright.model.sweep import BreakerRecord

pytestmark = pytest.mark.unit

BROKEN = Rejected("the reload failed", rule="DLV-RELOAD")
FULL = Unavailable("no space left on device", rule="DLV-WRITE")


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose three managed consumers are due."""
    bootstrap(world)
    world.clock.advance(seconds=49 * HOUR)
    world.ports.chat.told.clear()
    return world


def renew(world: World, *names: str, run: str = "run-2") -> dict[str, str]:
    """Do what one run does; return name → result."""
    world.ports.actor = run
    served = renew_consumers(world.ports, "prod", to_renew(world.ports, "prod", names))
    note_renewed(world.ports, "prod", served, "http://127.0.0.1:1/runs/2")
    return {each.consumer.name: result(each) for each in served}


def result(served: Served) -> str:
    """Say what became of one consumer."""
    if served.skipped:
        return served.rule
    return "new set" if served.changed else served.state


def breakers(world: World) -> list[BreakerRecord]:
    """Return every breaker on record."""
    return list(world.ports.store.breakers.find())


def failing_since(world: World, name: str) -> Any:
    """Return since when a consumer fails."""
    row = world.ports.store.deliveries.get(f"prod/{name}")
    assert row is not None
    return row.failing_since


def test_those_that_are_due_are_served(ready: World) -> None:
    """Under new keys; the others are not touched, and afterwards nobody is due."""
    assert renew(ready) == dict.fromkeys(("collector", "billing", "gateway"), "new set")
    for name in ("billing", "gateway", "collector"):
        first, second = rows_of(ready, name)
        assert (first.state, second.state) == ("superseded", "valid")
        assert first.spki != second.spki
    assert due_consumers(ready.ports, "prod") == []
    assert renew(ready, run="run-3") == {}


def test_those_that_are_named_are_served_and_no_other(ready: World) -> None:
    """Twice the same is once; one that is current is left alone."""
    assert renew(ready, "billing", "billing") == {"billing": "new set"}
    assert renew(ready, "billing", run="run-3") == {"billing": "delivered"}
    assert len(rows_of(ready, "gateway")) == 1


def test_no_provisioner_no_rotator_and_no_environment_is_needed(ready: World) -> None:
    """Their keys may be off this machine, and another run may hold the environment."""
    absent = raising(ConfigurationError("no key", rule="KEY-PROVISIONER"))

    def gone(_environment: str) -> Any:
        return absent(None)

    for door in ("provisioner", "rotator", "anchor_signer", "admin_signer"):
        setattr(ready.ports, door, gone)
    row = ready.ports.store.environments.get("prod")
    assert row is not None
    ready.ports.store.environments.replace(row, holder="run-1", process="process-9")
    assert set(renew(ready).values()) == {"new set"}
    assert ready.ports.store.environments.get("prod").holder == "run-1"  # type: ignore[union-attr]


@pytest.mark.parametrize("begun", [False, True])
def test_an_environment_that_is_not_proven_is_refused(world: World, begun: bool) -> None:
    """The phase, the rule and the remedy in one line."""
    if begun:
        reach_gate(world)
    with pytest.raises(PolicyViolation) as refused:
        renew_consumers(world.ports, "prod")
    phase = "requested" if begun else "planned"
    assert str(refused.value) == (
        f"prod is {phase}: nothing is renewed before its issuer is proven "
        "[ENVIRONMENT-NOT-READY] → run: trustwright bootstrap prod"
    )


def test_admins_and_strangers_are_refused(ready: World) -> None:
    """Nothing is served when one of the names is no service."""
    for name, rule in (("alice", "ADMIN-CONSUMER"), ("nobody", "EST-CONSUMER")):
        with pytest.raises((PolicyViolation, ConfigurationError)) as refused:
            renew_consumers(ready.ports, "prod", ["billing", name])
        assert refused.value.rule == rule
    assert len(rows_of(ready, "billing")) == 1
    assert "alice" not in {each.consumer.name for each in due_consumers(ready.ports, "prod")}


def test_one_digest_a_run_and_none_for_nothing(ready: World) -> None:
    """However many were served; a step that is tried again tells nothing twice."""
    renew(ready)
    assert events_told(ready) == ["consumers.renewed"]
    (notice,) = ready.ports.chat.told
    assert notice.title == "prod: 3 consumer(s) were delivered a new set"
    assert notice.body in {
        "Delivered: collector, billing, gateway",  # the order of their moments
        "Delivered: collector, gateway, billing",
    }
    renew(ready)
    renew(ready, run="run-3")
    assert events_told(ready) == ["consumers.renewed"]
    assert what_it_did(ready.ports, "run-2") == ("3 delivered", "")
    assert what_it_did(ready.ports, "run-3") == ("nothing had to be delivered", "")
    assert what_it_did(ready.ports, "run-4") is None


def test_what_fails_is_told_once_until_it_was_served(ready: World) -> None:
    """The first failure, not each retry; the next time that it fails, again."""
    ready.ports.targets["prod/billing"].broken = BROKEN
    began = ready.clock.now()
    for run in ("run-2", "run-3"):
        assert renew(ready, "billing", run=run) == {"billing": "failed"}
        ready.clock.advance(seconds=HOUR)
        assert failing_since(ready, "billing") == began
    assert events_told(ready) == ["consumer.failed"]
    (notice,) = ready.ports.chat.told
    assert (notice.severity, notice.title) == ("critical", "prod: billing was not served")
    assert "the reload failed (DLV-RELOAD)" in notice.body
    assert "It still has a certificate until 2026-11-26 12:00 UTC." in notice.body
    assert "    trustwright renew prod --consumer billing\n" in notice.body
    said, problem = what_it_did(ready.ports, "run-2") or ("", "")
    assert (said, problem) == ("1 failed", "billing: the reload failed (DLV-RELOAD)")
    ready.ports.targets["prod/billing"].broken = None
    assert renew(ready, "billing", run="run-4") == {"billing": "new set"}
    assert failing_since(ready, "billing") is None
    ready.ports.targets["prod/billing"].broken = BROKEN
    ready.clock.advance(seconds=49 * HOUR)
    renew(ready, "billing", run="run-5")
    assert events_told(ready) == ["consumer.failed", "consumers.renewed", "consumer.failed"]


FAULTS: dict[str, tuple[str, Rejected | Unavailable]] = {
    "disk full": ("closed", FULL),
    "permission denied": ("closed", Rejected("permission denied", rule="DLV-WRITE")),
    "reload fails": ("broken", BROKEN),
    "reload hangs": ("broken", Rejected("reload took longer than 30 s", rule="DLV-RELOAD")),
    "check fails": ("unfit", Rejected("the service is not well", rule="DLV-CHECK")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_the_target(ready: World, fault: str) -> None:
    """What was served before is served on, the row says why, one message; later it is healed."""
    kind, error = FAULTS[fault]
    target = ready.ports.targets["prod/billing"]
    served = target.loaded
    setattr(target, kind, error)
    found = renew(ready)
    assert (found["billing"], found["gateway"]) == ("failed", "new set")
    assert (target.loaded, target.delivery) == (served, served)
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert (row.state, row.problem, row.failing_since) == ("failed", str(error), row.updated)
    assert events_told(ready) == ["consumer.failed", "consumers.renewed"]
    setattr(target, kind, None)
    ready.clock.advance(seconds=HOUR)
    assert renew(ready, run="run-3") == {"billing": "new set"}
    assert target.loaded == target.delivery != served


def test_a_consumer_that_another_run_holds_is_left_out(ready: World) -> None:
    """Its failure is nobody's: no message, no row changed."""
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    ready.ports.store.deliveries.replace(row, holder="run-9", held_since=ready.clock.now())
    ready.ports.orchestrator.living = {"run-9"}
    assert renew(ready)["billing"] == "LOCK-HELD"
    assert events_told(ready) == ["consumers.renewed"]
    assert ready.ports.chat.told[0].body.endswith("Left out: billing")
    assert failing_since(ready, "billing") is None


def test_vault_that_is_away_counts_for_nobody(ready: World) -> None:
    """Ten runs against a sealed Vault: afterwards everybody is served at once."""
    twist(ready.ports, {"signer.sign": raising(Unavailable("sealed", rule="VAULT-SEALED"))})
    for number in range(10):
        with pytest.raises(Unavailable):
            renew(ready, run=f"run-{number}")
        ready.clock.advance(seconds=60)
    straighten(ready.ports)
    assert set(renew(ready, run="run-10").values()) == {"new set"}
    rows = {row.id: (row.state, row.failures, row.issued) for row in breakers(ready)}
    # The agent's two orders lie in different windows; the consumers of a role count together.
    assert rows == {
        "consumer/prod/billing": ("closed", 0, 1),
        "consumer/prod/collector": ("closed", 0, 1),
        "consumer/prod/gateway": ("closed", 0, 1),
        "role/prod/agent": ("closed", 0, 1),
        "role/prod/proxy": ("closed", 0, 1),
        "role/prod/server": ("closed", 0, 1),
    }


def test_two_runs_at_once_issue_nothing_twice(ready: World) -> None:
    """Both find the same consumers due; each is served by one of them."""
    ready.ports.orchestrator.living = {"run-a", "run-b"}
    barrier = threading.Barrier(2)
    found: dict[str, dict[str, str]] = {}
    names = to_renew(ready.ports, "prod")

    def run(actor: str) -> None:
        ports = _as_run(ready.ports, actor)
        barrier.wait(10)
        served = renew_consumers(ports, "prod", names)
        found[actor] = {each.consumer.name: result(each) for each in served}

    threads = [threading.Thread(target=run, args=(actor,)) for actor in ("run-a", "run-b")]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    for name in ("billing", "gateway", "collector"):
        assert [row.state for row in rows_of(ready, name)] == ["superseded", "valid"], found
        assert [found[actor][name] for actor in found].count("new set") == 1, found
        row = ready.ports.store.deliveries.get(f"prod/{name}")
        assert row is not None
        assert row.holder is None


def _as_run(ports: FakePorts, actor: str) -> Any:
    class Other:
        """The same ports, as another run sees them."""

        def __init__(self) -> None:
            self.actor, self.process = actor, f"process-{actor}"

        def __getattr__(self, name: str) -> Any:
            return getattr(ports, name)

    return Other()


def test_a_host_is_renewed_over_its_key(ready: World) -> None:
    """And waited for while it has left nothing: that is no failure."""
    assert renew(ready, "ledger") == {"ledger": "waiting"}
    assert what_it_did(ready.ports, "run-2") == ("1 waiting", "")
    leave_request(ready)
    assert renew(ready, "ledger", run="run-3") == {"ledger": "new set"}
    ready.clock.advance(seconds=49 * HOUR)
    assert renew(ready, run="run-4")["ledger"] == "new set"
    first, second = rows_of(ready, "ledger")
    assert first.spki == second.spki


def test_past_the_horizon_nothing_is_issued_and_nothing_counted(ready: World) -> None:
    """An issuer that would end before its certificates: the rule says what to do."""
    ready.clock.advance(seconds=729 * DAY)
    asked: list[str] = []

    def noted(honest: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        asked.append("sign")
        return honest(*args, **kwargs)

    twist(ready.ports, {"signer.sign": noted})
    served = renew_consumers(ready.ports, "prod", ["billing"])
    assert [each.rule for each in served] == ["ISSUANCE-HORIZON"]
    assert asked == []
    row = ready.ports.store.breakers.get("consumer/prod/billing")
    assert row is not None
    assert (row.state, row.failures, row.issued) == ("closed", 0, 0)


def test_a_changed_name_needs_no_due_date(ready: World) -> None:
    """A person names it: it is served anew as the estate says now."""
    change_consumer(ready, "billing", names=("pay.prod.example.internal",))
    assert renew(ready, "billing") == {"billing": "new set"}
    assert lines_of(ready, "trustwright.renewal.ended")[0].subject == "prod"


def test_serving_looks_at_a_target(ready: World) -> None:
    """It goes to the end of the queue of those that are to be looked at."""
    serve_consumer(ready.ports, consumer(ready, "gateway"))
    row = ready.ports.store.deliveries.get("prod/gateway")
    assert row is not None
    assert row.looked == ready.clock.now()
    queue = ready.ports.store.agenda.longest_unlooked("prod", 9)
    assert queue[-1].consumer == "gateway"
