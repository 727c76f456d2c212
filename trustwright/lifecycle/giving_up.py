"""A person gives up the generation that is being set up: its key is lost, or nobody wants it."""

from __future__ import annotations

from collections.abc import Collection

from trustwright.errors import ConfigurationError, ConflictError
from trustwright.lifecycle.environments import record_of
from trustwright.lifecycle.generations import abandon_issuer, finish_giving_up
from trustwright.lifecycle.requests import KIND
from trustwright.lifecycle.watch import CLOSING, cancel_ceremony
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.records import EnvironmentRecord, IssuerRecord
from trustwright.policy.naming import issuer_name
from trustwright.policy.phases import check_give_up
from trustwright.ports import Ports


def give_up_generation(ports: Ports, name: str, reason: str) -> EnvironmentRecord:
    """Close the pending ceremony, abandon the issuer, begin the next generation at *prepared*.

    Raises:
        TransitionRefused: the generation was proven already (rule ``GENERATION-PROVEN``).
        ConfigurationError: nothing of it was requested yet (rule ``GENERATION-UNUSED``).
        ConflictError: a run that is still alive works on it (rule ``LOCK-HELD``), or a response
            was accepted at this moment: look, and decide again.
    """
    record = record_of(ports, name)
    issuer = _issuer(ports, record)
    check_give_up(record.phase)
    unanswered = _unanswered(ports, name)
    _check_free(ports, name, ending={each.flow_run for each in unanswered})
    for ceremony in unanswered:
        cancel_ceremony(ports, ceremony, f"generation {record.generation} was given up: {reason}")
    _check_free(ports, name)
    abandon_issuer(ports, issuer, reason)
    finish_giving_up(ports, name)
    return record_of(ports, name)


def _unanswered(ports: Ports, name: str) -> list[CeremonyRecord]:
    rows = ports.records.ceremonies
    states = ("pending", *CLOSING)
    return [row for each in states for row in rows.find(environment=name, kind=KIND, state=each)]


def _issuer(ports: Ports, record: EnvironmentRecord) -> IssuerRecord:
    issuer = ports.records.issuers.get(issuer_name(record.name, record.generation))
    if issuer is None:
        raise ConfigurationError(
            f"nothing was requested for generation {record.generation} of {record.name}",
            rule="GENERATION-UNUSED",
            hint=f"run: trustwright bootstrap {record.name}",
            where=record.name,
        )
    return issuer


def _check_free(ports: Ports, name: str, ending: Collection[str | None] = ()) -> None:
    """Refuse while a run works on the environment; the runs in `ending` are about to be ended."""
    record = record_of(ports, name)
    if record.holder in {None, *ending}:
        return
    if ports.runs.alive(record.holder or ""):
        raise ConflictError(
            f"{name} is held by run {record.holder} since {record.held_since}",
            rule="LOCK-HELD",
            hint="wait for it, or add --take-over when it is dead",
        )
