"""The lives of certificates: what the record says of them, and what it leaves open."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.stores import certificate, with_issuer
from tests.fakes.world import World
from trustwright.lifecycle.histories import Life, life, lines_of, lives
from trustwright.lifecycle.journal import note
from trustwright.model.inventory import Selection
from trustwright.model.records import CertificateRecord

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with two certificates of prod's billing and nothing else on record."""
    made = World(tmp_path)
    with_issuer(made.ports.store)
    for number in (1, 2):
        moment = made.clock.now() + timedelta(minutes=number)
        row = entry(f"0{number}:00", recorded=moment)
        made.ports.store.certificates.insert(row)
    return made


def entry(serial: str, **changes: Any) -> CertificateRecord:
    """Return an inventory row with other fields than the usual one."""
    usual = certificate(serial)
    fields = {name: getattr(usual, name) for name in CertificateRecord.model_fields}
    return CertificateRecord.model_validate(fields | changes)


def delivered(world: World, serial: str, *, subject: str = "prod/billing") -> None:
    """Note a delivery, a minute after the one before."""
    world.clock.advance(seconds=60)
    event = "trustwright.consumer.delivered"
    note(world.ports, event, "prod", subject, f"serial {serial}, version 1")


def of_billing(world: World, **options: Any) -> list[Life]:
    """Return the lives of billing's certificates."""
    return list(lives(world.ports, Selection(subject="billing"), **options))


def test_nothing_is_invented(world: World) -> None:
    """Without an intent, a delivery or a revocation on record there is none in the life."""
    for each in of_billing(world):
        assert (each.ordered, each.delivered, each.replaced, each.revoked) == (None,) * 4


def test_one_that_is_in_place_again(world: World) -> None:
    """After an undo the first one stands where it stood, and the second was replaced by it."""
    for serial in ("01:00", "02:00", "01:00"):
        delivered(world, serial)
    first, second = of_billing(world)
    assert first.replaced is None
    assert second.replaced is not None
    assert second.replaced.detail == "by 01:00"
    assert first.delivered is not None
    assert first.delivered.at < second.replaced.at


def test_a_set_that_was_refreshed_replaces_nothing(world: World) -> None:
    """The same certificate with new CRLs is delivered again: its first delivery counts."""
    delivered(world, "01:00")
    began = world.clock.now()
    delivered(world, "01:00")
    first, _ = of_billing(world)
    assert first.delivered is not None
    assert (first.delivered.at, first.replaced) == (began, None)


def test_lines_of_others_are_left_out(world: World) -> None:
    """A serial that begins like this one, another consumer, another event: none of its own."""
    delivered(world, "01:00:ff")
    delivered(world, "01:00", subject="prod/gateway")
    note(world.ports, "trustwright.consumer.failed", "prod", "prod/billing", "serial 01:00, no")
    delivered(world, "01:00")
    row = world.ports.store.certificates.get("prod-g1/01:00")
    assert row is not None
    (line,) = lines_of(world.ports, row)
    assert (line.subject, line.detail) == ("prod/billing", "serial 01:00, version 1")
    found = life(world.ports, row)
    assert found.delivered is not None
    assert found.delivered.at == line.at


def test_one_that_was_revoked_before_there_was_a_trail(world: World) -> None:
    """The record's time stands, and nobody is named."""
    row = world.ports.store.certificates.get("prod-g1/01:00")
    assert row is not None
    moment = world.clock.now()
    world.ports.store.certificates.replace(row, state="revoked", revoked=moment)
    first, _ = of_billing(world)
    assert first.revoked is not None
    assert (first.revoked.at, first.revoked.actor) == (moment, "")


def test_newest_first_and_a_limit(world: World) -> None:
    """The order is that of issuance, turned round when asked."""
    assert [each.certificate.serial for each in of_billing(world)] == ["01:00", "02:00"]
    (newest,) = of_billing(world, newest_first=True, limit=1)
    assert newest.certificate.serial == "02:00"
