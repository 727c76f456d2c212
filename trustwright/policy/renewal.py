"""When a certificate is renewed, and how short one may be.

A renewal is a rekey (glossary) unless the host keeps its key. It begins `renew_before` the end, or
earlier by a jitter, never later: consumers that were served in one minute do not come due in one
minute. The jitter follows from environment, subject and serial, so that the same question always
has the same answer, whoever asks; with each certificate it is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from trustwright.model.estate import Estate, Role
from trustwright.model.records import CertificateRecord

JITTER_PART = 10
"""The jitter is at most this part, a tenth, of the time that a certificate is in service."""
FLOOR_PART = 2
"""A certificate that would serve less than this part, a half, of that time is refused."""
SHORTEST_SERVICE = 5
"""Seconds from issuance to renewal that a role has to leave: a delivery takes some itself."""
BATCH = 250
"""Consumers that one step of a run serves."""


@dataclass(frozen=True)
class Outcome:
    """What became of the consumers of one run, by name.

    Attributes:
        changed: were delivered a new set.
        skipped: another run holds them, or a breaker is open.
        problem: of the first that failed or was skipped.
    """

    changed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    problem: str = ""

    def __str__(self) -> str:
        """Return one line of counts."""
        counted = {
            "delivered": self.changed,
            "failed": self.failed,
            "waiting": self.waiting,
            "left out": self.skipped,
        }
        said = [f"{len(names)} {verb}" for verb, names in counted.items() if names]
        return ", ".join(said) or "nothing had to be delivered"


def outpaced(estate: Estate, every: timedelta) -> Iterator[str]:
    """Yield the roles, like ``prod/agent``, whose renewal can come too late for their certificates.

    A certificate that has just missed one sweep waits for the next, and one that fails there needs
    another: `renew_before` has to hold two intervals between sweeps.

    Args:
        estate: the estate file.
        every: time between two sweeps.
    """
    for name, environment in estate.environments.items():
        for role, settings in environment.roles.items():
            if role != "admin" and timedelta(seconds=settings.renew_before) < 2 * every:
                yield f"{name}/{role}"


def service_time(ttl: int, renew_before: int) -> int:
    """Return for how many seconds a certificate serves before it is renewed; at least 0."""
    return max(0, ttl - renew_before)


def longest_jitter(role: Role) -> timedelta:
    """Return by how much, at most, a role's certificates are renewed early."""
    return timedelta(seconds=service_time(role.ttl, role.renew_before) // JITTER_PART)


def longest_window(role: Role) -> timedelta:
    """Return how long before its end a certificate of this role can be due at the earliest."""
    return timedelta(seconds=role.renew_before) + longest_jitter(role)


def renewal_moment(certificate: CertificateRecord, role: Role) -> datetime:
    """Return from when on a certificate is due, by today's role; it may lie in the past.

    A certificate that lives shorter than the role says has less time in service, and less jitter.
    """
    life = int((certificate.not_after - certificate.not_before).total_seconds())
    spread = service_time(min(role.ttl, life), role.renew_before) // JITTER_PART
    early = _jitter(certificate, spread)
    return certificate.not_after - timedelta(seconds=role.renew_before + early)


def is_due(certificate: CertificateRecord, role: Role, now: datetime) -> bool:
    """Return whether a certificate is to be renewed now."""
    return now >= renewal_moment(certificate, role)


def shortest_life(role: Role) -> timedelta:
    """Return how long a certificate must live from its order on; a shorter one is refused.

    Vault's clock may be late, or a limit of its own may cut a certificate short: one that is due as
    soon as it is there would be replaced all the time.
    """
    service = service_time(role.ttl, role.renew_before)
    return timedelta(seconds=role.renew_before + service // FLOOR_PART)


def horizon(issuer_not_after: datetime, ttl: int) -> datetime:
    """Return until when an issuer can sign certificates that live `ttl` seconds."""
    return issuer_not_after - timedelta(seconds=ttl)


def batches(names: list[str]) -> Iterator[list[str]]:
    """Yield the names in their order, at most `BATCH` at a time."""
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]


def _jitter(certificate: CertificateRecord, spread: int) -> int:
    """Return 0 to `spread` seconds."""
    name = f"{certificate.environment}/{certificate.subject}/{certificate.serial}"
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return number % (spread + 1)
