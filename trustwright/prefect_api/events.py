"""Events of the lifecycle, handed to Prefect, whose automations start flows by them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trustwright.errors import TrustwrightError
from trustwright.prefect_api.transport import BUSY, Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustwright.ports import Event

TIMEOUT = 5.0
PAUSE = 60.0
"""Seconds without a try after one that failed: a dead server costs one timeout, not one a line.
Events without a key are no lines: they start something, are few, and are always tried."""
NAMESPACE = uuid.UUID("6f0c2a34-6c0f-5d0e-9a4f-3a8d5c1e7b20")
"""Of the identifiers of events that have a key (RFC 9562 §5.5); never to be changed."""


class PrefectEvents:
    """Events to one server (fulfils `trustwright.ports.Events`).

    Args:
        url: like ``http://127.0.0.1:14200/api``.
        auth: ``user:password``, or None.
        timeout: seconds for one request.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        url: str,
        auth: str | None = None,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = Transport(url, auth, timeout, attempts=1)
        self._clock = clock
        self._silent_until = 0.0

    def emit(self, events: Sequence[Event]) -> bool:
        """Hand events over (``POST /events``); return whether the server took them."""
        if not events:
            return True
        if self._clock() < self._silent_until and all(each.key for each in events):
            return False
        try:
            taken = self._server.call("POST", "/events", [_body(each) for each in events]).ok
        except TrustwrightError as error:
            if error.rule == BUSY:  # it answers, so that asking costs little
                return False
            taken = False
        if not taken:
            self._silent_until = self._clock() + PAUSE
        return taken


class NoEvents:
    """Nobody listens: this machine knows no Prefect (fulfils `trustwright.ports.Events`)."""

    def emit(self, events: Sequence[Event]) -> bool:
        """Return whether there was nothing to say."""
        return not events


def _body(event: Event) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid5(NAMESPACE, event.key) if event.key else uuid.uuid4()),
        "event": event.name,
        "occurred": (event.occurred or datetime.now(UTC)).isoformat(),
        "resource": {"prefect.resource.id": event.resource}
        | ({"trustwright.environment": event.environment} if event.environment else {}),
        "related": _related(event),
        "payload": dict(event.payload),
    }


def _related(event: Event) -> list[dict[str, str]]:
    """Name the run, so that its page shows what happened in it."""
    if not event.run:
        return []
    run = f"prefect.flow-run.{event.run}"
    return [{"prefect.resource.id": run, "prefect.resource.role": "flow-run"}]
