"""One connection of one identity to one server: login, calls, judgement."""

from __future__ import annotations

import copy
import ssl
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import requests
from hvac.adapters import RawAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from trustwright.clock import Clock, SystemClock
from trustwright.errors import (
    ConfigurationError,
    Denied,
    Rejected,
    TrustwrightError,
    VerificationError,
)
from trustwright.vault import classify, replies
from trustwright.vault.replies import Call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trustwright.vault.credentials import Credentials

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 30.0
MERGE_PATCH = "application/merge-patch+json"


class Connection:
    """A server as one identity sees it.

    The token lives in this object only. A 403 costs one new login and one repetition: a token that
    expired and a policy that says no look alike. Redirects are not followed, for they would carry
    the token to wherever a standby points. Proxies, bundles and netrc of the machine's environment
    take no part.

    Args:
        address: base URL.
        credentials: how to log in.
        namespace: of the login and of every call; empty for the root namespace.
        ca: PEM bundle that verifies the server; None takes the machine's store.
        clock: dates the login token.
        timeout: seconds to connect, seconds to wait for a reply.
    """

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        *,
        namespace: str = "",
        ca: Path | None = None,
        clock: Clock | None = None,
        timeout: tuple[float, float] = (CONNECT_SECONDS, REPLY_SECONDS),
    ) -> None:
        self.address = address.rstrip("/")
        self.namespace = namespace
        self.ca = ca
        self.timeout = timeout
        self._credentials = credentials
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._token: str | None = None
        self.looks_only = False
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = _bundle(ca)
        self._adapter = RawAdapter(
            base_uri=self.address,
            session=self._session,
            namespace=namespace or None,
            allow_redirects=False,
        )

    def looking(self) -> Self:
        """Return the same connection, which refuses every call that would change something."""
        twin = copy.copy(self)
        twin.looks_only = True
        return twin

    def close(self) -> None:
        """Close the pooled connections and forget the token."""
        self._token = None
        self._session.close()

    def read(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """Return the ``data`` at `path`, or None when it is not there.

        Raises:
            UpstreamError: `Unavailable`, `Denied` or `Rejected`.
        """
        return self._perform(Call("GET", path, params=params))

    def find(self, path: str) -> dict[str, Any] | None:
        """Return the ``data`` at `path`, or None when it, or the mount that holds it, is absent."""
        try:
            return self.read(path)
        except Rejected as error:
            if error.rule == classify.ABSENT.rule:
                return None
            raise

    def listing(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the ``data`` of a LIST; an empty list is a 404 and comes back as ``{}``."""
        return self._perform(Call("LIST", path, params=params)) or {}

    def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ``data`` of a POST that only looks something up."""
        return self._perform(Call("POST", path, body=body)) or {}

    def write(
        self, path: str, body: Mapping[str, Any], *, warnings: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Write and return the ``data`` of the reply.

        Raises:
            OutcomeUnknown: the connection died; it may have taken effect.
            VerificationError: the reply has a warning that `warnings` does not expect.
        """
        call = Call("POST", path, body=body, effect=True, warnings=warnings)
        return self._perform(call) or {}

    def wrapped(self, path: str, body: Mapping[str, Any], seconds: int) -> str:
        """Write, and return the token that unwraps the reply once within so many seconds.

        Raises:
            OutcomeUnknown: the connection died; it may have taken effect.
            VerificationError: the reply came unwrapped, or with a warning.
        """
        call = Call("POST", path, body=body, effect=True, wrap=seconds)
        response = self._answered(call)
        replies.judge(call, response.status_code, response.content)
        reply = replies.whole(call, response.status_code, response.content)
        return replies.text(reply.get("wrap_info"), "token", call.where)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change some members (RFC 7396). A POST would erase the others."""
        return self._perform(Call("PATCH", path, body=body, effect=True)) or {}

    def delete(self, path: str) -> None:
        """Delete what is at `path`; what is not there is deleted already."""
        self._perform(Call("DELETE", path, effect=True))

    def act(self, path: str) -> dict[str, Any]:
        """Send a GET that changes something (``crl/rotate`` knows no other method)."""
        return self._perform(Call("GET", path, effect=True)) or {}

    def public(self, url: str) -> bytes:
        """Return what anybody can fetch at `url`: no token, no namespace header."""
        call = Call("GET", url)
        response = self._request(call, url)
        if response.status_code != HTTPStatus.OK:
            replies.judge(call, response.status_code, response.content)
        if response.status_code != HTTPStatus.OK or not response.content:
            raise VerificationError(
                f"nothing to fetch (HTTP status {response.status_code})",
                rule="VAULT-REPLY",
                hint="check the published address and what stands in front of the server",
                where=url,
            )
        return response.content

    def status(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return a reply that needs no login, whatever its status (``sys/health``)."""
        call = Call("GET", path, params=params)
        response = self._send(call, None)
        return replies.whole(call, response.status_code, response.content)

    def token(self) -> str:
        """Return the token of this identity, logging in when there is none.

        Raises:
            Denied: the server does not take the login.
        """
        with self._lock:
            if self._token is None:
                self._token = self._login()
            return self._token

    def renewed(self, spent: str) -> str:
        """Return a token that is not `spent`; one login even when many threads ask."""
        with self._lock:
            if self._token in (None, spent):
                self._token = self._login()
            return self._token

    def _perform(self, call: Call) -> dict[str, Any] | None:
        response = self._answered(call)
        return replies.judge(call, response.status_code, response.content)

    def _answered(self, call: Call) -> requests.Response:
        if call.effect and self.looks_only:
            raise VerificationError(
                "a look must not change anything; nothing was sent",
                rule="VAULT-LOOK",
                hint="report it: the program contradicts itself",
                where=call.where,
            )
        token = self.token()
        response = self._send(call, token)
        if response.status_code == HTTPStatus.FORBIDDEN:
            response = self._send(call, self.renewed(token))
        return response

    def _login(self) -> str:
        body = self._credentials.body(self._clock.now())
        call = Call("POST", self._credentials.path, body=body)
        response = self._send(call, None)
        reply = replies.whole(call, response.status_code, response.content)
        errors = [str(text) for text in reply.get("errors") or ()]
        meaning = classify.answer(response.status_code, errors, effect=False)
        if meaning is not None and meaning.error in (Denied, Rejected):
            meaning = classify.DENIED
        if meaning is not None:
            raise classify.error(meaning, ["login: " + "; ".join(errors)], where=call.where)
        return replies.text(reply.get("auth"), "client_token", call.where)

    def _send(self, call: Call, token: str | None) -> requests.Response:
        headers = {"X-Vault-Token": token} if token else {}
        if call.method == "PATCH":
            headers["Content-Type"] = MERGE_PATCH
        if call.wrap:
            headers["X-Vault-Wrap-TTL"] = f"{call.wrap}s"
        return self._request(call, f"/v1/{call.path}", headers)

    def _request(
        self, call: Call, url: str, headers: dict[str, str] | None = None
    ) -> requests.Response:
        try:
            if headers is None:
                return self._session.get(url, timeout=self.timeout, allow_redirects=False)
            return self._adapter.request(
                call.method,
                url,
                headers=headers,
                raise_exception=False,
                json=call.body,
                params=call.params,
                timeout=self.timeout,
            )
        except requests.RequestException as error:
            failure = _failure(error, call)
        # Outside the handler: the request, and in it the token, must not ride along as context.
        raise failure


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """Return a verifying TLS context that trusts the certificates in `ca`, or the machine's.

    Raises:
        ConfigurationError: the bundle cannot be read or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigurationError(
            f"no CA certificates can be read: {error.strerror or error}",
            rule="VAULT-CA",
            hint="name a PEM file as vault.ca",
            where=str(ca),
        ) from None


def _bundle(ca: Path | None) -> str | bool:
    if ca is not None:
        tls_context(ca)
        return str(ca)
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


def _failure(error: requests.RequestException, call: Call) -> TrustwrightError:
    reason = error.args[0] if error.args else error
    cause = reason.reason if isinstance(reason, MaxRetryError) else reason
    kind = type(cause).__name__
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return classify.not_trusted(str(cause), where=call.where)
    never_sent = isinstance(cause, NewConnectionError | ConnectTimeoutError)
    if never_sent or isinstance(error, requests.exceptions.InvalidURL):
        return classify.not_sent(kind, where=call.where)
    return classify.not_answered(kind, effect=call.effect, where=call.where)
