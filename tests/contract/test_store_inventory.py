"""The inventory's questions: one suite for the store in memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, product
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.contract.plans import plans_of
from tests.contract.postgres import Postgres
from tests.contract.stores import LATER, NOW, certificate, environment, issuer, with_issuer
from tests.contract.test_store_schema import store_at
from trustwright.errors import ConfigurationError, ConflictError
from trustwright.model.base import Artifact
from trustwright.model.inventory import Order, Selection, Tally
from trustwright.model.records import CertificateRecord
from trustwright.ports import Records
from trustwright.store import SqlRecords, inventory, migrate, open_records
from trustwright.store.engine import open_engine
from trustwright.store.tables import metadata

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)
DOMAIN = "prod.example.internal"
ORDERS: tuple[Order, ...] = get_args(Order)


def entry(serial: str, **changes: Any) -> CertificateRecord:
    """Return an inventory row with other fields than the usual one."""
    usual = certificate(serial)
    changes.setdefault("id", f"{changes.get('issuer', usual.issuer)}/{serial}")
    fields = {name: getattr(usual, name) for name in CertificateRecord.model_fields}
    return CertificateRecord.model_validate(fields | changes)


STOCK = (
    entry("0a:ff", not_after=NOW + 3 * HOUR, recorded=NOW, names=(f"billing.{DOMAIN}",)),
    entry("0a:f0", not_after=NOW + 2 * HOUR, recorded=NOW + HOUR, owner="platform", role="proxy"),
    entry("0b:01", not_after=NOW, recorded=NOW + HOUR, subject="gateway"),
    entry("0b:02", not_after=NOW - HOUR, state="superseded", names=(f"a.gateway.{DOMAIN}",)),
    entry("0c:00", not_after=NOW + HOUR, state="revoked", revoked=NOW, purpose="probe"),
    entry("0a:ff", not_after=NOW + 4 * HOUR, environment="test", issuer="test-g1", names=()),
    entry(
        "0d:00",
        not_after=NOW + 5 * HOUR,
        recorded=NOW - HOUR,
        names=(f"billing.{DOMAIN}", f"a.billing.{DOMAIN}", f"billing.{DOMAIN}"),
    ),
    entry("0e:00", not_after=NOW + 9 * HOUR, names=("xprod.example.internal", DOMAIN)),
)

EACH_FILTER: list[tuple[dict[str, Any], str]] = [
    ({}, "0b:02 0b:01 0c:00 0a:f0 0a:ff test/0a:ff 0d:00 0e:00"),
    ({"environment": "test"}, "test/0a:ff"),
    ({"environment": "absent"}, ""),
    ({"role": "proxy"}, "0a:f0"),
    ({"owner": "platform"}, "0a:f0"),
    ({"owner": "platform", "role": "server"}, ""),
    ({"subject": "gateway"}, "0b:01"),
    ({"issuer": "test-g1"}, "test/0a:ff"),
    ({"purpose": "probe"}, "0c:00"),
    ({"state": "valid"}, "0a:f0 0a:ff test/0a:ff 0d:00 0e:00"),
    ({"state": "expired"}, "0b:01"),
    ({"state": "superseded"}, "0b:02"),
    ({"state": "revoked"}, "0c:00"),
    ({"state": "refused"}, ""),
    ({"serial": "0a"}, "0a:f0 0a:ff test/0a:ff"),
    ({"serial": "0"}, "0b:02 0b:01 0c:00 0a:f0 0a:ff test/0a:ff 0d:00 0e:00"),
    ({"serial": "0af"}, "0a:f0 0a:ff test/0a:ff"),
    ({"serial": "0aff"}, "0a:ff test/0a:ff"),
    ({"serial": "0aff00"}, ""),
    ({"serial": "0aff", "environment": "test"}, "test/0a:ff"),
    ({"name": f"billing.{DOMAIN}"}, "0b:01 0c:00 0a:f0 0a:ff 0d:00"),
    ({"name": f"a.billing.{DOMAIN}"}, "0d:00"),
    ({"name": f"*.billing.{DOMAIN}"}, "0d:00"),
    ({"name": f"*.{DOMAIN}"}, "0b:02 0b:01 0c:00 0a:f0 0a:ff 0d:00"),
    ({"name": "*.example.internal"}, "0b:02 0b:01 0c:00 0a:f0 0a:ff 0d:00 0e:00"),
    ({"name": DOMAIN}, "0e:00"),
    ({"name": "billing"}, ""),
    ({"name": "%.internal"}, ""),
    ({"name": f"*.{DOMAIN}", "serial": "0b", "state": "superseded"}, "0b:02"),
    ({"ends_by": NOW + HOUR}, "0b:02 0b:01 0c:00"),
    ({"ends_after": NOW, "ends_by": NOW + 2 * HOUR}, "0c:00 0a:f0"),
    ({"state": "valid", "ends_by": NOW + 2 * HOUR}, "0a:f0"),
]


@pytest.fixture
def stock(records: Records) -> Records:
    """A store with a few certificates of every kind."""
    with_issuer(records)
    records.environments.insert(environment("test"))
    records.issuers.insert(issuer("test"))
    for row in STOCK:
        records.certificates.insert(row)
    return records


def keys(rows: Iterator[CertificateRecord]) -> str:
    """Return serials in their order, with an environment where it is not prod."""
    return " ".join(
        row.serial if row.environment == "prod" else f"{row.environment}/{row.serial}"
        for row in rows
    )


@pytest.mark.parametrize("few", [1000, 5, 0], ids=["few", "some", "many"])
def test_each_filter_narrows(stock: Records, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Alone and with others, whether names and serials are looked up or met on the way."""
    monkeypatch.setattr(inventory, "FEW", few)
    found = [
        (wanted, keys(stock.inventory.select(Selection(**wanted), NOW)))
        for wanted, _ in EACH_FILTER
    ]
    assert found == EACH_FILTER


