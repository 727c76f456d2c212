"""Ceremonies and runs that nobody looks at: expired, cancelled, unsigned for days, asleep."""

from __future__ import annotations

from datetime import timedelta

from trustwright.errors import ConflictError
from trustwright.lifecycle.environments import release
from trustwright.lifecycle.journal import UNHEARD, note, tell_once
from trustwright.lifecycle.requests import expire_ceremony
from trustwright.lifecycle.waking import wake_answered
from trustwright.model.ceremony import CeremonyRecord
from trustwright.policy import notices
from trustwright.ports import Ports

REMIND_EVERY = timedelta(days=1)


def watch_ceremonies(ports: Ports) -> list[str]:
    """Close what expired or was cancelled, remind of what waits, wake what was answered.

    Returns:
        One phrase for each thing that was done.
    """
    pending = list(ports.records.ceremonies.find(state="pending"))
    closed = [phrase for each in pending if (phrase := _watch(ports, each))]
    return closed + _wake_sleepers(ports)


def _wake_sleepers(ports: Ports) -> list[str]:
    names = [row.name for row in ports.records.environments.find()]
    return [f"{name}: woken" for name in names if wake_answered(ports, name)]


def _watch(ports: Ports, ceremony: CeremonyRecord) -> str:
    try:
        if ceremony.expires <= ports.clock.now():
            _expire(ports, ceremony)
            return f"{ceremony.environment}: expired"
        if _run_was_cancelled(ports, ceremony):
            cancel_ceremony(ports, ceremony, "its run was cancelled")
            return f"{ceremony.environment}: cancelled"
    except ConflictError:
        # Somebody is at work on this very ceremony; the next look shows what came of it.
        return ""
    return _remind(ports, ceremony)


def _remind(ports: Ports, ceremony: CeremonyRecord) -> str:
    """Remind once a day; at once when no channel took the announcement."""
    now = ports.clock.now()
    announced = ports.records.audit.get(f"announced/{ceremony.id}")
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


# Both end the run before they close the ceremony: what dies in between is done at the next look.
# The environment is given back last: whoever wants it takes it from a run that has ended.


def _expire(ports: Ports, ceremony: CeremonyRecord) -> None:
    _end_run(ports, ceremony, "the request expired unsigned")
    notice = notices.ceremony_expired(ceremony)
    tell_once(ports, f"expired/{ceremony.id}", notice, ceremony.id)
    expire_ceremony(ports, ceremony)
    _give_back(ports, ceremony)


def cancel_ceremony(ports: Ports, ceremony: CeremonyRecord, reason: str) -> CeremonyRecord:
    """Close a pending ceremony as *cancelled*, end its run and give the environment back.

    Raises:
        ConflictError: somebody wrote it in between; it may be accepted.
    """
    _end_run(ports, ceremony, reason)
    notice = notices.ceremony_cancelled(ceremony, reason)
    tell_once(ports, f"cancelled/{ceremony.id}", notice, ceremony.id)
    closed = ports.records.ceremonies.replace(ceremony, state="cancelled", closed=ports.clock.now())
    note(ports, "trustwright.ceremony.cancelled", ceremony.environment, ceremony.id, reason)
    _give_back(ports, ceremony)
    return closed


def _end_run(ports: Ports, ceremony: CeremonyRecord, reason: str) -> None:
    if ceremony.flow_run:
        ports.runs.end(ceremony.flow_run, reason)


def _give_back(ports: Ports, ceremony: CeremonyRecord) -> None:
    if ceremony.flow_run:
        release(ports, ceremony.environment, ceremony.flow_run)
