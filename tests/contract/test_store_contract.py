"""One suite for every store: in memory, SQLite, PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.contract import stores
from tests.contract.stores import (
    LATER,
    NOW,
    breaker,
    ceremony,
    certificate,
    delivery,
    environment,
    finding,
    intent,
    issuer,
    line,
    sweep,
    with_issuer,
)
from trustwright.errors import ConfigurationError, ConflictError, Rejected, TrustwrightError
from trustwright.model.base import Artifact
from trustwright.model.records import EnvironmentRecord
from trustwright.ports import Records

pytestmark = pytest.mark.contract

TABLES = [
    "environments",
    "issuers",
    "ceremonies",
    "intents",
    "certificates",
    "deliveries",
    "audit",
    "findings",
    "breakers",
    "sweeps",
]
SAMPLES: dict[str, tuple[Artifact, str]] = {
    "environments": (environment("test"), "test"),
    "issuers": (issuer(generation=2), "prod-g2"),
    "ceremonies": (ceremony(7), f"{7:064x}"),
    "intents": (intent(), "i1"),
    "certificates": (certificate(), "prod-g1/0a:ff"),
    "deliveries": (delivery(), "prod/billing"),
    "audit": (line("l"), "l"),
    "findings": (finding(), "certificate-rogue/prod/billing"),
    "breakers": (breaker(), "consumer/prod/billing"),
    "sweeps": (sweep(), "20261123T120000Z-1"),
}


def rule_of(act: Callable[[], object], kind: type[TrustwrightError]) -> str:
    """Return the rule of the error that the act must raise."""
    with pytest.raises(kind) as raised:
        act()
    assert type(raised.value) is kind
    return raised.value.rule


@pytest.mark.parametrize("table", TABLES)
def test_a_record_comes_back_equal(records: Records, table: str) -> None:
    """What is inserted is returned by the insert, by its key and by a search."""
    record, key = SAMPLES[table]
    rows = getattr(with_issuer(records), table)
    assert rows.get(key) is None
    assert rows.insert(record) == record
    assert rows.get(key) == record
    assert record in list(rows.find())


def test_every_kind_of_value_comes_back(records: Records) -> None:
    """Times are UTC and aware, tuples stay tuples in their order, empty stays empty."""
    row = with_issuer(records).intents.insert(intent())
    found = records.intents.get(row.id)
    assert found is not None
    assert found.names == ("b.prod.example.internal", "a.prod.example.internal")
    assert found.opened == NOW
    assert found.opened.tzinfo is UTC
    assert found.closed is None


def test_a_time_in_another_zone_is_the_same_moment(records: Records) -> None:
    """A record made with an offset is stored and found as UTC."""
    east = timezone(timedelta(hours=9))
    moment = datetime(2026, 11, 23, 21, 0, 0, tzinfo=east)
    records.environments.insert(EnvironmentRecord(name="prod", updated=moment))
    assert [row.name for row in records.environments.find(updated=NOW)] == ["prod"]
    assert [row.name for row in records.environments.find(updated=moment)] == ["prod"]


def test_replace_writes_and_counts_up(records: Records) -> None:
    """A change is written, the version is one more, the rest stays."""
    first = records.environments.insert(environment())
    second = records.environments.replace(first, phase="prepared", holder="run-1", held_since=NOW)
    assert second == EnvironmentRecord(
        name="prod", phase="prepared", holder="run-1", held_since=NOW, updated=NOW, version=1
    )
    assert records.environments.get("prod") == second
    third = records.environments.replace(second, holder=None, held_since=None)
    assert (third.holder, third.held_since, third.version) == (None, None, 2)


def test_a_stale_record_is_refused(records: Records) -> None:
    """The second writer from the same version loses, and nothing of it is written."""
    first = records.environments.insert(environment())
    second = records.environments.replace(first, holder="run-1")
    rule = rule_of(lambda: records.environments.replace(first, holder="run-2"), ConflictError)
    assert rule == "STORE-STALE"
    assert records.environments.get("prod") == second


def test_a_missing_row_is_not_replaced(records: Records) -> None:
    """A record that was never inserted is not written by a replace."""
    rule = rule_of(lambda: records.environments.replace(environment()), ConflictError)
    assert rule == "STORE-STALE"
    assert records.environments.get("prod") is None


@pytest.mark.parametrize("table", TABLES)
def test_a_key_is_taken_once(records: Records, table: str) -> None:
    """A second insert under the same key is a conflict and changes nothing."""
    record, key = SAMPLES[table]
    rows = getattr(with_issuer(records), table)
    rows.insert(record)
    assert rule_of(lambda: rows.insert(record), ConflictError) == "STORE-TAKEN"
    assert rows.get(key) == record


def test_a_generation_has_one_issuer(records: Records) -> None:
    """Environment and generation are unique, whatever the identifier is."""
    other = issuer().model_copy(update={"id": "another"})
    rows = with_issuer(records).issuers
    assert rule_of(lambda: rows.insert(other), ConflictError) == "STORE-TAKEN"
    assert rows.insert(issuer(generation=2)).generation == 2


def test_a_slot_has_one_open_intent(records: Records) -> None:
    """A second intent for a slot waits until the first is closed; closed ones do not count."""
    rows = with_issuer(records).intents
    first = rows.insert(intent("i1"))
    assert rule_of(lambda: rows.insert(intent("i2")), ConflictError) == "STORE-TAKEN"
    rows.insert(intent("i3", slot="consumer/prod/other"))
    closed = rows.replace(first, state="done", closed=NOW)
    second = rows.insert(intent("i2"))
    assert rule_of(lambda: rows.replace(closed, state="open"), ConflictError) == "STORE-TAKEN"
    assert rows.replace(second, state="abandoned").state == "abandoned"


def test_one_ceremony_is_pending_per_environment_and_kind(records: Records) -> None:
    """Another kind and another environment may be pending beside it."""
    rows = records.ceremonies
    first = rows.insert(ceremony(1))
    assert rule_of(lambda: rows.insert(ceremony(2)), ConflictError) == "STORE-TAKEN"
    rows.insert(ceremony(3, "test"))
    rows.insert(ceremony(4).model_copy(update={"kind": "revoke-intermediate"}))
    rows.replace(first, state="expired", closed=NOW)
    assert rows.insert(ceremony(2)).state == "pending"
    found = rows.find(environment="prod", kind="sign-intermediate", state="pending")
    assert [row.id for row in found] == [f"{2:064x}"]


def test_an_issuer_and_serial_are_recorded_once(records: Records) -> None:
    """RFC 5280 §4.1.2.2: issuer and serial identify a certificate."""
    rows = with_issuer(records).certificates
    rows.insert(certificate())
    again = certificate(key="other")
    assert rule_of(lambda: rows.insert(again), ConflictError) == "STORE-TAKEN"
    records.issuers.insert(issuer(generation=2))
    twin = again.model_copy(update={"issuer": "prod-g2"})
    assert rows.insert(twin).issuer == "prod-g2"


@pytest.mark.parametrize("table", ["issuers", "intents", "certificates"])
def test_a_row_needs_what_it_hangs_on(records: Records, table: str) -> None:
    """An issuer needs its environment; intents and certificates need their issuer."""
    record, key = SAMPLES[table]
    rows = getattr(records, table)
    assert rule_of(lambda: rows.insert(record), Rejected) == "STORE-REFERENCE"
    assert rows.get(key) is None


def test_find_compares_every_column_given(records: Records) -> None:
    """Equality on several columns, on an empty column, on a number and on a tuple."""
    rows = with_issuer(records).intents
    first = rows.insert(intent("i1"))
    done = rows.replace(rows.insert(intent("i2", slot="s2")), state="done", serial="01", closed=NOW)
    assert list(rows.find(state="open", environment="prod")) == [first]
    assert list(rows.find(serial=None)) == [first]
    assert list(rows.find(version=1, closed=NOW)) == [done]
    assert list(rows.find(names=first.names)) == [first, done]
    assert list(rows.find(names=tuple(reversed(first.names)))) == []
    assert list(rows.find(state="open", environment="test")) == []


def test_find_is_sorted_by_the_key_bytes(records: Records) -> None:
    """The order is that of the bytes, not of a language."""
    keys = ["a-b", "a/b", "aa", "B", "_", "ä", "a", "Z9", "z"]
    for key in keys:
        records.audit.insert(line(key))
    assert [row.id for row in records.audit.find()] == sorted(keys)


def test_find_streams_past_one_page(records: Records) -> None:
    """More rows than a page holds come once each, in order."""
    keys = [f"{number:04}" for number in range(601)]
    for key in keys:
        records.audit.insert(line(key))
    assert [row.id for row in records.audit.find(environment="prod")] == keys


def test_rows_may_be_written_while_they_are_read(records: Records) -> None:
    """A reader that changes each row as it comes sees each row once."""
    for number in range(300):
        records.audit.insert(line(f"{number:03}"))
    seen = []
    for row in records.audit.find():
        records.audit.replace(row, detail="seen")
        seen.append(row.id)
    assert seen == [f"{number:03}" for number in range(300)]
    assert {row.version for row in records.audit.find()} == {1}


def test_an_abandoned_search_holds_nothing(records: Records) -> None:
    """Stopping after the first row leaves no lock behind."""
    for number in range(300):
        records.audit.insert(line(f"{number:03}"))
    search = records.audit.find()
    first = next(search)
    assert records.audit.replace(first, detail="x").version == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": "other"}, "STORE-COLUMN"),
        ({"version": 7}, "STORE-COLUMN"),
        ({"phase": "nonsense"}, "STORE-VALUE"),
        ({"updated": "2026-11-23"}, "STORE-VALUE"),
        ({"nonsense": 1}, "STORE-VALUE"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(
    records: Records, changes: dict[str, object], rule: str
) -> None:
    """Key and version are not changed by hand, values keep the model's rules."""
    row = records.environments.insert(environment())
    act = lambda: records.environments.replace(row, **changes)  # noqa: E731 - reads as one act
    assert rule_of(act, ConfigurationError) == rule
    assert records.environments.get("prod") == row