def test_orders_are_those_that_were_asked(stock: Records) -> None:
    """By the moment, equals by key; a hyphen turns all of it round; a limit takes the first."""
    selections = (Selection(), Selection(name=f"billing.{DOMAIN}"), Selection(serial="0"))
    for order, asked in product(ORDERS, selections):
        found = list(stock.inventory.select(asked, NOW, order=order))
        moment = "not_after" if "expires" in order else "recorded"
        fitting = stock.inventory.select(asked, NOW)
        by_hand = sorted(fitting, key=attrgetter(moment, "id"))
        assert found == (by_hand[::-1] if order.startswith("-") else by_hand)
        assert len(found) >= 4
        for limit in (0, 1, 3, 100):
            assert (
                list(stock.inventory.select(asked, NOW, order=order, limit=limit)) == found[:limit]
            )


def test_pages_meet_between_equals(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten certificates that end and were issued in the same second come once each, by key."""
    monkeypatch.setattr(inventory, "PAGE", 3)
    with_issuer(records)
    serials = [f"{number:02x}" for number in range(10)]
    for serial in reversed(serials):
        records.certificates.insert(entry(serial))
    asked = Selection(environment="prod")
    for order, limit in product(ORDERS, (None, 1, 3, 4, 6, 10, 11)):
        found = records.inventory.select(asked, NOW, order=order, limit=limit)
        expected = serials[::-1] if order.startswith("-") else serials
        assert keys(found).split() == expected[:limit]


def test_what_changes_ahead_is_seen(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller writes while it reads: nothing blocks, nothing comes twice, the rest goes on."""
    monkeypatch.setattr(inventory, "PAGE", 2)
    with_issuer(records)
    rows = [entry(f"{number:02x}", not_after=NOW + (number + 1) * HOUR) for number in range(6)]
    for row in rows:
        records.certificates.insert(row)
    search = records.inventory.select(Selection(state="valid"), NOW)
    seen = list(islice(search, 2))
    records.certificates.replace(rows[0], state="superseded")
    records.certificates.replace(rows[4], state="superseded")
    records.certificates.insert(entry("aa", not_after=NOW + 9 * HOUR))
    seen += search
    if isinstance(records, SqlRecords):  # the fake looks once, at its first row
        assert keys(iter(seen)) == "00 01 02 03 05 aa"
    assert [row.serial for row in seen[:4]] == ["00", "01", "02", "03"]


def test_names_stay(stock: Records) -> None:
    """A certificate's names are signed: the record does not rename it."""
    row = stock.certificates.get("prod-g1/0b:01")
    assert row is not None
    with pytest.raises(ConfigurationError) as raised:
        stock.certificates.replace(row, names=("other.prod.example.internal",))
    assert raised.value.rule == "STORE-COLUMN"
    assert stock.certificates.get(row.id) == row


def test_a_refused_row_leaves_no_name(stock: Records) -> None:
    """Row and names are written together, or neither: the serial was taken."""
    name = f"late.{DOMAIN}"
    with pytest.raises(ConflictError):
        stock.certificates.insert(entry("0b:01", id="prod-g1/other", names=(name,)))
    assert keys(stock.inventory.select(Selection(name=name), NOW)) == ""


def test_tallies_by_environment_and_state(stock: Records) -> None:
    """Expired ones are told apart from valid ones; what there is none of is left out."""
    soon = Selection(state="valid", ends_by=NOW + 4 * HOUR)
    assert list(stock.inventory.tallies(soon, NOW)) == [
        Tally("prod", "valid", 2),
        Tally("test", "valid", 1),
    ]
    named = Selection(name=f"*.{DOMAIN}", environment="prod", serial="0b")
    assert list(stock.inventory.tallies(named, NOW)) == [
        Tally("prod", "expired", 1),
        Tally("prod", "superseded", 1),
    ]
    assert list(stock.inventory.tallies(Selection(), NOW)) == [
        Tally("prod", "expired", 1),
        Tally("prod", "revoked", 1),
        Tally("prod", "superseded", 1),
        Tally("prod", "valid", 4),
        Tally("test", "valid", 1),
    ]


def test_an_empty_store_has_no_answers(records: Records) -> None:
    """No rows, no tallies, no error."""
    assert list(records.inventory.select(Selection(), NOW)) == []
    assert list(records.inventory.select(Selection(name="*.internal"), NOW)) == []
    assert list(records.inventory.tallies(Selection(), NOW)) == []


LEADING: list[tuple[dict[str, Any], Order, str]] = [
    ({}, "expires", "certificates_expiry_idx"),
    ({}, "-expires", "certificates_expiry_idx"),
    ({}, "issued", "certificates_recorded_idx"),
    ({"owner": "o1", "state": "valid"}, "-issued", "certificates_recorded_idx"),
    ({"environment": "prod", "role": "server"}, "expires", "certificates_environment_idx"),
    ({"environment": "prod", "owner": "o1"}, "-expires", "certificates_owner_idx"),
    ({"issuer": "prod-g1", "purpose": "consumer"}, "expires", "certificates_issuer_idx"),
    ({"state": "revoked"}, "expires", "certificates_state_idx"),
    ({"state": "valid", "ends_by": LATER}, "expires", "certificates_state_idx"),
    ({"subject": "s1", "environment": "prod"}, "issued", "certificates_history_idx"),
]


def test_each_page_is_read_off_an_index(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page sorts, first or later: SQLite walks the leader's index, PostgreSQL an ordered one."""
    monkeypatch.setattr(inventory, "PAGE", 3)
    ordered = {"certificates_expiry_idx", "certificates_recorded_idx"}
    with open_records(url) as records:
        fill(records)
        for wanted, order, index in LEADING:
            with plans_of(records) as plans:
                rows = list(records.inventory.select(Selection(**wanted), NOW, order=order))
            assert len(rows) > 6, wanted
            known = {index, *(ordered if url.startswith("postgresql") else ())}
            assert set(plans.indexes()) <= known, wanted


def test_few_are_looked_up(url: str) -> None:
    """Serials and names lead to keys, keys to rows; nothing else is read."""
    primary = {"sqlite_autoindex_certificates_1", "certificates_pkey"}
    with open_records(url) as records:
        fill(records)
        for wanted, index in (
            (Selection(serial="0a"), "certificates_serial_idx"),
            (Selection(name=f"s1.{DOMAIN}"), "certificate_names_name_idx"),
            (Selection(name=f"*.s1.{DOMAIN}"), "certificate_names_name_idx"),
        ):
            with plans_of(records) as plans:
                assert list(records.inventory.select(wanted, NOW, limit=5))
            first, *later = plans.indexes()
            assert first == index
            assert later
            assert all(set(each.split()) & primary for each in later)


def test_many_are_met_on_the_way(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of too many: each page is one of the order's index, the name an index of its own."""
    monkeypatch.setattr(inventory, "PAGE", 3)
    monkeypatch.setattr(inventory, "FEW", 5)
    with open_records(url) as records:
        fill(records)
        wanted = Selection(name=f"*.{DOMAIN}", environment="prod")
        with plans_of(records) as plans:
            assert len(list(records.inventory.select(wanted, NOW))) == 60
        texts, (_, *pages) = plans.texts(), plans.indexes()
    assert len(pages) == 21
    assert {"certificates_environment_idx"} <= set(" ".join(pages).split())
    assert not [text for text in texts if "Sort" in text or "TEMP" in text or "SCAN" in text]


def test_tallies_count_in_an_index(sqlite_url: str) -> None:
    """The rows themselves, with their PEMs, are not read."""
    with open_records(sqlite_url) as records:
        with plans_of(records) as plans:
            records.inventory.tallies(Selection(), NOW)
        (plan,) = plans.texts()
    assert "USING COVERING INDEX certificates_due_idx" in plan


def test_a_page_is_all_that_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first certificate costs one page, whatever the store holds."""
    monkeypatch.setattr(inventory, "PAGE", 3)
    with open_records(url) as records:
        fill(records)
        with plans_of(records) as plans:
            search = records.inventory.select(Selection(), NOW)
            assert next(search).environment == "prod"
        assert len(plans.texts()) == 1
        assert "LIMIT" in plans._ran[0][0]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_names_of_before_are_found(kind: str, tmp_path: Path, postgres: Postgres) -> None:
    """A store of an earlier schema: each name that it held can be searched after the migration."""
    url = store_at("0002", kind, tmp_path, postgres)
    rows = [entry(f"{n:02x}:00", names=(f"s{n}.{DOMAIN}", f"t.{DOMAIN}")) for n in range(5)]
    rows.append(entry("ff:00", names=()))
    engine = open_engine(url)
    with engine.begin() as connection:
        before: list[tuple[str, Artifact]] = [
            ("environments", environment()),
            ("issuers", issuer()),
        ]
        for table, row in (*before, *(("certificates", row) for row in rows)):
            fields = {each: getattr(row, each) for each in type(row).model_fields}
            connection.execute(metadata.tables[table].insert().values(fields))
    engine.dispose()
    assert migrate(url) is True
    with open_records(url) as records:
        assert keys(records.inventory.select(Selection(name=f"s3.{DOMAIN}"), NOW)) == "03:00"
        assert len(list(records.inventory.select(Selection(name=f"*.{DOMAIN}"), NOW))) == 5


def fill(records: SqlRecords, number: int = 60) -> None:
    """Insert certificates of several owners, roles, states and subjects."""
    with_issuer(records)
    for count in range(number):
        row = entry(
            f"0a:{count:02x}",
            not_after=_moment(count),
            recorded=NOW + count * HOUR,
            owner=f"o{count % 2}",
            subject=f"s{count % 3}",
            role=("server", "proxy")[count // 2 % 2],
            state=("valid", "revoked")[count // 4 % 2],
            names=(f"s{count % 10}.{DOMAIN}", f"a.s{count % 10}.{DOMAIN}"),
        )
        records.certificates.insert(row)


def _moment(count: int) -> datetime:
    return NOW + (count // 7 + 1) * HOUR
