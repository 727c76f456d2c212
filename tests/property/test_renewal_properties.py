"""Whatever the role, the certificate and the order of events: renewal and breakers keep bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition
from hypothesis.stateful import rule as move

from tests.unit.policy.test_renewal import certificate, role
from trustwright.model.estate import Role
from trustwright.model.sweep import BreakerRecord
from trustwright.policy import breaker
from trustwright.policy.breaker import Limits
from trustwright.policy.renewal import (
    SHORTEST_SERVICE,
    is_due,
    longest_window,
    renewal_moment,
    shortest_life,
)

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
LONGEST = 9_999_999
"""The longest duration that can be written in seconds."""


@st.composite
def roles(draw: st.DrawFn) -> Role:
    """Return a role that the estate's rules allow."""
    ttl = draw(st.integers(min_value=60, max_value=LONGEST))
    renew_before = draw(st.integers(min_value=1, max_value=ttl - SHORTEST_SERVICE))
    return role(f"{ttl}s", f"{renew_before}s")


@given(roles(), st.text("0123456789abcdef:", min_size=1, max_size=59))
def test_never_later_than_asked_and_never_much_earlier(settings: Role, serial: str) -> None:
    """Between `renew_before` and the documented fraction more; nothing is due when it is issued."""
    record = certificate(settings.ttl + 30, serial)
    moment = renewal_moment(record, settings)
    early = record.not_after - moment - timedelta(seconds=settings.renew_before)
    service = settings.ttl - settings.renew_before
    assert timedelta(0) <= early <= timedelta(seconds=service) / 10
    assert record.not_after - moment <= longest_window(settings)
    assert not is_due(record, settings, record.not_before + timedelta(seconds=30))
    assert renewal_moment(record, settings) == moment


@given(roles(), st.integers(min_value=1, max_value=LONGEST), st.text("0123456789ab", min_size=1))
def test_what_the_floor_accepts_is_not_due(settings: Role, life: int, serial: str) -> None:
    """However short Vault cut it: a certificate that is accepted serves for some time."""
    record = certificate(life, serial)
    if timedelta(seconds=life) >= shortest_life(settings):
        assert not is_due(record, settings, START)
    assert renewal_moment(record, settings) <= record.not_after


@given(roles(), st.booleans())
def test_the_longest_wait_leaves_a_trial_before_the_end(settings: Role, consumer: bool) -> None:
    """Half of `renew_before` at most, but for roles of seconds; whole seconds, as records want."""
    limits = breaker.consumer_limits(settings) if consumer else breaker.role_limits(settings, 9)
    waits = [limits.wait(limits.failures + number) for number in range(40)]
    assert waits == sorted(waits)
    assert waits[0] >= timedelta(seconds=1)
    assert waits[-1] == limits.longest_wait
    assert limits.wait(10_000) == limits.longest_wait
    assert limits.longest_wait == timedelta(seconds=max(60, settings.renew_before // 2))
    assert not any(wait.microseconds for wait in waits)
    assert limits.window == limits.longest_wait
    usual = limits.window // timedelta(seconds=settings.ttl - settings.renew_before) + 1
    assert limits.budget >= 3 * usual


class BreakerMachine(RuleBasedStateMachine):
    """Orders, outcomes, deaths and waits in any order, one at a time."""

    foretold = True

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.limits = Limits(
            failures=3,
            budget=7,
            window=timedelta(hours=1),
            first_wait=timedelta(minutes=1),
            longest_wait=timedelta(minutes=10),
            foretold=self.foretold,
        )
        self.record = BreakerRecord(
            id="consumer/prod/x", environment="prod", since=START, updated=START
        )
        self.under_way = False
        self.in_a_row = 0
        self.orders: list[datetime] = []

    def change(self, changes: breaker.Changes) -> None:
        """Write changes as the store does: validated."""
        fields = {name: getattr(self.record, name) for name in BreakerRecord.model_fields}
        fields |= {**changes, "updated": self.now}
        self.record = BreakerRecord.model_validate(fields)

    @precondition(lambda self: not self.under_way)
    @move()
    def order(self) -> None:
        """Ask for a certificate."""
        refusal = breaker.refusal(self.record, self.limits, self.now)
        if refusal is None:
            self.change(breaker.ordered(self.record, self.limits, self.now))
            self.under_way = True
            self.orders.append(self.now)
        else:
            assert refusal.until > self.now
            self.change(breaker.refused(self.record, self.limits, refusal, self.now))
            assert self.record.state != "closed"
            assert breaker.refusal(self.record, self.limits, refusal.until) is None

    @precondition(lambda self: self.under_way)
    @move()
    def fail(self) -> None:
        """It fails."""
        self.change(breaker.failed(self.record, self.limits, self.now, "no"))
        self.under_way, self.in_a_row = False, self.in_a_row + 1
        if self.in_a_row >= self.limits.failures:
            assert self.record.state == "open"
            assert breaker.refusal(self.record, self.limits, self.now) is not None

    @precondition(lambda self: self.under_way)
    @move()
    def succeed(self) -> None:
        """It goes well."""
        self.change(breaker.succeeded(self.record))
        self.under_way, self.in_a_row = False, 0
        assert (self.record.state, self.record.failures) == ("closed", 0)
        assert (self.record.retry_at, self.record.opened) == (None, None)

    @precondition(lambda self: self.under_way)
    @move(asked=st.booleans())
    def withdraw(self, asked: bool) -> None:
        """Vault was away: nobody's failure."""
        before = self.record
        self.change(breaker.withdrawn(self.record, self.limits, self.now, asked=asked))
        self.under_way = False
        if not asked:
            self.orders.pop()
        assert self.record.issued == before.issued - (not asked)
        assert self.record.state in {"closed", "open"}

    @precondition(lambda self: self.under_way)
    @move()
    def die(self) -> None:
        """The process dies before it can say how it went."""
        self.under_way = False
        if self.limits.foretold:
            self.in_a_row += 1

    @precondition(lambda self: not self.under_way)
    @move()
    def reset(self) -> None:
        """A person closes it."""
        self.change(breaker.reset(self.record, self.now))
        self.in_a_row, self.orders = 0, []
        assert breaker.refusal(self.record, self.limits, self.now) is None
        assert breaker.reset(self.record, self.now) == {}

    @move(seconds=st.sampled_from([1, 59, 60, 119, 600, 3599, 3600, 86_400]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.now += timedelta(seconds=seconds)

    @invariant()
    def no_storm(self) -> None:
        """No window ever sees more than two budgets, whatever happens."""
        recent = [each for each in self.orders if each > self.now - self.limits.window]
        assert len(recent) <= 2 * self.limits.budget

    @invariant()
    def open_has_an_end(self) -> None:
        """What is open says until when, and never waits longer than the longest wait or window."""
        if self.record.state == "open":
            assert self.record.retry_at is not None
            assert self.record.opened is not None
            longest = max(self.limits.longest_wait, self.limits.window)
            assert self.record.retry_at <= self.now + longest


class RoleBreakerMachine(BreakerMachine):
    """The same, for a breaker whose failures are counted when they are known."""

    foretold = False


TestBreakerMachine = BreakerMachine.TestCase
TestRoleBreakerMachine = RoleBreakerMachine.TestCase
