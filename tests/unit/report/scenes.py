"""Estates to look at: a quiet one, one in trouble, one with five thousand consumers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from trustwright.lifecycle.estate_map import ConsumerFacts, EnvironmentMap, Group
from trustwright.model.sweep import BreakerRecord, FindingRecord, SweepRecord
from trustwright.policy.deadlines import Deadline
from trustwright.policy.overview import (
    CeremonyFacts,
    EnvironmentFacts,
    IssuerFacts,
    Overview,
    RoleFacts,
    RootFacts,
)
from trustwright.policy.timeline import EDGES

NOW = datetime(2026, 11, 26, 6, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Scene = tuple[Overview, Mapping[str, EnvironmentMap]]


def fingerprint(name: str) -> str:
    """Return something of a fingerprint's form."""
    return "sha256:" + name.encode().hex().ljust(64, "0")[:64]


def ending(**numbers: int) -> tuple[int, ...]:
    """Return counts along the edges; ``_1d=3`` puts three before the edge of one day."""
    found = {f"_{label.replace(' ', '')}": 0 for label, _ in EDGES} | {"_later": 0}
    unknown = numbers.keys() - found.keys()
    assert not unknown, unknown
    return tuple((found | numbers).values())


def issuer(environment: str, generation: int, state: Any, begun: timedelta) -> IssuerFacts:
    """Return an intermediate of two years that began so long ago."""
    name = f"{environment}-g{generation}"
    return IssuerFacts(
        id=name,
        generation=generation,
        state=state,
        not_before=NOW - begun,
        not_after=NOW - begun + 730 * DAY,
        fingerprint=fingerprint(name),
        anchor=fingerprint(f"anchor {name}"),
        anchored=state in {"issuing", "introduced", "draining"},
    )


def role(name: str, counts: tuple[int, ...], **facts: Any) -> RoleFacts:
    """Return a role with the terms that the examples use."""
    ttl, before = (24 * HOUR, 8 * HOUR) if name == "agent" else (72 * HOUR, 24 * HOUR)
    return RoleFacts(name=name, ttl=ttl, renew_before=before, ending=counts, **facts)


def environment(name: str, **facts: Any) -> EnvironmentFacts:
    """Return an environment in which everything is well, but for what is given."""
    plain: dict[str, Any] = {
        "domain": f"{name}.example.internal",
        "policy": "1.3.6.1.4.1.32473.1.1",
        "namespace": name,
        "mount": "pki",
        "phase": "ready",
        "held": False,
        "issuers": (issuer(name, 1, "issuing", 90 * DAY),),
        "roles": (
            role("server", ending(_2d=1, _3d=1), earliest=NOW + 30 * HOUR),
            role("agent", ending(_12h=1), earliest=NOW + 11 * HOUR),
        ),
        "consumers": 3,
        "deliveries": {"delivered": 3},
        "sets": 31,
        "failures": 0,
        "crl_until": NOW + 60 * HOUR,
        "trusts": {name: 3},
    }
    return EnvironmentFacts(name=name, **(plain | facts))


def deadline(kind: Any, name: str, subject: str, warn: timedelta, at: timedelta) -> Deadline:
    """Return a deadline as far from now."""
    return Deadline(
        kind=kind,
        environment=name,
        subject=subject,
        warn=NOW + warn,
        at=NOW + at,
        summary=f"the successor of {subject} has to be signed"
        if kind == "rotation"
        else f"{subject} ends, and every certificate under it",
        remedy=f"hold a ceremony for the next intermediate of {name}",
    )


def consumers(*more: ConsumerFacts) -> EnvironmentMap:
    """Return three consumers that are well, and more."""
    listed = (
        ConsumerFacts(
            "billing",
            "server",
            "payments",
            "managed",
            "delivered",
            "",
            NOW + 30 * HOUR,
            served=True,
        ),
        ConsumerFacts("ledger", "server", "payments", "host", "delivered", "", NOW + 66 * HOUR),
        ConsumerFacts(
            "collector", "agent", "platform", "managed", "delivered", "", NOW + 11 * HOUR
        ),
        *more,
    )
    return EnvironmentMap(
        listed,
        tuple(Group(each.role, each.owner, {each.state: 1}) for each in listed),
    )


