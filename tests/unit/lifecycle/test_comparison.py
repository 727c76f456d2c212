"""Vault's list against the inventory: who signed what behind our back, and what is no reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    HOUR,
    bootstrap,
    consumer,
    leave_request,
    rows_of,
    straighten,
    twist,
)
from tests.unit.lifecycle.strangers import sign_behind_our_back
from tests.unit.lifecycle.test_left_behind import leave
from trustwright.lifecycle import comparison
from trustwright.lifecycle.comparison import compare_with_vault
from trustwright.lifecycle.consumers import serve_consumer
from trustwright.lifecycle.sweep import sweep_estate
from trustwright.model.sweep import FindingRecord
from trustwright.policy.findings import Finding
from trustwright.ports import Signing

pytestmark = pytest.mark.unit


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose hosts have all asked."""
    leave_request(world)
    bootstrap(world)
    world.ports.chat.told.clear()
    return world


def compared(world: World) -> list[tuple[str, str]]:
    """Return kind and subject of what a comparison finds."""
    return [(each.kind, each.subject) for each in compare_with_vault(world.ports, "prod").found]


def rogues(world: World) -> list[FindingRecord]:
    """Return the rows of rogue certificates."""
    return list(world.ports.store.findings.find(kind="certificate-rogue"))


def sweep(world: World) -> int:
    """Sweep, let time go by; return how many alarms people got."""
    world.ports.chat.told.clear()
    sweep_estate(world.ports)
    world.clock.advance(seconds=120)
    return len([each for each in world.ports.chat.told if "certificate rogue" in each.title])


def only(world: World) -> Finding:
    """Return the one thing that a comparison finds."""
    (found,) = compare_with_vault(world.ports, "prod").found
    return found


def test_a_stranger_is_named_with_all_that_can_be_read(ready: World) -> None:
    """Serial, subject, names, the role that it looks like, and from when to when."""
    serial = sign_behind_our_back(ready)
    found = only(ready)
    assert (found.kind, found.severity, found.subject) == ("certificate-rogue", "critical", serial)
    for text in (
        serial,
        "CN=evil.prod.example.internal",
        "for evil.prod.example.internal, spiffe: //prod.example.internal/proxy/gateway",
        "looks like role proxy",
        "valid 2026-11-23T11:59:30Z to 2026-11-26T12:00:00Z",
        "who is not known: no audit log is known here",
    ):
        assert text in found.summary
    assert found.remedy == (
        f"Find out who. Then revoke it: `bao write -namespace=prod pki/revoke "
        f"serial_number={serial}`, and `bao read -namespace=prod pki/crl/rotate`."
    )
    assert found.due == ready.clock.now() + timedelta(hours=72)


def test_the_audit_log_says_who(ready: World) -> None:
    """Role, login, entity, address, time and request, as the server wrote them down."""
    serial = sign_behind_our_back(ready)
    at = ready.clock.now()
    ready.ports.bystander.known[serial] = Signing(
        at, "prod/pki/issuer/x/sign/proxy", "proxy", "jwt-issuer", "e-1", "192.0.2.7", "r-1"
    )
    summary = only(ready).summary
    assert "signed through proxy" in summary
    assert "by jwt-issuer (entity e-1) from 192.0.2.7 at 2026-11-23T12:00:00Z" in summary
    assert "request r-1" in summary


def test_a_stranger_is_asked_about_once(ready: World) -> None:
    """The log is read when it is new; later sweeps keep what was learned. One alarm in three."""
    serial = sign_behind_our_back(ready)
    assert [sweep(ready) for _ in range(3)] == [1, 0, 0]
    assert ready.ports.bystander.asked == [serial]
    (row,) = rogues(ready)
    assert (row.state, row.times) == ("open", 1)


def test_a_stranger_that_is_revoked_stays_until_the_crl_says_so(ready: World) -> None:
    """Relying parties accept it until then. Nothing is revoked by itself."""
    serial = sign_behind_our_back(ready)
    sweep(ready)
    assert serial not in ready.ports.vault.mounts["prod"].revoked
    ready.ports.vault.signer("prod").revoke(serial)
    sweep(ready)
    assert [row.state for row in rogues(ready)] == ["open"]
    ready.ports.vault.signer("prod").rotate_crl()
    sweep(ready)
    assert [row.state for row in rogues(ready)] == ["closed"]
    assert [sweep(ready) for _ in range(2)] == [0, 0]
    assert [row.times for row in rogues(ready)] == [1]


def test_a_stranger_that_lived_between_two_sweeps_is_told_of(ready: World) -> None:
    """It signed for minutes and is over: somebody did it all the same. Then it is history."""
    sign_behind_our_back(ready, ttl=300)
    ready.clock.advance(seconds=HOUR)
    assert sweep(ready) == 1
    assert [row.state for row in rogues(ready)] == ["open"]
    assert sweep(ready) == 0
    assert [row.state for row in rogues(ready)] == ["closed"]
    assert [sweep(ready) for _ in range(2)] == [0, 0]


