"""From *planned* to *prepared*: everything in Vault that needs no key."""

from __future__ import annotations

from collections.abc import Collection

from trustwright.errors import ConfigurationError
from trustwright.lifecycle.breakers import close_role_breakers
from trustwright.lifecycle.environments import advance, record_of, settings_of
from trustwright.lifecycle.journal import note
from trustwright.model.estate import Environment
from trustwright.policy.naming import fetched_from_vault, workload_uris
from trustwright.policy.phases import reached
from trustwright.ports import Capabilities, Ports

NO_KEY = "KEY-PROVISIONER"
"""Rule of the error for a provisioner's key that is not on this machine."""


def prepare_environment(ports: Ports, name: str, destroy: Collection[str] = ()) -> tuple[str, ...]:
    """Probe the server, then make mount, tuning, URLs, policies, logins and roles.

    The provisioner's key may be kept off this machine once the environment is prepared: without it
    nothing is looked at or changed here, and the audit trail says so. What is surplus stays, unless
    a person approved its removal by its address (`destroy`).

    Returns:
        What was changed, one phrase each; empty when everything was in place.

    Raises:
        ConfigurationError: the server lacks something that this environment needs, or the
            provisioner's key is missing and the environment was never prepared.
    """
    try:
        changes = _prepare(ports, name, destroy)
    except ConfigurationError as error:
        prepared = reached(record_of(ports, name).phase, "prepared")
        if error.rule != NO_KEY or not prepared:
            raise
        note(ports, "trustwright.preparation.skipped", name, name, str(error))
        changes = ()
    if changes:
        close_role_breakers(ports, name)
    advance(ports, name, "prepared")
    return changes


def _prepare(ports: Ports, name: str, destroy: Collection[str]) -> tuple[str, ...]:
    environment = settings_of(ports, name)
    provisioner = ports.provisioner(name)
    found = provisioner.probe()
    refuse_unfit(name, environment, found)
    for each in found.absent:
        detail = f"{found.product} {found.version} lacks {each}"
        note(ports, "trustwright.vault.absent", name, environment.vault.mount, detail)
    uris = workload_uris(ports.estate, name)
    fetching = tuple(fetched_from_vault(ports.estate, name))
    organization = ports.estate.organization
    changes = provisioner.prepare(name, environment, organization, uris, destroy, fetching)
    for change in changes:
        note(ports, "trustwright.vault.changed", name, environment.vault.mount, change)
    return changes


def refuse_unfit(name: str, environment: Environment, found: Capabilities) -> None:
    """Refuse a server that cannot hold an environment; what else it lacks is only said.

    Raises:
        ConfigurationError: rule ``VAULT-ABILITIES``.
    """
    vault = environment.vault
    if vault.namespace and not found.namespaces:
        raise ConfigurationError(
            f"{found.product} {found.version} at {vault.address} has no namespaces, and the estate "
            f"names {vault.namespace!r}",
            rule="VAULT-ABILITIES",
            hint="leave vault.namespace out, one environment for each such server; or use OpenBao "
            "2.6.2 or newer",
            where=f"environments.{name}.vault.namespace",
        )
