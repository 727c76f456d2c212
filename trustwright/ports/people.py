"""Telling people, and knowing the orchestrator's runs."""

from __future__ import annotations

from dataclasses import dataclass
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
