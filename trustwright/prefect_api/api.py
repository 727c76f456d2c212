"""Runs of flows, over Prefect's REST API.

Prefect answers many refusals with HTTP 200 and ``status: REJECT`` or ``ABORT``: the code alone says
nothing.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trustwright.errors import ConflictError, Rejected, TrustwrightError, Unavailable
from trustwright.prefect_api.transport import (
    ATTEMPTS,
    Transport,
    body_of,
    members,
    not_the_api,
    reason,
    wait_a_little,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import requests

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})
"""State types that a run does not leave by itself."""
WAITING = frozenset({"SCHEDULED", "PENDING", "PAUSED"})
"""State types in which no process of the run exists."""
_TYPES = FINAL | WAITING | {"RUNNING", "CANCELLING"}
_PAGE = 200
_HTTP_CONFLICT = 409


@dataclass(frozen=True)
class FlowRun:
    """A flow run as the API shows it.

    Attributes:
        state_type: like ``PAUSED``; empty before the first state.
        state_name: like ``Suspended``.
        message: of the state.
    """

    id: str
    name: str
    state_type: str
    state_name: str
    message: str = ""

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state_type in FINAL

    def within(self, states: Collection[str]) -> bool:
        """Whether its state's type or name is one of these."""
        return self.state_type in states or self.state_name in states


class PrefectApi:
    """One Prefect server.

    Args:
        url: like ``http://127.0.0.1:14200/api``.
        auth: ``user:password`` (``PREFECT_SERVER_API_AUTH_STRING``), or None.
        timeout: seconds for one request.
        attempts: how often a request is sent before the server counts as down.
    """

    def __init__(
        self, url: str, auth: str | None = None, timeout: float = 10.0, attempts: int = ATTEMPTS
    ) -> None:
        self._server = Transport(url, auth, timeout, attempts)

    def healthy(self) -> bool:
        """Return whether the server answers and reaches its database (``GET /ready``)."""
        return self._server.answers("/ready")

    def run_deployment(
        self,
        name: str,
        parameters: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
    ) -> FlowRun:
        """Create a run of ``flow/deployment`` (``POST /deployments/{id}/create_flow_run``).

        Without a key of the caller a random one is sent, so that a repeated request makes one run.

        Raises:
            Rejected: no such deployment, or the parameters break its schema.
        """
        deployment = members(self._get(f"/deployments/name/{name}", f"the deployment {name}"))
        body = {
            "parameters": dict(parameters or {}),
            "idempotency_key": idempotency_key or uuid.uuid4().hex,
            "state": {"type": "SCHEDULED"},
        }
        path = f"/deployments/{_member(deployment, 'id')}/create_flow_run"
        answer = self._server.call("POST", path, body)
        if answer.status_code == _HTTP_CONFLICT:
            raise Rejected(
                f"the parameters for {name} do not fit: {reason(answer)}",
                rule="PREFECT-PARAMETERS",
            )
        return _flow_run(body_of(answer))

    def flow_run(self, run: str) -> FlowRun:
        """Return a run.

        Raises:
            Rejected: there is none with this identifier (rule ``PREFECT-UNKNOWN``).
        """
        return _flow_run(self._get(f"/flow_runs/{run}", f"the flow run {run}"))

    def resume(self, run: str, run_input: Mapping[str, object] | None = None) -> None:
        """Resume a suspended run with the form's values (``POST /flow_runs/{id}/resume``).

        Returning means that the server accepted; the flow judges the values after waking.

        Raises:
            Rejected: the values break the form's schema; the run stays suspended.
            ConflictError: the run does not wait, or an answer was left for it before.
            OutcomeUnknown: the connection died after the request was sent.
        """
        refusal = self._resume(run, run_input)
        for attempt in range(ATTEMPTS):
            if refusal is None or "schema not found" not in refusal.what:
                break
            wait_a_little(attempt)  # the state is set a moment before its form is stored
            refusal = self._resume(run, run_input)
        if refusal is not None:
            raise refusal

    def cancel(self, run: str, reason: str = "") -> FlowRun:
        """Cancel a run and return it; one that has ended stays as it is.

        A suspended run is Cancelled at once, although the server answers REJECT; a running one is
        Cancelling until its runner has ended the process.

        Raises:
            ConflictError: the server left it in another state.
        """
        state = {"type": "CANCELLING", "name": "Cancelling", "message": reason or "cancelled"}
        answer = self._server.call("POST", f"/flow_runs/{run}/set_state", {"state": state})
        body_of(answer)
        found = self.flow_run(run)
        if found.final or found.state_type == "CANCELLING":
            return found
        raise ConflictError(
            f"the flow run {run} is {found.state_name} and was not cancelled",
            rule="PREFECT-CANCEL",
        )

    def abandon(self, run: FlowRun, reason: str) -> None:
        """Set a run that has no process to Crashed, or to Cancelled when that was asked for."""
        final = "CANCELLED" if run.state_type == "CANCELLING" else "CRASHED"
        state = {"type": final, "name": final.capitalize(), "message": reason}
        body = {"state": state, "force": True}
        body_of(self._server.call("POST", f"/flow_runs/{run.id}/set_state", body))

    def flow_runs(
        self, deployment: str | None = None, states: Collection[str] = ()
    ) -> tuple[FlowRun, ...]:
        """Return the runs of ``flow/deployment`` whose state type or name is one of `states`.

        None stands for every deployment, no states for every state.
        """
        body: dict[str, Any] = {"sort": "START_TIME_DESC", "limit": _PAGE}
        if deployment is not None:
            flow, _, name = deployment.partition("/")
            body["flows"] = {"name": {"any_": [flow]}}
            body["deployments"] = {"name": {"any_": [name]}}
        if states:
            body["flow_runs"] = {"state": _state_filter(states)}
        found: list[FlowRun] = []
        while True:
            page = _objects(
                self._server.call("POST", "/flow_runs/filter", {**body, "offset": len(found)})
            )
            found += [_flow_run(run) for run in page]
            if len(page) < _PAGE:
                return tuple(found)

    def served_since(self, moment: datetime) -> bool:
        """Return whether a runner has asked for work since `moment` (``last_polled``)."""
        deployments = _objects(self._server.call("POST", "/deployments/filter", {"limit": _PAGE}))
        polled = (deployment.get("last_polled") for deployment in deployments)
        return any(datetime.fromisoformat(text) >= moment for text in polled if text)

    def wait(
        self, run: str, until: Collection[str], *, deadline: float, poll: float = 0.5
    ) -> FlowRun:
        """Return the run as soon as its state's type or name is one of `until`.

        It looks every `poll` seconds and gives up `deadline` seconds from now.

        Raises:
            Rejected: it ended in another state.
            Unavailable: it did not get there in time.
        """
        end = time.monotonic() + deadline
        while not (found := self.flow_run(run)).within(until):
            if found.final:
                raise Rejected(
                    f"the flow run {found.name} ended {found.state_name}: {found.message}",
                    rule="PREFECT-ENDED",
                    where=self.ui_link(run),
                )
            if time.monotonic() > end:
                raise Unavailable(
                    f"the flow run {found.name} is still {found.state_name} after {deadline:g} s",
                    rule="PREFECT-WAIT",
                    where=self.ui_link(run),
                )
            time.sleep(poll)
        return found

    def ui_link(self, run: str | None = None) -> str:
        """Return the page of a run, or of all runs."""
        base = self._server.url.removesuffix("/api")
        return f"{base}/runs/flow-run/{run}" if run else f"{base}/runs"

    def _resume(self, run: str, run_input: Mapping[str, object] | None) -> TrustwrightError | None:
        body = {"run_input": dict(run_input or {})}
        path = f"/flow_runs/{run}/resume"
        answer = self._server.call("POST", path, body, repeatable=False)
        if answer.status_code == _HTTP_CONFLICT:
            return ConflictError(
                f"the flow run {run} already has an answer: {reason(answer)}",
                rule="PREFECT-RESUME",
                hint="look at the run",
            )
        return _refusal(body_of(answer))

    def _get(self, path: str, what: str) -> Any:
        answer = self._server.call("GET", path)
        if answer.status_code in {404, 422}:
            raise Rejected(f"Prefect does not know {what}", rule="PREFECT-UNKNOWN")
        return body_of(answer)


