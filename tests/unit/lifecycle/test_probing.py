"""What endpoints serve is compared with what was delivered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.endpoints.conftest import Shown, shown_files
from tests.unit.lifecycle.scenes import (
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import ConflictError, Rejected, Unavailable
from trustwright.lifecycle.consumers import serve_consumers
from trustwright.lifecycle.deliveries import serving_alone
from trustwright.lifecycle.probing import judge_endpoints
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.model.records import DeliveryRecord
from trustwright.model.sweep import FindingRecord
from trustwright.policy.findings import Finding
from trustwright.ports import POSTPONED, Presented

__all__ = ["shown_files"]

pytestmark = pytest.mark.unit

PROBE = "tls://127.0.0.1:8443"
RELOAD = "have the service read its files again: look at `reload` of the consumer"


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose billing has a probe, and was served an hour ago."""
    change_consumer(world, "billing", probe=PROBE)
    bootstrap(world)
    world.clock.advance(seconds=HOUR)
    return world


def serve(world: World, leaf: str, *chain: str) -> None:
    """Have billing's endpoint present something."""
    world.ports.endpoints.behind[PROBE] = Presented(leaf, chain, "TLSv1.3")


def looked(world: World) -> list[Finding]:
    """Look at the endpoints of prod."""
    return judge_endpoints(world.ports, "prod")


def row(world: World) -> DeliveryRecord:
    """Return billing's delivery."""
    found = world.ports.store.deliveries.get("prod/billing")
    assert found is not None
    return found


def issuer(world: World, name: str = "prod") -> Any:
    """Return an environment's issuer."""
    return world.ports.store.issuers.get(f"{name}-g1")


def honest(world: World) -> None:
    """Serve what was delivered last."""
    serve(world, rows_of(world, "billing", environment="prod")[-1].pem, issuer(world).certificate)


def said(found: list[Finding]) -> list[tuple[str, str, str]]:
    """Return kind, severity and summary."""
    return [(each.kind, each.severity, each.summary) for each in found]


def open_finding(world: World, kind: str) -> None:
    """Leave a finding of an earlier sweep."""
    now = world.clock.now()
    world.ports.store.findings.insert(
        FindingRecord(
            id=f"{kind}/prod/billing",
            kind=kind,
            environment="prod",
            subject="billing",
            severity="warning",
            summary="as it was",
            opened=now,
            seen=now,
        )
    )


def test_what_was_delivered_is_served(ready: World) -> None:
    """Nothing to say; the row remembers what was seen, and when."""
    honest(ready)
    assert looked(ready) == []
    assert (row(ready).served, row(ready).probed) == (row(ready).serial, ready.clock.now())


def test_no_probe_no_look(ready: World) -> None:
    """A consumer without a probe, and one that never had a set, are nobody's concern here."""
    change_consumer(ready, "billing", probe=None)
    change_consumer(ready, "gateway", probe=PROBE)
    ready.ports.store.deliveries = type(ready.ports.store.deliveries)(DeliveryRecord)  # type: ignore[call-arg]
    assert looked(ready) == []


def test_nobody_answers(ready: World) -> None:
    """The finding has the reason, its rule and the remedy; nothing is recorded as seen."""
    error = Unavailable(
        f"{PROBE} does not answer: Connection refused", rule="PROBE-UNREACHABLE", hint="start it"
    )
    ready.ports.endpoints.behind[PROBE] = error
    (found,) = looked(ready)
    assert said([found]) == [
        (
            "endpoint-unreachable",
            "warning",
            (
                "billing: tls: //127.0.0.1:8443 does not answer: Connection refused "
                "(PROBE-UNREACHABLE)"
            ),
        )
    ]
    assert (found.id, found.remedy) == ("endpoint-unreachable/prod/billing", "start it")
    assert row(ready).probed is None


@pytest.fixture
def renewed(ready: World) -> World:
    """Return a world where billing holds a second certificate and serves the first one."""
    ready.clock.advance(seconds=48 * HOUR)
    serve_consumers(ready.ports, [consumer(ready, "billing")])
    ready.clock.advance(seconds=HOUR)
    serve(ready, rows_of(ready, "billing", environment="prod")[0].pem, issuer(ready).certificate)
    return ready


