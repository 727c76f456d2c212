"""A clock that moves only when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HeldClock:
    """Tells the same time until it is advanced."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the held time."""
        return self._now

    def advance(self, *, seconds: int) -> None:
        """Move on by `seconds`."""
        self._now += timedelta(seconds=seconds)