def _objects(answer: requests.Response) -> list[dict[str, Any]]:
    found = body_of(answer)
    if not isinstance(found, list):
        raise not_the_api("no JSON array where one is expected")
    return [members(each) for each in found]


def _member(found: Mapping[str, Any], name: str) -> str:
    if not isinstance(found.get(name), str):
        raise not_the_api(f"an object without {name!r}")
    return str(found[name])


def _flow_run(answer: Any) -> FlowRun:
    found = members(answer)
    state = members(found.get("state") or {})
    return FlowRun(
        id=_member(found, "id"),
        name=_member(found, "name"),
        state_type=state.get("type") or "",
        state_name=state.get("name") or "",
        message=state.get("message") or "",
    )


def _state_filter(states: Collection[str]) -> dict[str, object]:
    types = sorted(_TYPES.intersection(states))
    names = sorted(set(states) - _TYPES)
    return {
        "operator": "or_",
        **({"type": {"any_": types}} if types else {}),
        **({"name": {"any_": names}} if names else {}),
    }


def _refusal(answer: Any) -> TrustwrightError | None:
    """Return why the server did not set a state, or None when it did (HTTP 200 says nothing)."""
    status = members(answer).get("status")
    reason = members(answer.get("details") or {}).get("reason") or "no reason given"
    if status == "ACCEPT":
        return None
    if status == "REJECT":
        return Rejected(f"Prefect refused the answer: {reason}", rule="PREFECT-RESUME")
    return ConflictError(
        f"Prefect did not resume the run: {reason}",
        rule="PREFECT-RESUME",
        hint="somebody was first, or the run waits no more: look at the run",
    )
