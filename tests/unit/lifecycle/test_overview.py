"""The facts of reports and metrics: from the record, for the estate's consumers, at a low cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.target import FakeTarget
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import Twisted, bootstrap
from trustwright.lifecycle import requests
from trustwright.lifecycle.admin import issue_admin
from trustwright.lifecycle.environments import claim
from trustwright.lifecycle.estate_map import (
    ADMINS_UP_TO,
    EACH_UP_TO,
    TROUBLED_UP_TO,
    Group,
    estate_map,
)
from trustwright.lifecycle.overview import FAILED, overview
from trustwright.lifecycle.preparation import prepare_environment
from trustwright.model.estate import Estate
from trustwright.model.records import AuditRecord, CertificateRecord, DeliveryRecord
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord
from trustwright.policy.overview import EnvironmentFacts, RoleFacts
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

HOUR = timedelta(hours=1)


def of(world: World, name: str) -> EnvironmentFacts:
    """Return the facts of one environment."""
    (found,) = (each for each in overview(world.ports).environments if each.name == name)
    return found


def role(world: World, name: str) -> RoleFacts:
    """Return the facts of one role of prod."""
    (found,) = (each for each in of(world, "prod").roles if each.name == name)
    return found


def test_an_estate_that_nobody_has_begun(world: World) -> None:
    """Everything is there and nothing is invented."""
    found = overview(world.ports)
    assert [(each.name, each.phase, each.issuers) for each in found.environments] == [
        ("test", "planned", ()),
        ("prod", "planned", ()),
    ]
    assert {each.consumers for each in found.environments} == {5}
    assert [sum(each.ending) for each in found.environments] == [0, 0]
    assert (found.root.fingerprint, found.root.crl_until) == (world.root.fingerprint, None)
    assert (found.findings, found.ceremonies, found.sweep) == ((), (), None)
    assert {each.kind for each in found.deadlines} == {"root-horizon", "root-expiry"}


def test_what_a_bootstrap_has_left(world: World) -> None:
    """Issuer, anchor, deliveries and certificates are those of the record."""
    bootstrap(world)
    (record,) = world.ports.store.issuers.find()
    prod = of(world, "prod")
    (issuer,) = prod.issuers
    assert (prod.phase, prod.held, prod.issuing) == ("ready", False, issuer)
    assert issuer.anchored
    assert issuer.anchor == parse.fingerprint(parse.certificate(record.anchor or ""))
    assert issuer.not_after == parse.certificate(record.certificate or "").not_valid_after_utc
    assert prod.deliveries == {"delivered": 3, "waiting": 1}
    assert (prod.sets, prod.failures, prod.trusts, prod.foreign) == (3, 0, {"prod": 5}, 0)
    ends = {row.subject: row.not_after for row in world.ports.store.certificates.find()}
    assert role(world, "agent").earliest == ends["collector"]
    assert [(each.name, each.valid) for each in prod.roles] == [
        ("server", 1),
        ("admin", 0),
        ("proxy", 1),
        ("agent", 1),
    ]
    rows = world.ports.store.deliveries.find(environment="prod")
    assert prod.crl_until == min(row.crl_until for row in rows if row.crl_until)
    root = overview(world.ports).root
    assert root.crl_number == 1
    assert root.crl_until is not None


@pytest.mark.parametrize(
    ("left", "due", "overdue", "expired"),
    [
        (24 * HOUR + timedelta(seconds=1), 0, 0, 0),
        (24 * HOUR, 1, 0, 0),
        (12 * HOUR + timedelta(seconds=1), 1, 0, 0),
        (12 * HOUR, 1, 1, 0),
        (timedelta(seconds=1), 1, 1, 0),
        (timedelta(), 1, 1, 1),
    ],
)
def test_due_overdue_and_expired_begin_at_the_second(
    world: World, left: timedelta, due: int, overdue: int, expired: int
) -> None:
    """A server's certificate is renewed a day before its end, and late from half of that on."""
    bootstrap(world)
    end = role(world, "server").earliest
    assert end is not None
    world.clock.advance(seconds=int((end - world.clock.now() - left).total_seconds()))
    found = role(world, "server")
    assert (found.due, found.overdue, found.expired) == (due, overdue, expired)
    assert found.earliest == end
    assert found.ending[0] == expired


