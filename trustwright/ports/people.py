"""Telling people and other flows, and knowing the orchestrator's runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from trustwright.model.estate import Severity


@dataclass(frozen=True)
class Notice:
    """Something to tell people; plain text and Markdown-safe, no secret.

    Attributes:
        event: ``trustwright.<noun>.<verb>``.
        link: where to look, or empty.
    """

    event: str
    severity: Severity
    title: str
    body: str
    environment: str = ""
    link: str = ""


class Notifier(Protocol):
    """Chat and mail."""

    def tell(self, notice: Notice) -> tuple[str, ...]:
        """Send to every matching channel; return the channels that failed. Never raises."""
        ...


@dataclass(frozen=True)
class Event:
    """Something that happened, for whatever listens: other flows, above all; no secret.

    Attributes:
        name: ``trustwright.<noun>.<verb>`` of the catalogue (docs/events.md).
        resource: what it happened to, like ``trustwright.consumer.prod.billing``.
        environment: that it concerns, or empty.
        payload: plain facts.
        key: of an audit line: makes a repeat the same event. Empty for a doorbell: every ring is
            one of its own, and is tried whenever it is emitted.
        occurred: when it happened; None says now.
        run: flow run in which it happened, or empty.
    """

    name: str
    resource: str
    environment: str = ""
    payload: Mapping[str, str | int | bool] = field(default_factory=dict)
    key: str = ""
    occurred: datetime | None = None
    run: str = ""


class Events(Protocol):
    """Where events go."""

    def emit(self, events: Sequence[Event]) -> bool:
        """Hand events over; return whether they were taken. Never raises, and never takes long.

        An event is a doorbell: whoever starts something by it looks at the record, and the next
        sweep rings again.
        """
        ...


class Runs(Protocol):
    """The orchestrator's runs, as far as the lifecycle must know them."""

    def alive(self, run: str) -> bool:
        """Return whether the run may still act; False when it ended or is not known any more."""
        ...

    def cancelled(self, run: str) -> bool:
        """Return whether a person cancelled the run."""
        ...

    def waits(self, run: str) -> bool:
        """Return whether the run is suspended: it has no process and waits to be resumed."""
        ...

    def wake(self, run: str) -> None:
        """Resume a suspended run with an empty answer; it looks at the record for itself.

        Raises:
            ConflictError, Rejected: it is not suspended, or can never be resumed.
        """
        ...

    def end(self, run: str, reason: str) -> None:
        """Cancel the run and wait for its end; one that ended or is unknown is left alone."""
        ...

    def link(self, run: str | None) -> str:
        """Return the page of the run, or of all runs."""
        ...
