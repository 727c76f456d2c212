"""What has to be done by when, computed backwards from what would end.

::

    rotation = end of the intermediate - longest TTL of a role - overlap
    warn     = rotation - ceremony lead
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from trustwright.model.estate import Environment

DeadlineKind = Literal[
    "ceremony", "rotation", "horizon", "issuer-expiry", "root-crl", "root-horizon", "root-expiry"
]
"""*ceremony*: a pending request runs out. *rotation*: the next intermediate has to be signed.
*horizon*: from here on the issuer signs no certificate of full length. *root-crl*: its nextUpdate.
*root-horizon*: from here on the root signs no intermediate of full length."""


@dataclass(frozen=True)
class Deadline:
    """One moment by which somebody must have acted.

    Attributes:
        environment: empty for the root.
        subject: ceremony, issuer or ``root``.
        warn: when people hear of it first; at or before `at`.
        at: the moment itself.
        summary: one sentence: what ends then.
        remedy: what to do before.
    """

    kind: DeadlineKind
    environment: str
    subject: str
    warn: datetime
    at: datetime
    summary: str
    remedy: str

    @property
    def key(self) -> str:
        """Return what tells this deadline from every other one."""
        return f"{self.kind}/{self.environment}/{self.subject}"


def longest_ttl(environment: Environment) -> timedelta:
    """Return the longest life of a certificate that the environment's roles allow."""
    return timedelta(seconds=max(role.ttl for role in environment.roles.values()))


def issuer_deadlines(
    name: str, environment: Environment, issuer: str, end: datetime, *, replaced: bool
) -> Iterator[Deadline]:
    """Yield what an intermediate asks for.

    Args:
        name: of the environment.
        environment: what the estate says of it.
        issuer: `IssuerRecord.id`.
        end: notAfter of its certificate.
        replaced: a later generation issues: only its end counts.
    """
    longest = longest_ttl(environment)
    overlap = timedelta(seconds=environment.intermediate.overlap)
    lead = timedelta(seconds=environment.intermediate.ceremony_lead)
    rotation, horizon = end - longest - overlap, end - longest
    if not replaced:
        yield Deadline(
            kind="rotation",
            environment=name,
            subject=issuer,
            warn=rotation - lead,
            at=rotation,
            summary=f"the successor of {issuer} has to be signed",
            remedy=f"hold a ceremony for the next intermediate of {name}",
        )
        yield Deadline(
            kind="horizon",
            environment=name,
            subject=issuer,
            warn=rotation,
            at=horizon,
            summary=f"{issuer} signs no certificate of full length any more",
            remedy=f"rotate the intermediate of {name}",
        )
    yield Deadline(
        kind="issuer-expiry",
        environment=name,
        subject=issuer,
        warn=horizon,
        at=end,
        summary=f"{issuer} ends, and every certificate under it",
        remedy=f"rotate the intermediate of {name}; nothing may hang on {issuer} then",
    )


def root_deadlines(end: datetime, longest: timedelta, lead: timedelta) -> Iterator[Deadline]:
    """Yield what the root asks for.

    Args:
        end: notAfter of its certificate.
        longest: life of the longest-lived intermediate that the estate asks for.
        lead: longest ceremony lead of the estate.
    """
    yield Deadline(
        kind="root-horizon",
        environment="",
        subject="root",
        warn=end - longest - lead,
        at=end - longest,
        summary="the root signs no intermediate of full length any more",
        remedy="found the next root, and give its certificates to the estate in time",
    )
    yield Deadline(
        kind="root-expiry",
        environment="",
        subject="root",
        warn=end - longest,
        at=end,
        summary="the root ends, and every certificate under it",
        remedy="move every environment under the next root",
    )


def root_crl_deadline(until: datetime, lead: timedelta) -> Deadline:
    """Return by when the root has to sign its next list; `until` is the newest's nextUpdate."""
    return Deadline(
        kind="root-crl",
        environment="",
        subject="root",
        warn=until - lead,
        at=until,
        summary="the newest list of the root that is known here runs out",
        remedy="have the root sign a fresh one: trustwright-root crl",
    )


def ceremony_deadline(
    environment: str, ceremony: str, created: datetime, expires: datetime
) -> Deadline:
    """Return by when a pending request has to be signed."""
    return Deadline(
        kind="ceremony",
        environment=environment,
        subject=ceremony[:12],
        warn=created,
        at=expires,
        summary=f"the request {ceremony[:12]} runs out unsigned",
        remedy=f"sign it: trustwright ceremony show {ceremony[:12]}",
    )