def test_who_has_left_the_estate_is_nobodys_alarm(world: World) -> None:
    """Its certificate ends, its set grows old, its delivery stays failed: nothing of it counts."""
    bootstrap(world)
    (row,) = (r for r in world.ports.store.deliveries.find() if r.consumer == "billing")
    world.ports.store.deliveries.replace(
        row, state="failed", crl_due=world.clock.now(), crl_until=world.clock.now()
    )
    before = of(world, "prod")
    assert (before.deliveries["failed"], before.crl_until) == (1, world.clock.now())
    world.clock.advance(seconds=1000 * 3600)
    assert role(world, "server").expired == 1
    leave(world, "billing")
    after, server = of(world, "prod"), role(world, "server")
    assert "failed" not in after.deliveries
    assert (server.due, server.expired, server.earliest) == (0, 0, None)
    assert after.crl_until is not None
    assert after.crl_until > row.updated


def leave(world: World, name: str) -> None:
    """Take a consumer out of the estate file."""
    estate = world.ports.estate
    world.ports.estate = Estate.model_construct(
        **{
            **dict(estate),
            "consumers": tuple(each for each in estate.consumers if each.name != name),
        }
    )


def test_findings_come_worst_first_and_closed_ones_not(world: World) -> None:
    """Severity, then age; breakers that are closed and sweeps that died are left out."""
    now = world.clock.now()
    for number, (severity, state, age) in enumerate(
        [
            ("info", "open", 9),
            ("critical", "open", 1),
            ("critical", "open", 2),
            ("info", "closed", 0),
        ]
    ):
        world.ports.store.findings.insert(
            FindingRecord.model_validate(
                {
                    "id": f"kind/prod/{number}",
                    "kind": "kind",
                    "environment": "prod",
                    "subject": str(number),
                    "severity": severity,
                    "state": state,
                    "summary": "something",
                    "opened": now - age * HOUR,
                    "seen": now,
                }
            )
        )
    for breaker in ("open", "half-open", "closed"):
        world.ports.store.breakers.insert(
            BreakerRecord.model_validate(
                {
                    "id": f"consumer/prod/{breaker}",
                    "environment": "prod",
                    "state": breaker,
                    "since": now,
                    "updated": now,
                }
            )
        )
    for number, ended in enumerate((now, None)):
        world.ports.store.sweeps.insert(
            SweepRecord(id=f"s{number}", actor="run", started=now, ended=ended)
        )
    world.ports.store.audit.insert(
        AuditRecord(id="1", at=now, event=FAILED, environment="prod", subject="prod/x", actor="run")
    )
    found = overview(world.ports)
    assert [each.subject for each in found.findings] == ["2", "1", "0"]
    assert [each.state for each in found.breakers] == ["open", "half-open"]
    assert found.sweep is not None
    assert found.sweep.id == "s0"
    assert [each.failures for each in found.environments] == [0, 1]


def test_a_pending_ceremony_is_seen(world: World) -> None:
    """With when it was asked for and when it runs out."""
    claim(world.ports, "prod", "run-1")
    prepare_environment(world.ports, "prod")
    record = requests.request_intermediate(world.ports, "prod")
    (seen,) = overview(world.ports).ceremonies
    assert (seen.id, seen.environment, seen.generation) == (record.id, "prod", 1)
    assert (seen.created, seen.expires) == (record.created, record.expires)
    assert of(world, "prod").held


def test_neither_vault_nor_a_target_is_asked(world: World) -> None:
    """What cannot be asked cannot fail: a sealed Vault stops no report."""
    bootstrap(world)
    asked: list[str] = []

    def refused(name: str, part: Any) -> Any:
        if not name.startswith("records."):
            asked.append(name)
        return part

    world.ports.through = refused
    overview(world.ports)
    estate_map(world.ports)
    assert asked == []


