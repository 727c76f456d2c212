"""Where each judgement begins and where it becomes critical, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from trustwright.model.estate import Role, Severity
from trustwright.model.records import CertificateRecord, DeliveryRecord, EnvironmentRecord
from trustwright.model.sweep import BreakerRecord
from trustwright.policy import judgements
from trustwright.policy.deadlines import Deadline, DeadlineKind
from trustwright.policy.findings import CATALOGUE, Finding

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
ROLE = Role(ttl="72h", renew_before="24h", names="prod.example.internal", usage=("server",))  # type: ignore[arg-type]


def severity(found: Finding | None) -> Severity | None:
    """Return how bad it is, or None."""
    return found.severity if found else None


@pytest.mark.parametrize(
    ("left", "kind", "bad"),
    [
        (12 * HOUR + SECOND, None, None),
        (12 * HOUR, "certificate-late", "warning"),
        (6 * HOUR + SECOND, "certificate-late", "warning"),
        (6 * HOUR, "certificate-late", "critical"),
        (SECOND, "certificate-late", "critical"),
        (timedelta(0), "certificate-expired", "critical"),
    ],
)
def test_a_certificate_in_service(left: timedelta, kind: str | None, bad: str | None) -> None:
    """Half of the time for its renewal is the renewal's; a quarter before the end it is grave."""
    row = CertificateRecord(
        id="prod-g1/0a",
        environment="prod",
        issuer="prod-g1",
        serial="0a",
        role="server",
        purpose="consumer",
        subject="billing",
        owner="platform",
        names=(),
        spki="ab" * 32,
        not_before=NOW - DAY,
        not_after=NOW + left,
        pem="",
        intent="i",
        recorded=NOW,
    )
    found = judgements.judge_certificate(row, ROLE, NOW)
    assert (found.kind if found else None, severity(found)) == (kind, bad)


@pytest.mark.parametrize(
    ("state", "served", "since", "kind", "bad"),
    [
        ("delivered", True, NOW, None, None),
        ("planned", False, NOW, None, None),
        ("failed", True, NOW, "consumer-failed", "warning"),
        ("failed", False, NOW, "consumer-failed", "critical"),
        ("undone", True, NOW, "consumer-failed", "warning"),
        ("waiting", False, NOW, "consumer-waiting", "info"),
        ("waiting", False, NOW - DAY, "consumer-waiting", "critical"),
        ("waiting", True, NOW - DAY, "consumer-waiting", "info"),
    ],
)
def test_a_delivery(
    state: str, served: bool, since: datetime, kind: str | None, bad: str | None
) -> None:
    """A failure is grave when nothing valid is in service; waiting, when it lasts as well."""
    row = DeliveryRecord(
        id="prod/billing",
        environment="prod",
        consumer="billing",
        target="/etc/billing",
        state=state,  # type: ignore[arg-type]
        number=1,
        updated=NOW,
    )
    found = judgements.judge_delivery(row, served=served, since=since, now=NOW)
    assert (found.kind if found else None, severity(found)) == (kind, bad)


@pytest.mark.parametrize("kind", get_args(DeadlineKind))
def test_a_deadline(kind: DeadlineKind) -> None:
    """From its warning on, grave from the moment itself; a ceremony after half of its time."""
    deadline = Deadline(kind, "prod", "x", NOW, NOW + 2 * HOUR, "it ends", "do it")
    first = NOW + HOUR if kind == "ceremony" else NOW
    judged = [
        severity(judgements.judge_deadline(deadline, at))
        for at in (first - SECOND, first, NOW + 2 * HOUR - SECOND, NOW + 2 * HOUR)
    ]
    assert judged == [None, "warning", "warning", "critical"]
    found = judgements.judge_deadline(deadline, first)
    assert found is not None
    assert CATALOGUE[found.kind].part == "deadlines"
    assert (found.remedy, found.due) == ("do it", NOW + 2 * HOUR)
    assert found.summary == "it ends: 2026-11-23T14:00:00Z"


def test_every_deadline_is_a_kind_of_its_own() -> None:
    """None is lost, and no two fall together."""
    assert set(judgements.DEADLINES) == set(get_args(DeadlineKind))
    assert len(set(judgements.DEADLINES.values())) == len(judgements.DEADLINES)


@pytest.mark.parametrize(
    ("age", "bad"),
    [
        (39 * HOUR - SECOND, None),
        (39 * HOUR, "warning"),
        (72 * HOUR - SECOND, "warning"),
        (72 * HOUR, "critical"),
    ],
)
def test_the_age_of_a_crl(age: timedelta, bad: str | None) -> None:
    """Vault rebuilds one of three days after 36 hours, and has three more to do so."""
    found = judgements.judge_crl_age("prod", "prod-g1", NOW - age, NOW - age + 72 * HOUR, NOW)
    assert severity(found) == bad


def test_a_crl_without_an_end_has_ended() -> None:
    """It says of no time that it is good."""
    assert severity(judgements.judge_crl_age("prod", "prod-g1", NOW, NOW, NOW)) == "critical"


@pytest.mark.parametrize(
    ("phase", "asked", "idle", "expected"),
    [
        ("ready", False, 9 * DAY, False),
        ("introduced", False, DAY, True),
        ("introduced", False, DAY - SECOND, False),
        ("requested", True, 9 * DAY, False),
        ("requested", False, DAY, True),
    ],
)
def test_an_unfinished_environment(
    phase: str, asked: bool, idle: timedelta, expected: bool
) -> None:
    """After a day; one whose request is pending has a deadline instead."""
    row = EnvironmentRecord(name="prod", phase=phase, updated=NOW - idle)  # type: ignore[arg-type]
    found = judgements.judge_environment(row, asked=asked, now=NOW)
    assert (found is not None) is expected


@pytest.mark.parametrize("state", ["open", "half-open", "closed"])
def test_a_breaker(state: str) -> None:
    """Open until a trial has succeeded."""
    row = BreakerRecord(
        id="consumer/prod/billing",
        environment="prod",
        state=state,  # type: ignore[arg-type]
        since=NOW,
        retry_at=NOW + HOUR,
        problem="disk full",
        updated=NOW,
    )
    found = judgements.judge_breaker(row)
    if state == "closed":
        assert found is None
    else:
        assert found is not None
        assert found.id == "breaker-open/prod/consumer/billing"
        assert found.summary == (
            "nothing is issued for the consumer billing until 2026-11-23T13:00:00Z: disk full"
        )
