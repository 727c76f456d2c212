"""When a certificate is due, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trustwright.model.estate import Role
from trustwright.model.records import CertificateRecord
from trustwright.policy.renewal import (
    batches,
    horizon,
    is_due,
    longest_window,
    renewal_moment,
    shortest_life,
)

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def role(ttl: str = "72h", renew_before: str = "24h") -> Role:
    """Return a role."""
    return Role.model_validate(
        {
            "ttl": ttl,
            "renew_before": renew_before,
            "names": "prod.example.internal",
            "usage": ["server"],
        }
    )


def certificate(
    life: int = 72 * 3600 + 30, serial: str = "01", subject: str = "billing"
) -> CertificateRecord:
    """Return a certificate that lives so many seconds, the backdating included."""
    return CertificateRecord(
        id=f"prod-g1/{serial}",
        environment="prod",
        issuer="prod-g1",
        serial=serial,
        role="server",
        purpose="consumer",
        subject=subject,
        owner="platform",
        names=(f"{subject}.prod.example.internal",),
        spki="0" * 64,
        not_before=START,
        not_after=START + timedelta(seconds=life),
        pem="",
        intent="",
        recorded=START,
    )


def before_end(record: CertificateRecord, settings: Role) -> int:
    """Return how many seconds before its end a certificate is due."""
    return int((record.not_after - renewal_moment(record, settings)).total_seconds())


def test_one_certificate_has_one_moment() -> None:
    """The moment is data: it is the same in every process, on every machine, for ever."""
    found = [before_end(certificate(serial=each), role()) for each in ("01", "02", "03")]
    assert found == [101_572, 96_453, 101_883]


def test_it_is_due_from_that_second_on() -> None:
    """Not a second before."""
    record, settings = certificate(), role()
    moment = renewal_moment(record, settings)
    assert not is_due(record, settings, moment - timedelta(seconds=1))
    assert is_due(record, settings, moment)


def test_a_fleet_of_one_minute_is_spread() -> None:
    """A thousand certificates of one second come due over almost five hours, evenly."""
    found = [before_end(certificate(serial=f"{number:04x}"), role()) for number in range(1000)]
    hours = [each // 3600 for each in found]
    assert (min(hours), max(hours)) == (24, 28)
    assert max(hours.count(each) for each in set(hours)) < 350
    assert len(set(found)) > 900


def test_each_consumer_and_each_renewal_has_a_jitter_of_its_own() -> None:
    """Two that were served together once are not served together for ever."""
    moments = {
        before_end(certificate(serial=serial, subject=subject), role())
        for serial in ("01", "02")
        for subject in ("billing", "ledger")
    }
    assert len(moments) == 4


@pytest.mark.parametrize(
    ("ttl", "renew_before", "earliest"),
    [("60s", "20s", 24), ("60s", "55s", 55), ("60s", "50s", 51), ("72h", "24h", 28 * 3600 + 2880)],
)
def test_the_jitter_is_a_tenth_of_the_time_in_service(
    ttl: str, renew_before: str, earliest: int
) -> None:
    """Seconds included: a certificate of a minute is not due as soon as it is there."""
    settings = role(ttl, renew_before)
    assert longest_window(settings) == timedelta(seconds=earliest)
    found = {
        before_end(certificate(settings.ttl + 30, f"{number:03x}"), settings)
        for number in range(200)
    }
    assert min(found) >= settings.renew_before
    assert max(found) <= earliest
    if earliest < 60:
        assert found == set(range(settings.renew_before, earliest + 1))


def test_a_role_that_became_longer_renews_at_once() -> None:
    """A certificate that lives shorter than the new window is due; none is due before its start."""
    record = certificate(8 * 3600)
    assert before_end(record, role()) == 24 * 3600
    assert is_due(record, role(), START)


def test_the_floor_is_half_of_the_time_in_service() -> None:
    """Above the window with every jitter, so that what is accepted is not due at once."""
    assert shortest_life(role()) == timedelta(hours=48)
    assert shortest_life(role("60s", "20s")) == timedelta(seconds=40)
    for settings in (role(), role("60s", "20s"), role("60s", "55s"), role("10m", "9m")):
        assert shortest_life(settings) > longest_window(settings)


def test_the_horizon_is_the_end_less_the_life() -> None:
    """An issuer that ends in ten days signs for three days during seven."""
    end = START + timedelta(days=10)
    assert horizon(end, 3 * 86_400) == START + timedelta(days=7)


def test_batches_keep_order_and_size() -> None:
    """Nobody is left out, nobody twice."""
    names = [f"c{number}" for number in range(501)]
    made = list(batches(names))
    assert [len(each) for each in made] == [250, 250, 1]
    assert [name for batch in made for name in batch] == names
    assert list(batches([])) == []
