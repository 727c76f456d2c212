"""A certificate that somebody signs behind our back, in a real OpenBao with a real audit device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import insert

from tests.contract.openbao import OpenBao
from tests.contract.vaults import csr
from tests.e2e.real import RealWorld
from tests.fakes.world import run_bootstrap
from tests.unit.lifecycle.scenes import Twisted
from trustwright.ids import serial_text
from trustwright.lifecycle.comparison import compare_with_vault
from trustwright.lifecycle.sweep import sweep_estate
from trustwright.model.sweep import FindingRecord
from trustwright.ports import SignOrder
from trustwright.store import tables
from trustwright.vault.leaves import VaultSigner
from trustwright.x509 import parse

pytestmark = pytest.mark.contract

SERVICES = (("billing", "server", "managed"),)
DOMAIN = "prod.example.internal"
PAGE = 40


@pytest.fixture
def ready(openbao: OpenBao, tmp_path: Path) -> Iterator[RealWorld]:
    """Return a world of the test's own, whose prod has been bootstrapped."""
    world = RealWorld(openbao, tmp_path, f"rogue-{token_hex(4)}", SERVICES)
    run_bootstrap(world.ports, "prod", world.answer)
    world.ports.chat.told.clear()
    yield world
    world.ports.store.close()


def order(world: RealWorld, ttl: int = 3600) -> SignOrder:
    """Return an order for which no intent is written."""
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    return SignOrder(
        issuer_id=issuer.issuer_id or "",
        role="server",
        csr=csr(),
        names=(f"evil.{DOMAIN}",),
        uris=(),
        ttl=ttl,
    )


def rogues(world: RealWorld) -> list[FindingRecord]:
    """Return the rows of rogue certificates."""
    return list(world.ports.store.findings.find(kind="certificate-rogue"))


def alarms(world: RealWorld) -> list[str]:
    """Return what people were told of rogue certificates."""
    return [each.body for each in world.ports.chat.told if "rogue" in each.title]


def test_a_certificate_signed_behind_our_back(ready: RealWorld) -> None:
    """Found by the next sweep; named with role, time and who; alarmed once; gone with the CRL."""
    signer = ready.ports.signer("prod")
    assert sweep_estate(ready.ports).problems == ()
    assert rogues(ready) == []
    before = ready.ports.clock.now()
    certificate = parse.certificate(signer.sign(order(ready)))
    serial = serial_text(certificate.serial_number)

    assert sweep_estate(ready.ports).problems == ()
    (row,) = rogues(ready)
    assert (row.subject, row.severity, row.due) == (
        serial,
        "critical",
        certificate.not_valid_after_utc,
    )
    said = re.search(
        r"; signed through server; by (\S+) \(entity ([0-9a-f-]{36})\S*\) from (\S+) at (\S+), "
        r"request ([0-9a-f-]{36}); valid ",
        row.summary,
    )
    assert f"serial {serial};" in row.summary
    assert f"; CN=evil.{DOMAIN},OU=prod,O=Example; for evil.{DOMAIN}" in row.summary
    assert said is not None
    assert said[1].endswith("-auth-jwt-issuer-issuer")
    assert said[3] == "127.0.0.1"
    assert before <= datetime.fromisoformat(said[4]) <= ready.ports.clock.now()
    assert f"bao write -namespace={ready.namespace('prod')} pki/revoke" in row.remedy

    for _ in range(2):
        assert sweep_estate(ready.ports).opened == 0
    assert len(alarms(ready)) == 1
    assert serial in alarms(ready)[0]

    signer.revoke(serial)
    signer.rotate_crl()
    assert sweep_estate(ready.ports).closed == 1
    assert [each.state for each in rogues(ready)] == ["closed"]
    assert sweep_estate(ready.ports).opened == 0
    assert len(alarms(ready)) == 1


def paged(honest: Any) -> Iterator[str]:
    """Ask for the list in short pages."""
    signer = honest.__self__
    yield from VaultSigner(signer._connection, signer._environment, page=PAGE).serials()


def test_none_is_lost_between_two_pages(ready: RealWorld) -> None:
    """Several pages of the server's list, among them one stranger: just it is found.

    A page is short here, so that few certificates have to be signed.
    """
    signer = ready.ports.signer("prod")
    ready.ports.through = Twisted({"signer.serials": paged})
    known = {row.subject for row in rogues(ready)}
    (row,) = ready.ports.store.certificates.find(subject="billing", state="valid")
    signed = signer.sign_many([order(ready) for _ in range(6 * PAGE)])
    stranger, *ours = [parse.certificate(pem) for pem in signed if isinstance(pem, str)]
    assert len(ours) == 6 * PAGE - 1
    serials = [serial_text(each.serial_number) for each in ours]
    rows = [
        dict(row) | {"id": f"prod-g1/{serial}", "serial": serial, "subject": "many"}
        for serial in serials
    ]
    with ready.ports.store._engine.begin() as connection:  # in one transaction, to save time
        connection.execute(insert(tables.certificates), rows)
    found = compare_with_vault(ready.ports, "prod").found
    assert {(each.kind, each.subject) for each in found if each.subject not in known} == {
        ("certificate-rogue", serial_text(stranger.serial_number))
    }
