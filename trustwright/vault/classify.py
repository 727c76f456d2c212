"""What a status, a text or a broken connection means, as one of our errors.

The texts are OpenBao's and Vault's own. A status alone does not tell: OpenBao answers an unknown
issuer with 500 and a mount that is not there with 400. Every rule below was observed on OpenBao.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from trustwright.errors import (
    Denied,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    UpstreamError,
    VerificationError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT_LIMIT = 300
"""Characters of a server's message that enter an error."""


@dataclass(frozen=True)
class Meaning:
    """A class of answers.

    Attributes:
        rule: identifier of the rule in errors.
        hint: what the person should do.
    """

    error: type[UpstreamError]
    rule: str
    hint: str


SEALED = Meaning(Unavailable, "VAULT-SEALED", "unseal the server, then run again")
STANDBY = Meaning(Unavailable, "VAULT-STANDBY", "point vault.address at the active node")
QUOTA = Meaning(Unavailable, "VAULT-QUOTA", "the rate limit of the server was met; it passes")
DOWN = Meaning(Unavailable, "VAULT-DOWN", "look at the server's own log")
UNREACHABLE = Meaning(
    Unavailable, "VAULT-UNREACHABLE", "check vault.address and that the server runs"
)
DENIED = Meaning(
    Denied, "VAULT-DENIED", "prepare the environment again: `trustwright bootstrap ENVIRONMENT`"
)
ABSENT = Meaning(
    Rejected, "VAULT-ABSENT", "prepare the environment: `trustwright bootstrap ENVIRONMENT`"
)
TAKEN = Meaning(Rejected, "VAULT-TAKEN", "the name belongs to something else in this mount")
STALE = Meaning(Rejected, "VAULT-STALE", "somebody wrote it in between: run again")
UPGRADING = Meaning(Unavailable, "VAULT-DOWN", "a new KV engine is not ready yet; it passes")
REFUSED = Meaning(Rejected, "VAULT-REFUSED", "the same call fails again: change what is asked")
OUTSIDE_ROLE = Meaning(
    Rejected,
    "VAULT-ROLE",
    "the role signs for the consumers it was prepared for: run `trustwright bootstrap ENVIRONMENT` "
    "where the provisioner's key is",
)
UNKNOWN = Meaning(
    OutcomeUnknown, "VAULT-UNKNOWN", "it may have taken effect: run again, which reconciles first"
)

PERMANENT = (
    "unable to find PKI issuer",
    "unable to find PKI key",
    "requested usage",
    "no default issuer",
    "no default CA",
    "denied by CEL",
    "CEL program",
    "could not fetch the CA certificate",
    "unable to verify public key",
    "provided private key",
)
"""Texts of a 500 that stays a 500: unknown or retired issuer, no default, CEL, wrong key."""

MISSING = (
    "no secret engine mount at",
    "no auth engine at",
    "no handler for route",
    "namespace not found",
    "unsupported path",
    "could not load configuration",
)
"""Texts of something that is not there yet: mount, login, namespace."""

URI_REFUSED = ("uri subject alternative names",)
"""Text about a URI that the role does not list: roles list the URI of each consumer."""

CHECK_AND_SET = ("check-and-set parameter did not match",)
"""Text about a version of a secret that is not the newest any more."""

CONVERTING = ("upgrading from non-versioned",)
"""Text of a KV engine in its first moments."""

IN_USE = ("already in use", "already exists")


def answer(status: int, errors: Sequence[str], *, effect: bool) -> Meaning | None:
    """Return what an answer means, or None when it is good.

    Args:
        status: HTTP status.
        errors: the ``errors`` member of the reply.
        effect: whether the call changes something.
    """
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status < HTTPStatus.BAD_REQUEST:
        return STANDBY
    return _by_text(status, " ".join(errors).lower(), effect=effect)


def _by_text(status: int, text: str, *, effect: bool) -> Meaning:
    for parts, meaning in _BY_TEXT:
        if _holds(text, parts):
            return meaning
    if status < HTTPStatus.INTERNAL_SERVER_ERROR or _holds(text, PERMANENT):
        return REFUSED
    return UNKNOWN if effect else DOWN


_BY_TEXT: tuple[tuple[Sequence[str], Meaning], ...] = (
    (MISSING, ABSENT),
    (IN_USE, TAKEN),
    (URI_REFUSED, OUTSIDE_ROLE),
    (CHECK_AND_SET, STALE),
    (CONVERTING, UPGRADING),
)

_BY_STATUS: dict[int, Meaning] = {
    HTTPStatus.FORBIDDEN: DENIED,
    HTTPStatus.UNAUTHORIZED: DENIED,
    HTTPStatus.SERVICE_UNAVAILABLE: SEALED,
    HTTPStatus.TOO_MANY_REQUESTS: QUOTA,
    HTTPStatus.PRECONDITION_FAILED: STANDBY,
}


def _holds(text: str, parts: Sequence[str]) -> bool:
    return any(part.lower() in text for part in parts)


def error(meaning: Meaning, errors: Sequence[str], *, where: str) -> UpstreamError:
    """Return the exception for `meaning`, with the server's own words."""
    words = plain("; ".join(errors)) or f"no reason given ({meaning.rule})"
    return meaning.error(words, rule=meaning.rule, hint=meaning.hint, where=where)


def plain(text: str) -> str:
    """Return a server's message on one line, without its list decoration, cut to a limit."""
    text = re.sub(r"\d+ errors? occurred:\s*", "", text)
    return re.sub(r"[\s*]+", " ", text).strip()[:TEXT_LIMIT]


def not_sent(what: str, *, where: str) -> UpstreamError:
    """Return the error for a call that never reached the server."""
    return error(UNREACHABLE, [f"no connection: {what}"], where=where)


def not_answered(what: str, *, effect: bool, where: str) -> UpstreamError:
    """Return the error for a connection that died after the call may have been sent."""
    meaning = UNKNOWN if effect else UNREACHABLE
    return error(meaning, [f"the connection died: {what}"], where=where)


def not_trusted(what: str, *, where: str) -> VerificationError:
    """Return the error for a server whose TLS certificate does not verify; nothing was sent."""
    return VerificationError(
        f"the server's TLS certificate does not verify: {plain(what)}",
        rule="VAULT-TLS",
        hint="name the CA that signed it as vault.ca",
        where=where,
    )
