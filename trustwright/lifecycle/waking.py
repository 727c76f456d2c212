"""A suspended run whose question has been answered, or withdrawn, is woken.

The record is written before anybody rings: whoever finds the run still asleep may ring again.
"""

from __future__ import annotations

from trustwright.errors import ConflictError, Rejected
from trustwright.lifecycle.environments import take_from_holder
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.requests import open_ceremony
from trustwright.ports import Ports


def wake_answered(ports: Ports, environment: str) -> str | None:
    """Wake the run that holds an environment and waits for nothing any more; return it.

    A run that died before it could store its form can never be resumed: it is ended, the
    environment is free, and None is returned, as for every run that need not be woken.
    """
    sleeper = _sleeper(ports, environment)
    if sleeper is None or open_ceremony(ports, environment) is not None:
        return None
    try:
        ports.runs.wake(sleeper)
    except (ConflictError, Rejected):
        if ports.runs.waits(sleeper):
            take_from_holder(ports, environment)
            return None
    note(ports, "trustwright.run.woken", environment, sleeper)
    return sleeper


def refresh_question(ports: Ports, environment: str) -> None:
    """Have a run that waits ask again, so that its form shows the newest refusal."""
    sleeper = _sleeper(ports, environment)
    if sleeper is not None:
        ports.runs.wake(sleeper)


def _sleeper(ports: Ports, environment: str) -> str | None:
    """Return the run that holds an environment, if it is suspended."""
    record = ports.records.environments.get(environment)
    holder = record.holder if record is not None else None
    return holder if holder is not None and ports.runs.waits(holder) else None
