"""An environment's record: opened, claimed by one run at a time, advanced, released."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from trustwright.errors import ConfigurationError, ConflictError
from trustwright.lifecycle.journal import note
from trustwright.model.estate import Environment
from trustwright.model.records import EnvironmentPhase, EnvironmentRecord
from trustwright.policy.phases import check_advance, reached
from trustwright.ports import Ports

ItemT = TypeVar("ItemT")


def settings_of(ports: Ports, name: str) -> Environment:
    """Return what the estate file says about an environment.

    Raises:
        ConfigurationError: the estate file names no such environment.
    """
    found = ports.estate.environments.get(name)
    if found is None:
        known = ", ".join(sorted(ports.estate.environments))
        raise ConfigurationError(
            f"no environment {name!r} in the estate file",
            rule="EST-ENVIRONMENT",
            hint=f"name one of: {known}",
        )
    return found


def record_of(ports: Ports, name: str) -> EnvironmentRecord:
    """Return the environment's record, opened as *planned* when there is none."""
    settings_of(ports, name)
    found = ports.records.environments.get(name)
    if found is not None:
        return found
    try:
        return ports.records.environments.insert(
            EnvironmentRecord(name=name, updated=ports.clock.now())
        )
    except ConflictError:
        return record_of(ports, name)


def claim(ports: Ports, name: str, run: str) -> EnvironmentRecord:
    """Take the environment for a run, or keep it; held until `release`, across the whole wait.

    It is held by this process of the run: a run that is resumed, or that Prefect starts anew
    beside a process that it believes dead, claims it again, and the older process is fenced off.

    Raises:
        ConflictError: another run that is still alive holds it.
    """
    record = record_of(ports, name)
    if _holds(ports, record, run):
        return record
    own = record.holder == run
    if record.holder is not None and not own and ports.runs.alive(record.holder):
        raise ConflictError(
            f"{name} is held by run {record.holder} since {record.held_since}",
            rule="LOCK-HELD",
            hint=f"wait for it; if its process is dead: trustwright bootstrap {name} --take-over",
        )
    now = ports.clock.now()
    since = record.held_since if own else now
    try:
        taken = ports.records.environments.replace(
            record, holder=run, process=ports.process, held_since=since, updated=now
        )
    except ConflictError:
        return claim(ports, name, run)
    if record.holder is not None and not own:
        note(ports, "trustwright.environment.taken-over", name, run, f"from {record.holder}")
    return taken


def take_from_holder(ports: Ports, name: str) -> None:
    """Free an environment from its holder, which a person declares dead; fenced off from now on."""
    record = record_of(ports, name)
    if record.holder is None:
        return
    ports.runs.end(record.holder, "taken over")
    _free(ports, record)
    note(ports, "trustwright.environment.taken-over", name, record.holder, "by a person")


def advance(ports: Ports, name: str, phase: EnvironmentPhase) -> None:
    """Record that a phase is reached; a phase that lies behind already is left alone.

    Only the run that holds the environment may ask, whatever the phase: one that was cancelled or
    taken over learns it here.

    Raises:
        TransitionRefused: a phase would be skipped.
        ConflictError: another run holds the environment, or wrote the record.
    """
    record = check_holder(ports, name)
    if reached(record.phase, phase):
        return
    check_advance(record.phase, phase)
    ports.records.environments.replace(record, phase=phase, updated=ports.clock.now())
    note(ports, f"trustwright.environment.{phase}", name, name)


def check_holder(ports: Ports, name: str) -> EnvironmentRecord:
    """Return the record if this process of this run holds the environment; fence it off otherwise.

    Raises:
        ConflictError: another run holds it, or none: this one was cancelled or taken over; or a
            later process of this very run does.
    """
    record = record_of(ports, name)
    if not _holds(ports, record, ports.actor):
        own = record.holder == ports.actor
        whom = "another process of this run" if own else record.holder or "nobody"
        raise ConflictError(
            f"{record.name} is held by {whom}, not by {ports.actor}",
            rule="LOCK-LOST",
            hint=f"this run was cancelled or taken over; see trustwright bootstrap {record.name}",
        )
    return record


def while_held(ports: Ports, name: str, items: Iterable[ItemT]) -> Iterator[ItemT]:
    """Yield each item after a look whether this process of this run still holds the environment.

    Raises:
        ConflictError: it does not, as for `check_holder`.
    """
    for item in items:
        check_holder(ports, name)
        yield item


def finish(ports: Ports, name: str, run: str) -> None:
    """Record *ready* and give the environment back; done twice it is done once."""
    record = record_of(ports, name)
    if (record.phase, record.holder) == ("ready", None):
        return
    advance(ports, name, "ready")
    release(ports, name, run)


def release(ports: Ports, name: str, run: str) -> None:
    """Give the environment back, if this run holds it; it may have left the estate file."""
    record = ports.records.environments.get(name)
    if record is not None and record.holder == run:
        _free(ports, record)


def _holds(ports: Ports, record: EnvironmentRecord, run: str) -> bool:
    return (record.holder, record.process) == (run, ports.process)


def _free(ports: Ports, record: EnvironmentRecord) -> None:
    ports.records.environments.replace(
        record, holder=None, process=None, held_since=None, updated=ports.clock.now()
    )
