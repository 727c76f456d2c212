"""From *planned* to *prepared*: everything in Vault that needs no key."""

from __future__ import annotations

from trustwright.errors import ConfigurationError
from trustwright.lifecycle.environments import advance, record_of, settings_of
from trustwright.lifecycle.journal import note
from trustwright.policy.phases import reached
from trustwright.ports import Ports

NO_KEY = "KEY-FILE"
"""Rule of the error for a key that is not on this machine."""


def prepare_environment(ports: Ports, name: str) -> tuple[str, ...]:
    """Probe the server, then make mount, tuning, URLs, policies, logins and roles.

    The provisioner's key may be kept off this machine once the environment is prepared: without it
    nothing is looked at or changed here, and the audit trail says so.

    Returns:
        What was changed, one phrase each; empty when everything was in place.

    Raises:
        ConfigurationError: the server lacks something that this environment needs, or the
            provisioner's key is missing and the environment was never prepared.
    """
    try:
        changes = _prepare(ports, name)
    except ConfigurationError as error:
        prepared = reached(record_of(ports, name).phase, "prepared")
        if error.rule != NO_KEY or not prepared:
            raise
        note(ports, "trustwright.preparation.skipped", name, name, str(error))
        changes = ()
    advance(ports, name, "prepared")
    return changes


def _prepare(ports: Ports, name: str) -> tuple[str, ...]:
    environment = settings_of(ports, name)
    provisioner = ports.provisioner(name)
    abilities = provisioner.probe()
    if abilities.missing:
        raise ConfigurationError(
            f"{abilities.product} {abilities.version} at {environment.vault.address} lacks: "
            + "; ".join(abilities.missing),
            rule="VAULT-ABILITIES",
            hint="use OpenBao 2.6.2 or newer",
            where=f"environments.{name}.vault",
        )
    changes = provisioner.prepare(name, environment, ports.estate.organization)
    for change in changes:
        note(ports, "trustwright.vault.changed", name, environment.vault.mount, change)
    return changes
