"""One place for the names that several parts must agree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from trustwright.model.estate import Consumer, Environment, Estate, RoleName
from trustwright.x509.profiles import spiffe_uri

CANARY: Final = "trustwright-canary"
"""Subject of the probe that proves an issuer and lives on as its always-revoked certificate."""

SET: Final = "set"
"""A consumer's secret with what it is delivered; only Trustwright writes it."""
REQUEST: Final = "request"
"""A consumer's secret with its host's certification request; only the host writes it."""

CONSUMER_LOGIN: Final = "approle-consumers"
"""The login mount of an environment's consumers that fetch their sets; each has a role in it."""


def issuer_name(environment: str, generation: int) -> str:
    """Return ``prod-g1``: the name of key and issuer in Vault, and of the issuer's record."""
    return f"{environment}-g{generation}"


def consumer_key(consumer: Consumer) -> str:
    """Return ``prod/billing``: the identifier of a consumer and of its delivery."""
    return f"{consumer.environment}/{consumer.name}"


def place_of(consumer: Consumer) -> str:
    """Return where its set goes: a folder, or ``vault_kv:billing/set`` in the delivery mount."""
    directory = consumer.deliver.directory
    return str(directory.path) if directory else f"vault_kv:{secret_path(consumer, SET)}"


def request_place_of(consumer: Consumer) -> str:
    """Return where its host leaves the certification request."""
    directory = consumer.deliver.directory
    return (
        f"{directory.path}/host.csr"
        if directory
        else (f"vault_kv:{secret_path(consumer, REQUEST)}")
    )


def secret_path(consumer: Consumer, what: str) -> str:
    """Return the path of one of the consumer's two secrets below the delivery mount."""
    return f"{consumer.name}/{what}"


def fetched_from_vault(estate: Estate, environment: str) -> Iterator[Consumer]:
    """Yield the environment's consumers that fetch their sets from its delivery mount."""
    for consumer in estate.consumers:
        if consumer.environment == environment and consumer.deliver.vault_kv is not None:
            yield consumer


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
