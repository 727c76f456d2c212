"""The audit trail: one line per thing that happened, and an event for whatever listens.

The event follows the row and nobody waits for it to arrive: the row is the truth.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress

from trustwright.errors import ConflictError, TrustwrightError, from_data
from trustwright.model.records import AuditRecord
from trustwright.policy.events import event_of
from trustwright.ports import Notice, Ports

UNHEARD = "nobody was told"
"""How the detail of a notice begins that no channel took."""


def note(ports: Ports, event: str, environment: str, subject: str, detail: str = "") -> None:
    """Append a line; `event` is ``trustwright.<noun>.<verb>``."""
    # Keys begin with the time, so that the store, which yields by key, lists lines in order.
    key = f"{ports.clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}"
    line = _line(ports, key, event, environment, subject, detail)
    _ring(ports, ports.records.audit.insert(line))


def note_once(
    ports: Ports, key: str, event: str, environment: str, subject: str, detail: str = ""
) -> None:
    """Append a line under a key of its own; the first one stands."""
    if ports.records.audit.get(key) is None:
        line = _line(ports, key, event, environment, subject, detail)
        with suppress(ConflictError):
            _ring(ports, ports.records.audit.insert(line))


def tell_once(ports: Ports, key: str, notice: Notice, subject: str) -> bool:
    """Send a notice unless one with this key was sent; return whether it was sent now.

    It is sent before it is recorded: a crash in between sends it twice rather than never.
    """
    if ports.records.audit.get(key) is not None:
        return False
    detail = _outcome(ports, ports.notifier.tell(notice))
    line = _line(ports, key, notice.event, notice.environment, subject, detail)
    try:
        _ring(ports, ports.records.audit.insert(line), told=True)
    except ConflictError:
        return False
    return True


def _outcome(ports: Ports, failed: tuple[str, ...]) -> str:
    """Return who was told: everybody, all but some channels, or nobody."""
    if not failed:
        return "told"
    verb = "told, but not" if is_heard(ports, failed) else f"{UNHEARD}:"
    return f"{verb} {', '.join(failed)}"


def is_heard(ports: Ports, failed: tuple[str, ...]) -> bool:
    """Return whether a message reached somebody, by the channels that failed."""
    channels = {route.channel for route in ports.estate.notify.routes}
    return not failed or bool(channels - set(failed))


def note_failure(ports: Ports, environment: str, error: TrustwrightError) -> None:
    """Keep why a run failed, so that whoever follows it learns rule and remedy."""
    detail = json.dumps(error.data() | {"what": error.what[:300]})
    event = "trustwright.run.failed"
    line = _line(ports, failure_key(ports.actor), event, environment, ports.actor, detail)
    before = ports.records.audit.get(line.id)
    if before is None:
        ports.records.audit.insert(line)
    else:
        ports.records.audit.replace(before, at=line.at, detail=line.detail)
    _ring(ports, line)


def failure_of(ports: Ports, run: str) -> TrustwrightError | None:
    """Return why a run failed, if it was kept."""
    line = ports.records.audit.get(failure_key(run))
    return from_data(json.loads(line.detail)) if line else None


def failure_key(run: str) -> str:
    """Return the key of the line that says why a run failed."""
    return f"failed/{run}"


def _ring(ports: Ports, line: AuditRecord, *, told: bool = False) -> None:
    """Emit the event of a line that was written."""
    event = event_of(line, told=told)
    if event is not None:
        ports.events.emit([event])


def _line(
    ports: Ports, key: str, event: str, environment: str, subject: str, detail: str
) -> AuditRecord:
    return AuditRecord(
        id=key,
        at=ports.clock.now(),
        event=event,
        environment=environment,
        subject=subject,
        actor=ports.actor,
        detail=detail[:1000],
    )
