"""Counts for reports and metrics: one suite for the store in memory, SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pytest

from tests.contract.plans import plans_of
from tests.contract.stores import NOW, environment, issuer, line, with_issuer
from tests.contract.test_store_agenda import delivered
from tests.contract.test_store_inventory import entry
from trustwright.ports import Records
from trustwright.store import census, open_records

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)


def test_valid_ones_are_counted_by_their_end(records: Records) -> None:
    """An edge belongs to what ends by it; other states, roles and environments are not counted."""
    with_issuer(records)
    records.environments.insert(environment("test"))
    records.issuers.insert(issuer("test"))
    edges = (NOW, NOW + HOUR, NOW + 2 * HOUR)
    assert records.census.ending("prod", "server", edges) == (0, 0, 0, 0)
    for row in (
        entry("01", not_after=NOW - HOUR),
        entry("02", not_after=NOW),
        entry("03", not_after=NOW + timedelta(seconds=1)),
        entry("04", not_after=NOW + HOUR),
        entry("05", not_after=NOW + 5 * HOUR),
        entry("06", not_after=NOW, state="superseded"),
        entry("07", not_after=NOW, state="revoked"),
        entry("08", not_after=NOW, role="proxy"),
        entry("09", not_after=NOW, environment="test", issuer="test-g1"),
    ):
        records.certificates.insert(row)
    assert records.census.ending("prod", "server", edges) == (2, 2, 0, 1)


def test_the_ends_of_consumers_come_soonest_first(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several pages, equals too; what is no valid certificate of a consumer is left out."""
    monkeypatch.setattr(census, "PAGE", 2)
    with_issuer(records)
    hours = (3, 1, 1, 1, 2)
    for number, hour in enumerate(hours):
        records.certificates.insert(
            entry(f"0{number}", subject=f"c{number}", not_after=NOW + hour * HOUR)
        )
    records.certificates.insert(entry("0a", purpose="probe", not_after=NOW))
    records.certificates.insert(entry("0b", state="superseded", not_after=NOW))
    records.certificates.insert(entry("0c", role="proxy", not_after=NOW))
    found = list(records.census.ends("prod", "server"))
    assert [name for name, _ in found] == ["c1", "c2", "c3", "c4", "c0"]
    assert [end for _, end in found] == [NOW + hour * HOUR for hour in (1, 1, 1, 2, 3)]
    assert list(records.census.ends("test", "server")) == []


def test_the_ends_of_lists_come_by_when_they_are_due(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their nextUpdate; a delivery without a list is not among them."""
    monkeypatch.setattr(census, "PAGE", 2)
    for number, (due, until) in enumerate([(2, 4), (1, 9), (1, None), (None, None), (3, 6)]):
        records.deliveries.insert(
            delivered(
                f"c{number}",
                crl_due=None if due is None else NOW + due * HOUR,
                crl_until=None if until is None else NOW + until * HOUR,
            )
        )
    records.deliveries.insert(delivered("c9", environment="test", crl_due=NOW))
    assert list(records.census.list_ends("prod")) == [
        ("c1", NOW + 9 * HOUR),
        ("c2", NOW + HOUR),
        ("c0", NOW + 4 * HOUR),
        ("c4", NOW + 6 * HOUR),
    ]


def test_sets_are_counted(records: Records) -> None:
    """Who holds one, and all that ever were; large numbers fit."""
    assert records.census.delivered("prod") == (0, 0)
    records.deliveries.insert(delivered("a", number=3))
    records.deliveries.insert(delivered("b", number=2**40))
    records.deliveries.insert(delivered("c", number=4, state="failed"))
    records.deliveries.insert(delivered("d", number=5, environment="test"))
    assert records.census.delivered("prod") == (2, 2**40 + 7)


def test_what_people_were_told_did_not_happen_again(records: Records) -> None:
    """A notice is kept under the name of its event, and is none."""
    for key in ("20261123T120000Z-1", "20261123T120000Z-2", "served/prod/1", "failed/run-1"):
        records.audit.insert(line(key))
    assert dict(records.census.happened("trustwright.test.done")) == {"prod": 2}
    assert dict(records.census.happened("trustwright.test")) == {}


def test_the_walks_follow_an_index(sqlite_url: str) -> None:
    """They read no more than they yield, and sort nothing."""
    with open_records(sqlite_url) as records:
        with_issuer(records)
        records.certificates.insert(entry("01"))
        records.deliveries.insert(delivered("a", crl_due=NOW))
        with plans_of(records) as plans:
            records.census.ending("prod", "server", (NOW,))
            assert list(islice(records.census.ends("prod", "server"), 1))
            assert list(islice(records.census.list_ends("prod"), 1))
        _, ends, lists = plans.indexes()
        assert (ends, lists) == ("certificates_due_idx", "deliveries_crl_idx")
