"""What is to be looked at: one suite for the store in memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from tests.contract.plans import plans_of
from tests.contract.stores import LATER, NOW, delivery, environment, issuer, sweep, with_issuer
from tests.contract.test_store_inventory import entry
from trustwright.model.records import DeliveryRecord
from trustwright.model.sweep import SweepRecord
from trustwright.ports import Records
from trustwright.store import SqlRecords, agenda, open_records

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)


def delivered(consumer: str, **changes: Any) -> DeliveryRecord:
    """Return a delivery's row with other fields than the usual one."""
    usual = delivery(consumer)
    changes.setdefault("id", f"{changes.get('environment', 'prod')}/{consumer}")
    fields = {name: getattr(usual, name) for name in DeliveryRecord.model_fields}
    return DeliveryRecord.model_validate(fields | changes)


def names(rows: Iterable[DeliveryRecord]) -> str:
    """Return the consumers in their order."""
    return " ".join(row.consumer for row in rows)


def due(records: Records, before: datetime, role: str = "server") -> str:
    """Return the serials that expire by then in prod, in their order."""
    return " ".join(row.serial for row in records.agenda.expiring("prod", role, before))


def test_expiring_are_the_valid_ones_of_consumers(records: Records) -> None:
    """Soonest first, what has ended included; other states, purposes, roles and places are not."""
    with_issuer(records)
    records.environments.insert(environment("test"))
    records.issuers.insert(issuer("test"))
    for row in (
        entry("01", not_after=NOW + 2 * HOUR),
        entry("02", not_after=NOW - HOUR),
        entry("03", not_after=NOW + 2 * HOUR + timedelta(seconds=1)),
        entry("04", not_after=NOW, state="superseded"),
        entry("05", not_after=NOW, state="revoked"),
        entry("06", not_after=NOW, purpose="probe"),
        entry("07", not_after=NOW, role="proxy"),
        entry("08", not_after=NOW, environment="test", issuer="test-g1"),
        entry("09", not_after=NOW + HOUR, purpose="admin"),
    ):
        records.certificates.insert(row)
    assert due(records, NOW + 2 * HOUR) == "02 01"
    assert due(records, NOW + 3 * HOUR) == "02 01 03"
    assert due(records, NOW - 2 * HOUR) == ""
    assert due(records, LATER, role="proxy") == "07"
    assert due(records, LATER, role="agent") == ""