def quiet() -> Scene:
    """Return two environments without a care."""
    overview = Overview(
        at=NOW,
        organization="Example",
        root=RootFacts(
            "CN=Example Root,O=Example",
            fingerprint("root"),
            NOW - 100 * DAY,
            NOW + 7200 * DAY,
            4,
            NOW + 300 * DAY,
        ),
        environments=(
            environment("test"),
            environment("prod", policy="1.3.6.1.4.1.32473.1.2"),
        ),
        deadlines=(
            deadline("rotation", "test", "test-g1", 600 * DAY, 614 * DAY),
            deadline("rotation", "prod", "prod-g1", 610 * DAY, 624 * DAY),
            deadline("issuer-expiry", "test", "test-g1", 637 * DAY, 640 * DAY),
            deadline("issuer-expiry", "prod", "prod-g1", 647 * DAY, 650 * DAY),
            deadline("root-expiry", "", "root", 6470 * DAY, 7200 * DAY),
        ),
        sweep=SweepRecord(
            id="20261126T061600Z-1",
            actor="run",
            started=NOW - timedelta(minutes=14),
            ended=NOW - timedelta(minutes=13),
        ),
    )
    return overview, {"test": consumers(), "prod": consumers()}


def finding(kind: str, name: str, subject: str, severity: Any, summary: str) -> FindingRecord:
    """Return a finding that was opened five hours ago."""
    return FindingRecord(
        id=f"{kind}/{name}/{subject}",
        kind=kind,
        environment=name,
        subject=subject,
        severity=severity,
        summary=summary,
        remedy="see: trustwright findings show",
        opened=NOW - 5 * HOUR,
        seen=NOW - timedelta(minutes=13),
    )


def troubled() -> Scene:
    """Return the same with a rogue certificate, a failed consumer, a rotation and a cross trust."""
    overview, _ = quiet()
    prod = environment(
        "prod",
        policy="1.3.6.1.4.1.32473.1.2",
        issuers=(issuer("prod", 1, "issuing", 714 * DAY), issuer("prod", 2, "requested", DAY)),
        roles=(
            role(
                "server",
                ending(_now=1, _2d=1, _3d=1),
                earliest=NOW - HOUR,
                due=1,
                overdue=1,
                expired=1,
            ),
            role("agent", ending(_12h=1), earliest=NOW + 11 * HOUR),
        ),
        consumers=4,
        deliveries={"delivered": 3, "failed": 1},
        failures=9,
        trusts={"prod": 4, "test": 1},
    )
    broken = ConsumerFacts(
        "gateway",
        "server",
        "edge",
        "managed",
        "failed",
        "reload failed: exit code 1: nginx: configuration file test failed",
        NOW - HOUR,
    )
    made = replace(
        overview,
        environments=(overview.environments[0], prod),
        findings=(
            finding(
                "certificate-rogue",
                "prod",
                "3f:9a",
                "critical",
                "a certificate that nobody ordered was signed in Vault through the role server",
            ),
            finding("consumer-failed", "prod", "gateway", "warning", "gateway holds no valid set"),
        ),
        ceremonies=(
            CeremonyFacts(
                "9f" * 32, "prod", "sign-intermediate", 2, NOW - DAY, NOW + 6 * DAY, refusals=1
            ),
        ),
        deadlines=(
            deadline("rotation", "prod", "prod-g1", -15 * DAY, -1 * DAY),
            deadline("ceremony", "prod", "9f9f9f9f9f9f", -1 * DAY, 6 * DAY),
            deadline("issuer-expiry", "prod", "prod-g1", 13 * DAY, 16 * DAY),
            *(each for each in overview.deadlines if each.environment != "prod"),
        ),
        breakers=(
            BreakerRecord(
                id="consumer/prod/gateway",
                environment="prod",
                state="open",
                failures=5,
                since=NOW - 5 * HOUR,
                opened=NOW - HOUR,
                retry_at=NOW + HOUR,
                problem="reload failed",
                updated=NOW - HOUR,
            ),
        ),
    )
    return made, {"test": consumers(), "prod": consumers(broken)}


def crowded() -> Scene:
    """Return five environments, one of them with five thousand consumers of forty owners."""
    overview, _ = quiet()
    owners = [f"team-{number:02}" for number in range(40)]
    groups = tuple(
        Group(name, owner, {"delivered": 61 + number % 4, **({"failed": 2} if number == 7 else {})})
        for name in ("proxy", "server")
        for number, owner in enumerate(owners)
    )
    failed = ConsumerFacts(
        "svc-0712", "server", "team-07", "managed", "failed", "no space left on device"
    )
    total = sum(each.number for each in groups)
    prod = environment(
        "prod",
        roles=(
            role(
                "server",
                ending(_12h=3, _1d=160, _2d=900, _3d=1440),
                earliest=NOW + 9 * HOUR,
                due=163,
            ),
            role("proxy", ending(_1d=210, _2d=1010, _3d=1380), earliest=NOW + 14 * HOUR, due=210),
        ),
        consumers=total,
        deliveries={"delivered": total - 4, "failed": 4},
        trusts={"prod": total},
    )
    others = [environment(name) for name in ("test", "staging", "edge", "lab")]
    made = replace(overview, environments=(others[0], prod, *others[1:]))
    small = {each.name: consumers() for each in others}
    return made, small | {"prod": EnvironmentMap((failed,), groups)}