def test_an_older_certificate_is_served(renewed: World) -> None:
    """It says which, until when it will do, and since when the newer one is there."""
    old, new = rows_of(renewed, "billing", environment="prod")
    (found,) = looked(renewed)
    assert said([found]) == [
        (
            "endpoint-differs",
            "warning",
            (
                f"billing still serves serial {old.serial}, which expires "
                f"{old.not_after:%Y-%m-%d %H:%M} UTC; serial {new.serial} was delivered "
                f"{new.recorded:%Y-%m-%d %H:%M} UTC"
            ),
        )
    ]
    assert (found.due, found.remedy) == (old.not_after, RELOAD)
    assert row(renewed).served == old.serial


def test_a_revoked_certificate_is_served(renewed: World) -> None:
    """Relying parties with a fresh CRL refuse it already."""
    old, _ = rows_of(renewed, "billing", environment="prod")
    revoke_certificate(renewed.ports, old, "a test")
    (found,) = looked(renewed)
    assert (found.kind, found.severity) == ("endpoint-differs", "critical")
    assert f"still serves serial {old.serial}, which is revoked;" in found.summary


def test_an_expired_certificate_is_served(renewed: World) -> None:
    """Whichever of ours it is."""
    renewed.clock.advance(seconds=24 * HOUR)
    old, _ = rows_of(renewed, "billing", environment="prod")
    (found,) = looked(renewed)
    assert said([found]) == [
        (
            "endpoint-expired",
            "critical",
            f"billing serves serial {old.serial}, which expired {old.not_after:%Y-%m-%d %H:%M} UTC",
        )
    ]


def test_a_newer_certificate_than_expected_is_no_finding(renewed: World) -> None:
    """It was delivered between the look at the record and the handshake."""
    honest(renewed)
    deliveries = renewed.ports.store.deliveries
    old, _ = rows_of(renewed, "billing", environment="prod")
    deliveries.replace(row(renewed), serial=old.serial)
    assert looked(renewed) == []


@pytest.mark.parametrize(
    ("environment", "name", "whose"),
    [
        ("prod", "gateway", "the certificate of prod/gateway"),
        ("test", "billing", "the certificate of test/billing"),
    ],
)
def test_anothers_certificate_is_served(
    ready: World, environment: str, name: str, whose: str
) -> None:
    """Another consumer's, or that of the same name in another environment."""
    bootstrap(ready, "test")
    theirs = rows_of(ready, name, environment=environment)[-1]
    serve(ready, theirs.pem, issuer(ready, environment).certificate)
    assert said(looked(ready)) == [("endpoint-differs", "critical", f"billing serves {whose}")]


def test_a_certificate_that_nobody_recorded_is_served(ready: World) -> None:
    """Our intermediate signed it: that it is not in the inventory is the more alarming."""
    honest(ready)
    ours = rows_of(ready, "billing", environment="prod")[-1]
    twist(
        ready.ports,
        {"records.certificates.get": lambda honest, key: None if ours.id == key else honest(key)},
    )
    (found,) = looked(ready)
    assert found.severity == "critical"
    assert found.summary == (
        f"billing serves serial {ours.serial}, signed by the intermediate of prod and not recorded"
    )
    assert row(ready).served is None


def test_a_strangers_certificate_is_served(ready: World, shown: Shown) -> None:
    """Serial and issuer say whose; it is not remembered as ours, and has no chain of ours."""
    serve(ready, shown.leaf)
    (found,) = looked(ready)
    assert (found.kind, found.severity) == ("endpoint-differs", "critical")
    assert found.summary.startswith("billing serves somebody else's certificate: serial ")
    assert found.summary.endswith("issuer CN=Example prod Issuing CA G1,OU=prod,O=Example")
    assert (row(ready).served, row(ready).probed) == (None, ready.clock.now())


