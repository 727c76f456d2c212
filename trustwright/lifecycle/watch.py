"""Ceremonies and runs that nobody looks at: expired, cancelled, unsigned for days, asleep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from trustwright.errors import ConflictError
from trustwright.lifecycle.announcement import announcement_key
from trustwright.lifecycle.environments import release
from trustwright.lifecycle.journal import UNHEARD, note, tell_once
from trustwright.lifecycle.waking import wake_answered
from trustwright.model.ceremony import CeremonyRecord, CeremonyState
from trustwright.policy import notices
from trustwright.ports import Ports

REMIND_EVERY = timedelta(days=1)
CLOSING: Mapping[str, CeremonyState] = {"expiring": "expired", "cancelling": "cancelled"}
"""What a ceremony is when everybody has been told and its run has ended."""


def watch_ceremonies(ports: Ports) -> list[str]:
    """Close what expired or was cancelled, remind of what waits, wake what was answered.

    Returns:
        One phrase for each thing that was done.
    """
    closed = [phrase for key in _unfinished(ports) if (phrase := _watch(ports, key))]
    return closed + _wake_sleepers(ports)


def _unfinished(ports: Ports) -> list[str]:
    """Return the ceremonies to look at, those first that a look before this one began to close."""
    rows = ports.records.ceremonies
    return [row.id for state in (*CLOSING, "pending") for row in rows.find(state=state)]


def _wake_sleepers(ports: Ports) -> list[str]:
    names = [row.name for row in ports.records.environments.find()]
    return [f"{name}: woken" for name in names if wake_answered(ports, name)]


def _watch(ports: Ports, key: str) -> str:
    """Look at one ceremony as it is now: what the list said may be minutes old."""
    ceremony = ports.records.ceremonies.get(key)
    if ceremony is None:
        return ""
    try:
        closed = _close(ports, ceremony)
    except ConflictError:
        # Somebody is at work on this very ceremony; the next look shows what came of it.
        return ""
    if closed is not None:
        return f"{ceremony.environment}: {closed.state}"
    return _remind(ports, ceremony) if ceremony.state == "pending" else ""


def _close(ports: Ports, ceremony: CeremonyRecord) -> CeremonyRecord | None:
    if ceremony.state in CLOSING:
        return _finish(ports, ceremony)
    if ceremony.state != "pending":
        return None
    if ceremony.expires <= ports.clock.now():
        return _expire(ports, ceremony)
    if _run_was_cancelled(ports, ceremony):
        return cancel_ceremony(ports, ceremony, "its run was cancelled")
    return None


def _remind(ports: Ports, ceremony: CeremonyRecord) -> str:
    """Remind once a day; at once when no channel took the announcement."""
    now = ports.clock.now()
    announced = ports.records.audit.get(announcement_key(ceremony.id, ceremony.flow_run))
    unheard = announced is not None and announced.detail.startswith(UNHEARD)
    days = (now - ceremony.created) // REMIND_EVERY
    if days < 1 and not unheard:
        return ""
    link = ports.runs.link(ceremony.flow_run)
    notice = notices.ceremony_reminder(ceremony, now=now, link=link)
    told = tell_once(ports, f"reminded/{ceremony.id}/{days}", notice, ceremony.id)
    return f"{ceremony.environment}: reminded" if told else ""


def _run_was_cancelled(ports: Ports, ceremony: CeremonyRecord) -> bool:
    """Return whether the run that waits was cancelled, and not because another took over."""
    holder = ports.records.environments.get(ceremony.environment)
    if ceremony.flow_run is None or holder is None or holder.holder != ceremony.flow_run:
        return False
    return ports.runs.cancelled(ceremony.flow_run)


# Closing is decided by compare-and-swap before anything is done about it: a response that was
# accepted first keeps its run. What follows can be done again, so a state of its own remembers it:
# people are told, the run is ended, and the environment is given back.


def _expire(ports: Ports, ceremony: CeremonyRecord) -> CeremonyRecord:
    begun = ports.records.ceremonies.replace(ceremony, state="expiring", closed=ports.clock.now())
    return _finish(ports, begun)


def cancel_ceremony(ports: Ports, ceremony: CeremonyRecord, reason: str) -> CeremonyRecord:
    """Close a pending ceremony as *cancelled*, end its run and give the environment back.

    One that was begun to be closed is finished.

    Raises:
        ConflictError: somebody wrote it in between; it may be accepted. Nothing was done.
    """
    if ceremony.state in CLOSING:
        return _finish(ports, ceremony)
    begun = ports.records.ceremonies.replace(
        ceremony, state="cancelling", reason=reason[:500], closed=ports.clock.now()
    )
    return _finish(ports, begun)


def _finish(ports: Ports, ceremony: CeremonyRecord) -> CeremonyRecord:
    state = CLOSING[ceremony.state]
    reason = ceremony.reason or "the request expired unsigned"
    _tell_closed(ports, ceremony, state, reason)
    if ceremony.flow_run:
        ports.runs.end(ceremony.flow_run, reason)
        release(ports, ceremony.environment, ceremony.flow_run)
    closed = ports.records.ceremonies.replace(ceremony, state=state)
    note(ports, f"trustwright.ceremony.{state}", ceremony.environment, ceremony.id, reason)
    return closed


def _tell_closed(ports: Ports, ceremony: CeremonyRecord, state: str, reason: str) -> None:
    notice = (
        notices.ceremony_expired(ceremony)
        if state == "expired"
        else notices.ceremony_cancelled(ceremony, reason)
    )
    tell_once(ports, f"{state}/{ceremony.id}", notice, ceremony.id)
