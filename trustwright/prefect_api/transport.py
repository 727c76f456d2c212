"""Requests to Prefect's REST API, repeated where that cannot do harm, with errors of ours."""

from __future__ import annotations

import random
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NewConnectionError

from trustwright.errors import (
    Denied,
    OutcomeUnknown,
    Rejected,
    TrustwrightError,
    Unavailable,
)

ATTEMPTS = 5
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NOT_FOUND = 404


class Transport:
    """A session with one server.

    Args:
        url: like ``http://127.0.0.1:14200/api``.
        auth: ``user:password``, or None.
        timeout: seconds for one request.
        attempts: how often a request is sent before the server counts as down.
    """

    def __init__(self, url: str, auth: str | None, timeout: float, attempts: int) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._attempts = attempts
        self._session = requests.Session()
        if urlsplit(url).hostname in _LOOPBACK:
            self._session.trust_env = False  # a proxy for the internet has no business here
        if auth:
            user, _, password = auth.partition(":")
            self._session.auth = (user, password)

    def answers(self, path: str) -> bool:
        """Return whether one GET brings a good answer; nothing is repeated, nothing raised."""
        try:
            return self._session.get(self.url + path, timeout=self._timeout).ok
        except requests.RequestException:
            return False

    def call(
        self, method: str, path: str, body: object = None, *, repeatable: bool = True
    ) -> requests.Response:
        """Send one request and return whatever the server says, unless it is 503.

        Prefect answers 503 while SQLite is locked and has then done nothing: any request may be
        sent again. After a broken connection only a repeatable one may.

        Raises:
            Unavailable: no answer, or busy, several times.
            OutcomeUnknown: not repeatable, and the connection broke after it was sent.
        """
        outcome = self._once(method, path, body, repeatable=repeatable)
        for attempt in range(self._attempts - 1):
            if not isinstance(outcome, Unavailable):
                break
            wait_a_little(attempt)
            outcome = self._once(method, path, body, repeatable=repeatable)
        if isinstance(outcome, TrustwrightError):
            raise outcome
        return outcome

    def _once(
        self, method: str, path: str, body: object, *, repeatable: bool
    ) -> requests.Response | TrustwrightError:
        url = self.url + path
        try:
            answer = self._session.request(method, url, json=body, timeout=self._timeout)
        except requests.RequestException as error:
            return _problem(error, repeatable=repeatable)
        if answer.status_code == requests.codes.service_unavailable:
            return Unavailable(f"Prefect is busy: {reason(answer)}", rule="PREFECT-BUSY")
        return answer


def body_of(answer: requests.Response) -> Any:
    """Return the body of a good answer.

    Raises:
        Denied, Rejected, Unavailable: by HTTP status.
    """
    if answer.ok:
        return answer.json()
    what = f"Prefect answered {answer.status_code}: {reason(answer)}"
    if answer.status_code in {401, 403}:
        raise Denied(
            what,
            rule="PREFECT-DENIED",
            hint="the password of the API is wrong or missing: 'trustwright status' names its file",
        )
    if answer.status_code == _NOT_FOUND:
        raise Rejected(what, rule="PREFECT-UNKNOWN")
    if answer.status_code >= requests.codes.server_error:
        raise Unavailable(what, rule="PREFECT-ERROR")
    raise Rejected(what, rule="PREFECT-REJECTED")


def reason(answer: requests.Response) -> str:
    """Return the server's words without the values that were sent."""
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return answer.reason or "no reason given"
    detail = body.get("detail") or body.get("exception_message") or body.get("messages") or ""
    if isinstance(detail, list):
        detail = "; ".join(
            str(part.get("msg", "")) if isinstance(part, dict) else str(part) for part in detail
        )
    return str(detail)[:300] or answer.reason or "no reason given"


def wait_a_little(attempt: int) -> None:
    """Sleep about 0.1, 0.2, 0.4 … seconds, with jitter."""
    time.sleep(0.1 * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret


def _problem(error: requests.RequestException, *, repeatable: bool) -> TrustwrightError:
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    unsent = isinstance(cause, NewConnectionError) or isinstance(error, requests.ConnectTimeout)
    if repeatable or unsent:
        return Unavailable(
            "Prefect does not answer",
            rule="PREFECT-DOWN",
            hint="start it with 'trustwright up', or check the address in the settings",
        )
    return OutcomeUnknown(
        "the connection to Prefect broke: the call may have taken effect",
        rule="PREFECT-UNKNOWN-OUTCOME",
        hint="look at the run before you repeat the command",
    )
