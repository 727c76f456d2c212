"""One place for the names that several parts must agree on."""

from __future__ import annotations

from trustwright.model.estate import Consumer, Environment
from trustwright.x509.profiles import spiffe_uri


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
