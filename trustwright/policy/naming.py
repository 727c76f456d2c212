"""One place for the names that several parts must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trustwright.model.estate import Consumer, Environment, Estate, RoleName
from trustwright.x509.profiles import spiffe_uri

CANARY: Final = "trustwright-canary"
"""Subject of the probe that proves an issuer and lives on as its always-revoked certificate."""


def issuer_name(environment: str, generation: int) -> str:
    """Return ``prod-g1``: the name of key and issuer in Vault, and of the issuer's record."""
    return f"{environment}-g{generation}"


def consumer_key(consumer: Consumer) -> str:
    """Return ``prod/billing``: the identifier of a consumer and of its delivery."""
    return f"{consumer.environment}/{consumer.name}"


def slot(purpose: str, environment: str, subject: str) -> str:
    """Return the slot that holds at most one open intent."""
    return f"{purpose}/{environment}/{subject}"


def workload_uri(environment: Environment, role: str, subject: str) -> str:
    """Return the SPIFFE identifier that tells a role's certificates apart from another's."""
    return spiffe_uri(environment.domain, role, subject)


def probe_role(environment: Environment) -> RoleName:
    """Return the role through which a new issuer is proven."""
    return "server" if "server" in environment.roles else min(environment.roles)


def canary_name(environment: Environment) -> str:
    """Return the DNS name of the probe."""
    return f"{CANARY}.{environment.roles[probe_role(environment)].names}"


def workload_uris(estate: Estate, name: str) -> Mapping[str, tuple[str, ...]]:
    """Return, by role, every URI that the environment's certificates may carry, and no other.

    One for each consumer of the estate, and one for the probe.
    """
    environment = estate.environments[name]
    subjects: dict[str, list[str]] = {role: [] for role in environment.roles}
    subjects[probe_role(environment)].append(CANARY)
    for consumer in estate.consumers:
        if consumer.environment == name and consumer.role in subjects:
            subjects[consumer.role].append(consumer.name)
    return {
        role: tuple(workload_uri(environment, role, each) for each in sorted(found))
        for role, found in subjects.items()
    }
