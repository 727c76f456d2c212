"""A generation that was given up before it was proven, and the next one after it.

The order is that of what must not happen: no anchor of such a generation is delivered, so its
issuer is *abandoned* first; the environment goes on to the next generation last. Whoever dies in
between is followed by the next call, or by the next run of the flow.
"""

from __future__ import annotations

from trustwright.lifecycle.environments import record_of
from trustwright.lifecycle.journal import note_once, tell_once
from trustwright.model.records import IssuerRecord
from trustwright.policy import notices
from trustwright.policy.naming import issuer_name
from trustwright.policy.quoting import one_line
from trustwright.ports import Ports

LONGEST_REASON = 200


def abandon_issuer(ports: Ports, issuer: IssuerRecord, reason: str) -> None:
    """Write down why, then mark the issuer *abandoned*; the first reason stands.

    Raises:
        ConflictError: somebody else wrote the issuer; read it and decide again.
    """
    event = "trustwright.generation.abandoned"
    why = one_line(reason, LONGEST_REASON)
    note_once(ports, _key(issuer.id), event, issuer.environment, issuer.id, why)
    if issuer.state != "abandoned":
        ports.records.issuers.replace(issuer, state="abandoned", updated=ports.clock.now())


def finish_giving_up(ports: Ports, name: str) -> None:
    """Go on to the next generation if the present one was abandoned; people are told before.

    Raises:
        ConflictError: somebody else wrote the environment; ask again.
    """
    record = record_of(ports, name)
    issuer = ports.records.issuers.get(issuer_name(name, record.generation))
    if issuer is None or issuer.state != "abandoned":
        return
    why = why_given_up(ports, issuer.id) or ""
    tell_once(ports, f"abandoned/{issuer.id}", notices.generation_abandoned(issuer, why), issuer.id)
    ports.records.environments.replace(
        record, generation=record.generation + 1, phase="prepared", updated=ports.clock.now()
    )


def why_given_up(ports: Ports, issuer_id: str) -> str | None:
    """Return the reason for which a person gave a generation up, or None."""
    line = ports.records.audit.get(_key(issuer_id))
    return line.detail if line else None


def _key(issuer_id: str) -> str:
    return f"given-up/{issuer_id}"
