"""The row of a consumer's delivery: which run serves it, and what was delivered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from trustwright.errors import ConflictError, TrustwrightError
from trustwright.lifecycle.journal import note
from trustwright.model.estate import Consumer
from trustwright.model.records import DeliveryRecord, DeliveryState
from trustwright.policy.naming import consumer_key, place_of
from trustwright.ports import Delivered, Ports


@contextmanager
def serving_alone(ports: Ports, consumer: Consumer) -> Iterator[None]:
    """Hold a consumer while it is served: two runs at once would revoke what the other delivers.

    Raises:
        ConflictError: another run that is still alive holds it (rule ``LOCK-HELD``).
    """
    _take(ports, consumer)
    try:
        yield
    except Exception:
        # What went wrong counts more than a row that stays held: a run that ends holds nothing.
        # A process that is being killed gives nothing back either.
        with suppress(TrustwrightError):
            _give_back(ports, consumer)
        raise
    _give_back(ports, consumer)


def check_serving_alone(ports: Ports, consumer: Consumer) -> DeliveryRecord:
    """Return the row that this run holds.

    Raises:
        ConflictError: this run was believed dead and another took over (rule ``LOCK-LOST``).
    """
    found = _row(ports, consumer)
    if found.holder != ports.actor:
        raise ConflictError(
            f"{found.id} is held by {found.holder}, not by {ports.actor}",
            rule="LOCK-LOST",
            hint="this run was taken over; let the other one finish",
        )
    return found


def recorded_serial(ports: Ports, consumer: Consumer) -> str | None:
    """Return the serial that was in place when the record was written, or None."""
    record = ports.records.deliveries.get(consumer_key(consumer))
    return record.serial if record else None


def record_delivery(
    ports: Ports,
    consumer: Consumer,
    state: DeliveryState,
    *,
    delivered: Delivered | None = None,
    problem: str = "",
) -> None:
    """Write the delivery's row if it says something new; a failure keeps what is in place in it.

    Raises:
        ConflictError: this run does not hold the consumer any more.
    """
    facts = _facts(consumer, state, delivered, problem)
    found = check_serving_alone(ports, consumer)
    since = found.failing_since or ports.clock.now()
    facts["failing_since"] = since if state == "failed" else None
    if any(getattr(found, name) != value for name, value in facts.items()):
        ports.records.deliveries.replace(found, **facts, updated=ports.clock.now())


@contextmanager
def keep_failed(ports: Ports, consumer: Consumer) -> Iterator[None]:
    """Have a failure that is on record stay there, whatever is recorded meanwhile.

    Raises:
        ConflictError: this run does not hold the consumer any more.
    """
    before = check_serving_alone(ports, consumer)
    yield
    if before.state == "failed":
        ports.records.deliveries.replace(
            check_serving_alone(ports, consumer),
            state=before.state,
            problem=before.problem,
            failing_since=before.failing_since,
        )


def _take(ports: Ports, consumer: Consumer) -> None:
    row = _row(ports, consumer)
    if row.holder == ports.actor:
        return
    if row.holder is not None and ports.runs.alive(row.holder):
        raise ConflictError(
            f"run {row.holder} serves {row.id} since {row.held_since}",
            rule="LOCK-HELD",
            hint="wait for that run, then run again",
        )
    try:
        ports.records.deliveries.replace(row, holder=ports.actor, held_since=ports.clock.now())
    except ConflictError:
        _take(ports, consumer)
        return
    if row.holder is not None:
        detail = f"from {row.holder}"
        note(ports, "trustwright.consumer.taken-over", row.environment, row.id, detail)


def _give_back(ports: Ports, consumer: Consumer) -> None:
    row = _row(ports, consumer)
    if row.holder == ports.actor:
        # Lost only to a run that has taken over: then there is nothing to give back.
        with suppress(ConflictError):
            ports.records.deliveries.replace(
                row, holder=None, held_since=None, looked=ports.clock.now()
            )


def _row(ports: Ports, consumer: Consumer) -> DeliveryRecord:
    """Return the consumer's row, opened as *planned* when there is none."""
    found = ports.records.deliveries.get(consumer_key(consumer))
    if found is not None:
        return found
    first = DeliveryRecord(
        id=consumer_key(consumer),
        environment=consumer.environment,
        consumer=consumer.name,
        target=place_of(consumer),
        state="planned",
        number=0,
        updated=ports.clock.now(),
    )
    try:
        return ports.records.deliveries.insert(first)
    except ConflictError:
        return _row(ports, consumer)


def _facts(
    consumer: Consumer, state: DeliveryState, delivered: Delivered | None, problem: str
) -> dict[str, object]:
    facts: dict[str, object] = {
        "state": state,
        "problem": problem[:500],
        "target": place_of(consumer),
    }
    if delivered is not None:
        facts |= {
            "number": delivered.number,
            "serial": delivered.serial,
            "manifest": delivered.manifest,
            "trust": delivered.trust,
            "crl_until": delivered.crl_until,
            "crl_due": delivered.crl_due,
        }
    return facts
