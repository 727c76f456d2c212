"""The lifecycle's view of runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trustwright.errors import Rejected

if TYPE_CHECKING:
    from trustwright.prefect_api.api import FlowRun, PrefectApi

SUSPENDED = "PAUSED"
"""State type of a suspended run."""
GRACE = 20.0
"""Seconds that a runner gets to end a run's process."""
POLL = 0.2


class PrefectRuns:
    """The runs of one server, as the lifecycle knows them (fulfils `trustwright.ports.Runs`)."""

    def __init__(self, api: PrefectApi) -> None:
        self._api = api

    def alive(self, run: str) -> bool:
        """Return whether the run may still act; False when it ended or is not known any more."""
        found = self._find(run)
        return found is not None and not found.final

    def cancelled(self, run: str) -> bool:
        """Return whether a person cancelled the run."""
        found = self._find(run)
        return found is not None and found.within({"CANCELLED", "CANCELLING"})

    def waits(self, run: str) -> bool:
        """Return whether the run is suspended: it has no process and waits to be resumed."""
        found = self._find(run)
        return found is not None and found.state_type == SUSPENDED

    def wake(self, run: str) -> None:
        """Resume a suspended run with an empty answer; it looks at the record for itself.

        Raises:
            ConflictError, Rejected: it is not suspended, or can never be resumed.
        """
        self._api.resume(run, {"response": ""})

    def end(self, run: str, reason: str) -> None:
        """Cancel the run and wait until it has ended; one that ended or is unknown is left alone.

        A run whose process nobody ends any more (no runner is up) is set to an end after `GRACE`
        seconds; should a process be left after all, the store fences it off.
        """
        if not self.alive(run):
            return
        self._api.cancel(run, reason)
        deadline = time.monotonic() + GRACE
        while self.alive(run):
            if time.monotonic() > deadline:
                self._api.abandon(self._api.flow_run(run), reason)
            time.sleep(POLL)

    def link(self, run: str | None) -> str:
        """Return the page of the run, or of all runs."""
        return self._api.ui_link(run)

    def _find(self, run: str) -> FlowRun | None:
        try:
            return self._api.flow_run(run)
        except Rejected as error:
            if error.rule == "PREFECT-UNKNOWN":
                return None
            raise