def test_the_cost_follows_what_is_due(world: World) -> None:
    """Of many certificates that are not due, one is read."""
    bootstrap(world)
    read: list[str] = []

    def ends(honest: Any, environment: str, name: str) -> Iterator[tuple[str, datetime]]:
        for number in range(10_000):
            read.append(name)
            yield "billing", world.clock.now() + 40 * HOUR + number * HOUR
        yield from honest(environment, name)

    world.ports.through = Twisted({"records.census.ends": ends})
    assert role(world, "server").due == 0
    assert read.count("server") == 2, "one in each environment"


def test_the_map_shows_each_consumer(world: World) -> None:
    """With the end of what lies at its target, and why one has nothing."""
    bootstrap(world)
    found = estate_map(world.ports)["prod"]
    ends = {row.subject: row.not_after for row in world.ports.store.certificates.find()}
    assert [(each.role, each.name, each.state) for each in found.consumers] == [
        ("agent", "collector", "delivered"),
        ("proxy", "gateway", "delivered"),
        ("server", "billing", "delivered"),
        ("server", "ledger", "waiting"),
    ]
    assert [each.not_after for each in found.consumers] == [
        *(ends[name] for name in ("collector", "gateway", "billing")),
        None,
    ]
    assert Group("server", "platform", {"delivered": 1, "waiting": 1}) in found.groups
    assert {each.served for each in found.consumers} == {None}
    assert (found.number, found.delivered) == (4, 3), "the admin is nobody whom flows serve"


@pytest.mark.parametrize(("serial", "served"), [("aa", True), ("bb", False)])
def test_what_the_probe_saw_is_compared(world: World, serial: str, served: bool) -> None:
    """Another certificate than the delivered one is said to be another one."""
    world.ports.store.deliveries.insert(
        DeliveryRecord(
            id="prod/billing",
            environment="prod",
            consumer="billing",
            target="/",
            state="delivered",
            number=1,
            serial="aa",
            served=serial,
            updated=world.clock.now(),
        )
    )
    shown = {each.name: each.served for each in estate_map(world.ports)["prod"].consumers}
    assert shown["billing"] is served


def test_admins_stand_apart_with_what_they_hold(world: World) -> None:
    """The certificate that lasts longest counts; one that was revoked or has ended does not."""
    bootstrap(world)

    def alice() -> datetime | None:
        (found,) = estate_map(world.ports)["prod"].admins
        assert (found.name, found.owner) == ("alice", "platform")
        return found.not_after

    def issue() -> CertificateRecord:
        target = FakeTarget("alice", world.clock)
        return issue_admin(world.ports, "prod", "alice", target).certificate

    assert alice() is None
    first = issue()
    world.clock.advance(seconds=3600)
    second = issue()
    assert first.not_after < second.not_after == alice()
    (row,) = world.ports.store.certificates.find(serial=second.serial)
    world.ports.store.certificates.replace(row, state="revoked")
    assert alice() == first.not_after
    world.clock.advance(seconds=12 * 3600)
    assert alice() is None


def test_of_many_admins_the_first_are_shown(world: World) -> None:
    """The page does not grow with them."""
    estate = world.ports.estate
    pattern = next(each for each in estate.consumers if each.name == "alice")
    many = [pattern.model_copy(update={"name": f"a{n:02}"}) for n in range(ADMINS_UP_TO + 3)]
    world.ports.estate = Estate.model_construct(**{**dict(estate), "consumers": tuple(many)})
    found = estate_map(world.ports)[pattern.environment]
    assert [each.name for each in found.admins] == [f"a{n:02}" for n in range(ADMINS_UP_TO)]
    assert (found.more_admins, found.number, found.consumers) == (3, 0, ())


def test_many_consumers_become_sums(world: World) -> None:
    """One by one only the first that hold nothing; every one is counted."""
    estate = world.ports.estate
    pattern = next(each for each in estate.consumers if each.name == "billing")
    many = [pattern.model_copy(update={"name": f"c{number}"}) for number in range(EACH_UP_TO + 1)]
    world.ports.estate = Estate.model_construct(**{**dict(estate), "consumers": tuple(many)})
    found = estate_map(world.ports)[pattern.environment]
    assert len(found.consumers) == TROUBLED_UP_TO
    assert found.groups == (Group("server", "platform", {"planned": EACH_UP_TO + 1}),)
