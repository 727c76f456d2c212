"""Breakers on record: each order is counted before Vault is asked, and judged afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from trustwright.errors import (
    ConflictError,
    OutcomeUnknown,
    PolicyViolation,
    TrustwrightError,
    Unavailable,
)
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.journal import note, tell_once
from trustwright.model.estate import Consumer
from trustwright.model.sweep import BreakerRecord
from trustwright.policy import breaker, renewal_notices
from trustwright.policy.breaker import BREAKER_OPEN, Changes, Limits
from trustwright.policy.naming import consumer_key
from trustwright.ports import Ports


def consumer_breaker(consumer: Consumer) -> str:
    """Return the identifier of a consumer's breaker."""
    return f"consumer/{consumer_key(consumer)}"


def role_breaker(environment: str, role: str) -> str:
    """Return the identifier of a role's breaker."""
    return f"role/{environment}/{role}"


def count_order(ports: Ports, consumer: Consumer) -> None:
    """Count an order that is about to be made, for its consumer and its role.

    It counts although this process may die before it is made.

    Raises:
        PolicyViolation: a breaker is open (rule ``BREAKER-OPEN``); nothing was counted.
    """
    _admit(ports, consumer, consumer_breaker(consumer))
    try:
        _admit(ports, consumer, _role_of(consumer))
    except PolicyViolation:
        _withdraw(ports, consumer, consumer_breaker(consumer), asked=False)
        raise


def note_refused_order(ports: Ports, consumer: Consumer, error: TrustwrightError) -> None:
    """Record that nothing usable was issued. A store that is away keeps the count."""
    asked = breaker.may_have_signed(error)
    with suppress(Unavailable, OutcomeUnknown):
        if breaker.blames_role(error):
            _fail(ports, consumer, _role_of(consumer), str(error))
            _withdraw(ports, consumer, consumer_breaker(consumer), asked=False)
        else:
            _withdraw(ports, consumer, _role_of(consumer), asked=asked)
            _withdraw(ports, consumer, consumer_breaker(consumer), asked=asked)


def note_issued(ports: Ports, consumer: Consumer) -> None:
    """Record that the role's order went well; the consumer's is judged by its delivery."""
    _succeed(ports, _role_of(consumer))


def note_failed_delivery(ports: Ports, consumer: Consumer, error: TrustwrightError) -> None:
    """Record that what was issued could not be delivered. A store that is away keeps the count."""
    key = consumer_breaker(consumer)
    with suppress(Unavailable, OutcomeUnknown):
        if breaker.blames_consumer(error):
            _fail(ports, consumer, key, str(error))
        else:
            _withdraw(ports, consumer, key, asked=True)


def note_delivered(ports: Ports, consumer: Consumer) -> None:
    """Record that what was issued is in service."""
    _succeed(ports, consumer_breaker(consumer))


def close_breakers(ports: Ports, consumer: Consumer) -> list[str]:
    """Close a consumer's breaker and its role's, as a person asks; return those that were not."""
    keys = (consumer_breaker(consumer), _role_of(consumer))
    found = [row for key in keys if (row := ports.records.breakers.get(key)) is not None]
    return [row.id for row in found if _close(ports, row)]


def close_role_breakers(ports: Ports, environment: str) -> None:
    """Close the breakers of an environment's roles: they were written anew."""
    for row in list(ports.records.breakers.find(environment=environment)):
        if row.id.startswith(role_breaker(environment, "")):
            _close(ports, row)


def _close(ports: Ports, before: BreakerRecord) -> bool:
    """Forget what was counted; return whether it was open."""
    if not breaker.reset(before, ports.clock.now()):
        return False
    _write(ports, before.id, lambda row: breaker.reset(row, ports.clock.now()))
    detail = f"{before.state}, {before.failures} failures in a row, {before.issued} orders"
    note(ports, "trustwright.breaker.reset", before.environment, before.id, detail)
    return before.state != "closed"


def _role_of(consumer: Consumer) -> str:
    return role_breaker(consumer.environment, consumer.role)


def _limits(ports: Ports, consumer: Consumer, key: str) -> Limits:
    role = settings_of(ports, consumer.environment).roles[consumer.role]
    if key == consumer_breaker(consumer):
        return breaker.consumer_limits(role)
    mine = (consumer.environment, consumer.role)
    every = sum((each.environment, each.role) == mine for each in ports.estate.consumers)
    return breaker.role_limits(role, every)


def _admit(ports: Ports, consumer: Consumer, key: str) -> None:
    limits, now = _limits(ports, consumer, key), ports.clock.now()

    def change(row: BreakerRecord) -> Changes:
        refusal = breaker.refusal(row, limits, now)
        if refusal is None:
            return breaker.ordered(row, limits, now)
        return breaker.refused(row, limits, refusal, now)

    before, after = _write(ports, key, change, environment=consumer.environment)
    refusal = breaker.refusal(before, limits, now)
    if refusal is None:
        return
    _tell_opened(ports, after)
    raise PolicyViolation(
        f"no certificate is ordered before {refusal.until:%Y-%m-%d %H:%M} UTC: {refusal.reason}",
        rule=BREAKER_OPEN,
        hint=f"mend the cause, then run: trustwright renew {consumer.environment} "
        f"--consumer {consumer.name} --close-breaker",
        where=key,
    )


def _withdraw(ports: Ports, consumer: Consumer, key: str, *, asked: bool) -> None:
    limits, now = _limits(ports, consumer, key), ports.clock.now()
    _write(ports, key, lambda row: breaker.withdrawn(row, limits, now, asked=asked))


def _fail(ports: Ports, consumer: Consumer, key: str, problem: str) -> None:
    limits, now = _limits(ports, consumer, key), ports.clock.now()
    _, after = _write(ports, key, lambda row: breaker.failed(row, limits, now, problem))
    _tell_opened(ports, after)


def _succeed(ports: Ports, key: str) -> None:
    found = ports.records.breakers.get(key)
    if found is None or not breaker.succeeded(found):
        return
    if found.opened is not None:
        # Before it is written: a crash in between tells it again rather than never.
        notice = renewal_notices.breaker_closed(found)
        tell_once(ports, f"breaker-closed/{key}/{found.opened:%Y%m%dT%H%M%SZ}", notice, key)
    _write(ports, key, breaker.succeeded)


def _tell_opened(ports: Ports, record: BreakerRecord) -> None:
    if record.state == "open" and record.opened is not None:
        notice = renewal_notices.breaker_opened(record)
        key = f"breaker-opened/{record.id}/{record.opened:%Y%m%dT%H%M%SZ}"
        tell_once(ports, key, notice, record.id)


def _write(
    ports: Ports, key: str, change: Callable[[BreakerRecord], Changes], *, environment: str = ""
) -> tuple[BreakerRecord, BreakerRecord]:
    """Change a breaker by compare-and-swap; return it as it was and as it is."""
    while True:
        before = ports.records.breakers.get(key) or _opened(ports, key, environment)
        changes = {
            name: value for name, value in change(before).items() if getattr(before, name) != value
        }
        if not changes:
            return before, before
        with suppress(ConflictError):
            now = ports.clock.now()
            return before, ports.records.breakers.replace(before, **changes, updated=now)


def _opened(ports: Ports, key: str, environment: str) -> BreakerRecord:
    now = ports.clock.now()
    first = BreakerRecord(id=key, environment=environment, since=now, updated=now)
    try:
        return ports.records.breakers.insert(first)
    except ConflictError:
        return ports.records.breakers.get(key) or first