def test_an_unknown_column_is_refused(records: Records) -> None:
    """A search for a column that is not there is an error, not an empty answer."""
    act = lambda: list(records.environments.find(colour="red"))  # noqa: E731 - reads as one act
    assert rule_of(act, ConfigurationError) == "STORE-COLUMN"


def test_text_is_data(records: Records) -> None:
    """Quotes, comments, other scripts and line ends come back as they went in."""
    nasty = "'; DROP TABLE audit; -- \\ % \n\t ₿ 🔑 \u202e"
    row = records.audit.insert(line(nasty))
    assert records.audit.get(nasty) == row
    assert list(records.audit.find(id=nasty)) == [row]


def test_far_times_come_back(records: Records) -> None:
    """Leap days and distant years survive."""
    far = datetime(2069, 12, 31, 23, 59, 59, tzinfo=UTC)
    row = records.environments.insert(EnvironmentRecord(name="prod", updated=LATER))
    assert records.environments.get("prod") == row
    assert records.environments.replace(row, updated=far) == records.environments.get("prod")


def test_one_thread_wins_each_round(records: Records) -> None:
    """Eight threads replace the same version: exactly one succeeds, in every round."""
    contest = Contest(records, threads=8, rounds=20)
    assert contest.run() == [1] * 20
    final = records.environments.get("prod")
    assert final is not None
    assert final.version == 20


