"""Events of the lifecycle, handed to Prefect, whose automations start flows by them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trustwright.errors import TrustwrightError
from trustwright.prefect_api.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustwright.ports import Event


class PrefectEvents:
    """Events to one server (fulfils `trustwright.ports.Events`).

    Args:
        url: like ``http://127.0.0.1:14200/api``.
        auth: ``user:password``, or None.
        timeout: seconds for one request.
    """

    def __init__(self, url: str, auth: str | None = None, timeout: float = 5.0) -> None:
        self._server = Transport(url, auth, timeout, attempts=2)

    def emit(self, events: Sequence[Event]) -> bool:
        """Hand events over (``POST /events``); return whether the server took them."""
        if not events:
            return True
        try:
            answer = self._server.call("POST", "/events", [_body(each) for each in events])
        except TrustwrightError:
            return False
        return answer.ok


def _body(event: Event) -> dict[str, Any]:
    resource = {
        "prefect.resource.id": event.resource,
        "trustwright.environment": event.environment,
    }
    return {
        "id": str(uuid.uuid4()),
        "event": event.name,
        "occurred": datetime.now(UTC).isoformat(),
        "resource": resource,
        "related": [],
        "payload": dict(event.payload),
    }