def test_what_ended_a_month_ago_is_not_dug_up(ready: World) -> None:
    """Vault keeps certificates for years; a store that is new must not alarm for all of them."""
    sign_behind_our_back(ready, ttl=300)
    ready.clock.advance(seconds=31 * DAY)
    assert ("certificate-rogue", rows_of(ready, "billing")[0].serial) not in compared(ready)
    assert [kind for kind, _ in compared(ready) if kind == "certificate-rogue"] == []


def test_a_certificate_over_an_announced_key_for_other_names_is_rogue(ready: World) -> None:
    """A host's request is no secret: whoever has the login could have it signed for any name."""
    request = ready.ports.targets["prod/ledger"].request
    assert request is not None
    serial = sign_behind_our_back(ready, csr=request)
    found = only(ready)
    assert (found.kind, found.subject) == ("certificate-rogue", serial)
    assert "over the key of consumer/prod/ledger" in found.summary


def test_a_reply_on_its_way_is_no_finding(ready: World) -> None:
    """A run has had it signed a moment ago and has not written it down yet."""
    ready.ports.targets["prod/billing"].lose()
    inside: list[list[tuple[str, str]]] = []

    def signed(honest: Any, order: Any) -> Any:
        pem = honest(order)
        straighten(ready.ports)
        inside.append(compared(ready))
        return pem

    twist(ready.ports, {"signer.sign": signed})
    serve_consumer(ready.ports, consumer(ready, "billing"))
    assert inside == [[]]
    assert compared(ready) == []


def test_a_row_that_is_written_meanwhile_is_no_finding(ready: World) -> None:
    """The list was read before the certificate was signed, the inventory after it."""
    ready.ports.targets["prod/billing"].lose()
    before = list(ready.ports.vault.signer("prod").serials())
    serve_consumer(ready.ports, consumer(ready, "billing"))
    twist(ready.ports, {"signer.serials": lambda _honest: iter(before)})
    assert compared(ready) == []
    straighten(ready.ports)

    def listed_first(honest: Any) -> Any:
        serials = list(honest())
        rows = ready.ports.store.certificates
        (row,) = rows_of(ready, "billing", state="valid")
        del rows._rows[row.id]  # type: ignore[attr-defined]
        put_back.append(row)
        return iter(serials)

    put_back: list[Any] = []

    def found(honest: Any, **equals: Any) -> Any:
        if put_back and "serial" in equals:
            ready.ports.store.certificates.insert(put_back.pop())
        return honest(**equals)

    answers = {"signer.serials": listed_first, "records.certificates.find": found}
    twist(ready.ports, answers)
    assert compared(ready) == []
    assert put_back == []


def test_an_orphan_grows_when_nobody_settles_it(ready: World) -> None:
    """It is the watch's to revoke; after a day a person has to look."""
    ready.ports.targets["prod/billing"].lose()
    serial = leave(ready)
    assert compared(ready) == []
    ready.clock.advance(seconds=HOUR)
    assert (only(ready).kind, only(ready).severity, only(ready).subject) == (
        "certificate-orphan",
        "info",
        serial,
    )
    ready.clock.advance(seconds=DAY)
    assert only(ready).severity == "critical"


def test_a_certificate_that_ended_or_was_replaced_is_not_missed(ready: World) -> None:
    """A server that tidies up forgets what has expired."""
    (row,) = rows_of(ready, "billing", state="valid")
    del ready.ports.vault.mounts["prod"].certificates[row.serial]
    assert compared(ready) == [("certificate-missing", row.serial)]
    ready.clock.advance(seconds=73 * HOUR)
    assert compared(ready) == []


def test_something_unreadable_is_rogue(ready: World) -> None:
    """What we never would have ordered need not be what we can read."""
    mount = ready.ports.vault.mounts["prod"]
    mount.certificates["00:ff"] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    found = only(ready)
    assert (found.kind, found.subject, found.severity) == ("certificate-rogue", "00:ff", "critical")
    assert "not to be read" in found.summary


def test_a_flood_is_said_and_closes_nothing(ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded, and what was found before is not believed to be gone."""
    monkeypatch.setattr(comparison, "MOST", 3)
    for _ in range(5):
        sign_behind_our_back(ready)
    seen = compare_with_vault(ready.ports, "prod")
    assert len(seen.found) == 3
    assert seen.problems == ("2 more differences were not looked at",)
    assert seen.kinds == frozenset()


def test_what_is_fetched_is_bounded(ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown certificates that are history cost a look each, and not for ever."""
    for _ in range(5):
        sign_behind_our_back(ready, ttl=300)
    ready.clock.advance(seconds=31 * DAY)
    assert compare_with_vault(ready.ports, "prod").problems == ()
    monkeypatch.setattr(comparison, "LOOKS", 4)
    assert compare_with_vault(ready.ports, "prod").problems == (
        "1 more differences were not looked at",
    )