class Contest:
    """Threads that all write from the same version, round after round."""

    def __init__(self, records: Records, *, threads: int, rounds: int) -> None:
        self._rows = records.environments
        self._rows.insert(stores.environment())
        self._rounds = rounds
        self._winners = [0] * rounds
        self._threads = threads
        self._barrier = threading.Barrier(threads, timeout=60)
        self._lock = threading.Lock()

    def run(self) -> list[int]:
        """Return the number of winners of each round."""
        threads = [threading.Thread(target=self._compete) for _ in range(self._threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self._winners

    def _compete(self) -> None:
        for turn in range(self._rounds):
            row = self._rows.get("prod")
            assert row is not None
            self._barrier.wait()
            try:
                self._rows.replace(row, holder=threading.current_thread().name)
            except ConflictError:
                pass
            else:
                with self._lock:
                    self._winners[turn] += 1
            self._barrier.wait()


def test_the_inventory_streams_by_serial(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one environment, in byte order, across pages; a serial of two issuers comes twice."""
    monkeypatch.setattr("trustwright.store.agenda.LISTED_PAGE", 3)
    with_issuer(records).issuers.insert(issuer(generation=2))
    serials = ["0a", "0a:ff", "0a:0b", "0b:00:01", "00:99", "ff:00", "0a:09"]
    for serial in serials:
        row = certificate().model_copy(update={"id": f"prod-g1/{serial}", "serial": serial})
        records.certificates.insert(row)
    twin = {"id": "prod-g2/0a:0b", "serial": "0a:0b", "issuer": "prod-g2", "state": "revoked"}
    records.certificates.insert(certificate().model_copy(update=twin))
    found = list(records.agenda.recorded("prod"))
    assert [each.serial for each in found] == sorted([*serials, "0a:0b"])
    assert [each.id for each in found if each.serial == "0a:0b"] == ["prod-g1/0a:0b", twin["id"]]
    last = found[-1]
    sample = certificate()
    assert (last.id, last.serial, last.subject, last.state, last.not_after) == (
        "prod-g1/ff:00",
        "ff:00",
        sample.subject,
        sample.state,
        sample.not_after,
    )
    assert list(records.agenda.recorded("test")) == []
