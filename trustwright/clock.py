"""The one clock. Everything that needs the time takes a `Clock`, so tests can hold it still."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time: aware, UTC, whole seconds (X.509 has no fractions)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC, cut to whole seconds."""
        return datetime.now(UTC).replace(microsecond=0)


def utc_text(moment: datetime) -> str:
    """Return ``2026-11-23T14:55:00Z`` (RFC 3339, UTC, seconds) for an aware time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