def test_something_unreadable_is_served(ready: World) -> None:
    """Octets that are no certificate are a finding, and end no sweep."""
    serve(ready, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (found,) = looked(ready)
    assert (found.kind, found.severity) == ("endpoint-differs", "critical")
    assert found.summary.startswith("billing serves what cannot be read: ")
    assert found.summary.count("\n") == 0


@pytest.mark.parametrize(
    ("chain", "wrong"),
    [
        ([], "sends its certificate without the intermediate that signed it"),
        (
            ["anchor"],
            "sends an anchor, which relying parties have for themselves or not at all",
        ),
        (
            ["certificate", "root"],
            "sends the root, which relying parties have for themselves or not at all",
        ),
        (
            ["leaf", "certificate"],
            "sends more than its certificate and intermediate, or not in that order",
        ),
        (["other"], "sends certificates that did not sign its own"),
    ],
)
def test_a_wrong_chain(ready: World, shown: Shown, chain: list[str], wrong: str) -> None:
    """Leaf and intermediate, in that order and nothing else, is what was delivered."""
    leaf = rows_of(ready, "billing", environment="prod")[-1].pem
    parts = {
        "leaf": leaf,
        "certificate": issuer(ready).certificate,
        "anchor": issuer(ready).anchor,
        "root": ready.root.pem,
        "other": shown.intermediate,
    }
    serve(ready, leaf, *(parts[each] for each in chain))
    assert said(looked(ready)) == [("endpoint-chain", "warning", f"billing {wrong}")]


def test_a_delivery_has_time_to_be_served(renewed: World) -> None:
    """Within five minutes of a delivery nothing is judged; an earlier finding stays as it is."""
    ready = renewed
    delivered = row(ready)
    ready.ports.store.deliveries.replace(delivered, updated=ready.clock.now())
    ready.clock.advance(seconds=299)
    assert looked(ready) == []
    open_finding(ready, "endpoint-differs")
    assert said(looked(ready)) == [("endpoint-differs", "warning", "as it was")]
    ready.clock.advance(seconds=1)
    assert "still serves" in looked(ready)[0].summary


def test_a_failing_delivery_is_no_excuse(renewed: World) -> None:
    """Its row is written at every try; what was delivered before counts since then."""
    failed = renewed.ports.store.deliveries.replace(
        row(renewed), state="failed", updated=renewed.clock.now()
    )
    assert failed.state == "failed"
    assert "still serves" in looked(renewed)[0].summary


def test_what_could_not_be_seen_is_not_gone(ready: World) -> None:
    """A dead endpoint closes no finding about its certificate; a postponed look closes none."""
    open_finding(ready, "endpoint-chain")
    ready.ports.endpoints.behind[PROBE] = Rejected("no", rule="PROBE-PROTOCOL")
    assert [each.kind for each in looked(ready)] == ["endpoint-unreachable", "endpoint-chain"]
    ready.ports.endpoints.behind[PROBE] = Unavailable("later", rule=POSTPONED)
    assert said(looked(ready)) == [("endpoint-chain", "warning", "as it was")]


def test_a_consumer_that_is_being_served_is_left_alone(renewed: World) -> None:
    """Its row belongs to the run that serves it: nothing is looked at, nothing written."""
    ports, held = renewed.ports, consumer(renewed, "billing")
    with serving_alone(ports, held):
        before = row(renewed)
        assert looked(renewed) == []
        assert row(renewed) == before


def test_a_run_that_begins_meanwhile_loses_nothing(renewed: World) -> None:
    """Between handshake and record a run took the consumer: its row stays as it wrote it."""
    ports, meanwhile = renewed.ports, []

    def look(honest: Any, looks: Any) -> Any:
        meanwhile.append(ports.store.deliveries.replace(row(renewed), holder="run-2"))
        return honest(looks)

    twist(ports, {"prober.presented_together": look})
    assert len(looked(renewed)) == 1
    assert [row(renewed)] == meanwhile
    twist(ports, {"records.deliveries.replace": raising(ConflictError("x", rule="STORE-STALE"))})
    ports.store.deliveries.replace(row(renewed), holder=None)
    assert len(looked(renewed)) == 1
    straighten(ports)