def test_pages_of_expiring_meet_between_equals(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates that end in the same second come once each, by key, over page after page."""
    monkeypatch.setattr(agenda, "PAGE", 3)
    with_issuer(records)
    serials = [f"{number:02x}" for number in range(9)]
    for serial in reversed(serials):
        records.certificates.insert(entry(serial, not_after=NOW + (int(serial, 16) > 6) * HOUR))
    assert due(records, NOW + HOUR).split() == serials
    assert due(records, NOW).split() == serials[:7]


def test_renewing_while_reading_repeats_nothing(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each due certificate is superseded and replaced as it is read: each was read once."""
    monkeypatch.setattr(agenda, "PAGE", 2)
    with_issuer(records)
    for number in range(7):
        records.certificates.insert(entry(f"{number:02x}", not_after=NOW))
    seen = []
    for row in records.agenda.expiring("prod", "server", NOW + HOUR):
        seen.append(row.serial)
        records.certificates.insert(entry(f"f{row.serial}", not_after=NOW + 72 * HOUR))
        records.certificates.replace(row, state="superseded")
    assert seen == [f"{number:02x}" for number in range(7)]
    assert due(records, NOW + HOUR) == ""


def test_what_is_settled_before_its_page_is_not_read(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run renewed it meanwhile: the row that stops fitting is left out."""
    monkeypatch.setattr(agenda, "PAGE", 2)
    with_issuer(records)
    rows = [entry(f"{number:02x}", not_after=NOW) for number in range(6)]
    for row in rows:
        records.certificates.insert(row)
    search = records.agenda.expiring("prod", "server", NOW)
    seen = [row.serial for row in islice(search, 2)]
    records.certificates.replace(rows[3], state="revoked")
    seen += [row.serial for row in search]
    assert seen == [
        "00",
        "01",
        "02",
        *(["03"] if not isinstance(records, SqlRecords) else []),
        *("04", "05"),
    ]


def test_unsettled_by_state_then_by_crl(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not delivered, then what has old CRLs, soonest first; each once, over pages."""
    monkeypatch.setattr(agenda, "PAGE", 2)
    rows = [delivered(f"fresh{number}", crl_due=LATER) for number in range(3)]
    rows += [delivered("unknown"), delivered("elsewhere", environment="test", state="failed")]
    rows += [delivered(f"stale{number}", crl_due=NOW) for number in range(5)]
    rows += [delivered("staler", crl_due=NOW - HOUR)]
    rows += [delivered(f"failed{number}", state="failed", crl_due=NOW) for number in range(3)]
    rows += [delivered(state, state=state) for state in ("planned", "undone", "waiting")]
    for row in rows:
        records.deliveries.insert(row)
    expected = "planned undone failed0 failed1 failed2 waiting staler stale0 stale1 stale2 stale3"
    assert names(records.agenda.unsettled("prod", NOW)) == f"{expected} stale4"
    assert names(records.agenda.unsettled("prod", NOW - HOUR)) == expected[:-28]
    assert names(records.agenda.unsettled("test", NOW)) == "elsewhere"
    assert names(records.agenda.unsettled("absent", NOW)) == ""


def test_settling_while_reading_repeats_nothing(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each one is delivered as it is read, and its CRLs are fresh from then on."""
    monkeypatch.setattr(agenda, "PAGE", 2)
    for number in range(5):
        records.deliveries.insert(delivered(f"failed{number}", state="failed", crl_due=NOW))
        records.deliveries.insert(delivered(f"stale{number}", crl_due=NOW))
    seen = []
    for row in records.agenda.unsettled("prod", NOW):
        seen.append(row.consumer)
        records.deliveries.replace(row, state="delivered", crl_due=LATER)
    assert seen == [f"{kind}{number}" for kind in ("failed", "stale") for number in range(5)]
    assert names(records.agenda.unsettled("prod", NOW)) == ""


def test_longest_unlooked_begins_with_the_never_looked_at(records: Records) -> None:
    """Never, by key; then longest ago first, equals by key; no more than were asked for."""
    for row in (
        delivered("c", looked=NOW),
        delivered("b", looked=NOW),
        delivered("d", looked=NOW - HOUR),
        delivered("z"),
        delivered("a"),
        delivered("e", environment="test"),
    ):
        records.deliveries.insert(row)
    assert names(records.agenda.longest_unlooked("prod", 9)) == "a z d b c"
    for limit in range(6):
        found = names(records.agenda.longest_unlooked("prod", limit))
        assert found == "a z d b c"[: max(0, 2 * limit - 1)]


def test_the_last_sweep_is_the_newest_that_ended(records: Records) -> None:
    """One that runs, or died, is not; neither is one of another environment."""
    assert records.agenda.last_sweep("") is None
    ended, second = sweep("20261123T110000Z-a"), sweep("20261123T120000Z-a")
    fields = {name: getattr(second, name) for name in SweepRecord.model_fields}
    running = SweepRecord(**fields | {"id": "20261123T130000Z-a", "ended": None})
    other = sweep("20261123T140000Z-a", environment="prod")
    for row in (second, ended, running, other):
        records.sweeps.insert(row)
    assert records.agenda.last_sweep("") == second
    assert records.agenda.last_sweep("prod") == other
    assert records.agenda.last_sweep("test") is None


def test_an_index_leads_to_every_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page of any question sorts or scans, first or later, on either database.

    PostgreSQL may walk all that is valid and ends by then in place of one environment's.
    """
    either = {"certificates_due_idx", "certificates_state_idx"}
    monkeypatch.setattr(agenda, "PAGE", 3)
    with open_records(url) as records:
        with_issuer(records)
        for number in range(20):
            records.certificates.insert(entry(f"{number:02x}", not_after=NOW + number // 7 * HOUR))
            state = ("failed", "delivered", "waiting")[number % 3]
            looked = NOW if number % 2 else None
            records.deliveries.insert(
                delivered(f"c{number:02}", state=state, crl_due=NOW, looked=looked)
            )
            records.sweeps.insert(sweep(f"{number:02}"))
        others(records)
        expiring = walked(records, lambda: due(records, LATER))
        assert len(expiring) == 7
        assert set(expiring) <= (either if url.startswith("postgresql") else {min(either)})
        settled = walked(records, lambda: names(records.agenda.unsettled("prod", NOW)))
        assert settled == ["deliveries_environment_idx"] * 8 + ["deliveries_crl_idx"] * 3
        looked_at = walked(records, lambda: names(records.agenda.longest_unlooked("prod", 15)))
        assert looked_at[1] == "deliveries_looked_idx"
        assert looked_at[0] in {"deliveries_looked_idx", "deliveries_pkey"}
        last = walked(records, lambda: str(records.agenda.last_sweep("")))
        assert last == ["sweeps_environment_idx"]


def others(records: SqlRecords) -> None:
    """Insert as much again of other environments and roles, which an index has to leave out."""
    records.environments.insert(environment("test"))
    records.issuers.insert(issuer("test"))
    elsewhere = {"environment": "test", "issuer": "test-g1", "not_after": NOW}
    for number in range(20):
        records.certificates.insert(entry(f"{number:02x}", **elsewhere))
        records.certificates.insert(entry(f"a{number:02x}", role="proxy", not_after=NOW))
        records.deliveries.insert(
            delivered(f"c{number:02}", environment="test", state="failed", crl_due=NOW)
        )


def walked(records: SqlRecords, question: Any) -> list[str]:
    """Return the index of each statement that a question takes."""
    with plans_of(records) as plans:
        assert question()
    return plans.indexes()


def test_unserved_are_those_without_a_row(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order that was asked, over pages; another environment's rows count for nothing."""
    monkeypatch.setattr(agenda, "PAGE", 2)
    for row in (
        delivered("billing"),
        delivered("gateway", state="failed"),
        delivered("ledger", environment="test"),
    ):
        records.deliveries.insert(row)
    asked = ["ledger", "gateway", "new", "billing", "alsonew"]
    assert records.agenda.unserved("prod", asked) == ["ledger", "new", "alsonew"]
    assert records.agenda.unserved("prod", []) == []
