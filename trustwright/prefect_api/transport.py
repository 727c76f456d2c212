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
BUSY = "PREFECT-BUSY"
"""Rule of an answer 503: the server is up and has done nothing."""
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
        """Return whether one GET brings a good answer in JSON; nothing is repeated or raised.

        The pages answer any path with HTML and 200: that is not the API.
        """
        try:
            answer = self._session.get(self.url + path, timeout=self._timeout)
            return answer.ok and answer.json() is not None
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
            return Unavailable(f"Prefect is busy: {reason(answer)}", rule=BUSY)
        return answer


def body_of(answer: requests.Response) -> Any:
    """Return the JSON value of a good answer.

    Raises:
        Denied, Rejected, Unavailable: by HTTP status; or it is no JSON (rule ``PREFECT-REPLY``).
    """
    if answer.ok:
        return _value(answer)
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


def members(value: Any) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        Rejected: it is something else (rule ``PREFECT-REPLY``).
    """
    if isinstance(value, dict):
        return value
    raise not_the_api(f"a JSON {type(value).__name__} where an object is expected")


def not_the_api(what: str) -> Rejected:
    """Return the error for an answer that Prefect's API does not give."""
    return Rejected(
        f"what answers is not Prefect's API: {what}",
        rule="PREFECT-REPLY",
        hint="the address ends in /api, and nothing in front of it asks for another login: "
        "check PREFECT_API_URL",
    )


def _value(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except requests.JSONDecodeError:
        kind = answer.headers.get("Content-Type", "no type").partition(";")[0][:40]
        raise not_the_api(f"{answer.status_code} with {kind!r}") from None


def reason(answer: requests.Response) -> str:
    """Return the server's words without the values that were sent."""
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return answer.reason or "no reason given"
    if isinstance(body, dict):
        names = ("detail", "exception_message", "messages")
        detail = next((body[name] for name in names if body.get(name)), "")
    else:
        detail = body if isinstance(body, str) else ""
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
