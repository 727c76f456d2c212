"""One call, and the judgement of its reply; the control path and the bulk path share both."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, VerificationError
from trustwright.vault import classify

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEGMENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$")


@dataclass(frozen=True)
class Call:
    """One request to the server.

    Attributes:
        method: HTTP method, or ``LIST``.
        path: below ``/v1/``.
        body: JSON body; kept out of `repr`, it may hold a login.
        effect: whether it changes something, so that a lost reply leaves the outcome open.
        warnings: patterns of the warnings that are expected in the reply.
        wrap: seconds for which the reply is wrapped; 0 asks for it as it is.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    params: Mapping[str, str] | None = None
    effect: bool = False
    warnings: tuple[str, ...] = ()
    wrap: int = 0

    @property
    def where(self) -> str:
        """Return method and path, for messages."""
        return f"{self.method} {self.path}"


def judge(call: Call, status: int, content: bytes) -> dict[str, Any] | None:
    """Return the ``data`` of a good reply; None when the thing read is not there.

    Raises:
        UpstreamError: what the status and the texts mean.
        VerificationError: not JSON, or a warning that `call` does not expect.
    """
    reply = _decode(call, status, content)
    errors = [str(text) for text in reply.get("errors") or ()]
    if status == HTTPStatus.NOT_FOUND and not errors and not call.effect:
        return None
    meaning = classify.answer(status, errors, effect=call.effect)
    if meaning is not None:
        raise classify.error(meaning, errors or [f"HTTP status {status}"], where=call.where)
    _refuse_warnings(call, reply.get("warnings") or ())
    data = reply.get("data")
    return dict(data) if isinstance(data, dict) else {}


def whole(call: Call, status: int, content: bytes) -> dict[str, Any]:
    """Return the whole reply of a call that answers outside ``data`` (health, login)."""
    return _decode(call, status, content)


def _decode(call: Call, status: int, content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    try:
        reply = json.loads(content)
    except ValueError:
        reply = None
    if isinstance(reply, dict):
        return reply
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return {"errors": [f"HTTP status {status}, and the reply is not JSON"]}
    raise VerificationError(
        "the reply is not JSON",
        rule="VAULT-REPLY",
        hint="check that vault.address is a Vault or OpenBao server",
        where=call.where,
    )


def _refuse_warnings(call: Call, warnings: object) -> None:
    found = [str(text) for text in warnings] if isinstance(warnings, list | tuple) else []
    unexpected = [
        text for text in found if not any(re.search(pattern, text) for pattern in call.warnings)
    ]
    if unexpected:
        raise VerificationError(
            f"the server warns: {classify.plain('; '.join(unexpected))}",
            rule="VAULT-WARNING",
            hint="it did something else than was asked: look at what the warning names",
            where=call.where,
        )


def text(data: Mapping[str, Any] | None, name: str, call: str) -> str:
    """Return a member that must be a non-empty string.

    Raises:
        VerificationError: it is not.
    """
    value = (data or {}).get(name)
    if isinstance(value, str) and value:
        return value
    raise VerificationError(f"the reply has no {name}", rule="VAULT-REPLY", where=call)


def segment(value: str) -> str:
    """Return `value` when it can stand as one segment of a path.

    Raises:
        ConfigurationError: it could reach another path.
    """
    if _SEGMENT.match(value) and value != "..":
        return value
    raise ConfigurationError(
        f"{value[:60]!r} is not an identifier that Vault gives", rule="VAULT-SEGMENT"
    )
