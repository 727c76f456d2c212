"""The doors into a server: each makes a connection of its own and logs in when it is used."""

# The adapters are imported when they are asked for: hvac and requests cost more than most commands.
# ruff: noqa: PLC0415

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trustwright.model.estate import Environment
    from trustwright.vault.anchors import VaultAnchorSigner
    from trustwright.vault.client import Connection
    from trustwright.vault.identities import Identity
    from trustwright.vault.issuers import VaultRotator
    from trustwright.vault.kv import VaultSecrets
    from trustwright.vault.leaves import VaultAdminSigner, VaultSigner
    from trustwright.vault.provision import VaultProvisioner


def provisioner(
    name: str,
    environment: Environment,
    key: Path,
    others: Mapping[str, Path] = MappingProxyType({}),
) -> VaultProvisioner:
    """Return the provisioner of the server that holds this environment.

    It logs in at the root namespace and reaches the environment's namespace by path.

    Args:
        name: of the environment; only names the connection.
        environment: its server.
        key: private key whose public half ``jwt-provisioner`` pins.
        others: identity folder of every other environment, by its name.
    """
    from trustwright.vault.client import Connection
    from trustwright.vault.identities import provisioner_credentials
    from trustwright.vault.provision import VaultProvisioner

    del name
    vault = environment.vault
    connection = Connection(vault.address, provisioner_credentials(key), ca=vault.ca)
    return VaultProvisioner(connection, key, others)


def rotator(name: str, environment: Environment) -> VaultRotator:
    """Return the rotator of this environment's mount."""
    from trustwright.vault.issuers import VaultRotator

    connection = connect("rotator", name, environment)
    return VaultRotator(connection, name, environment.vault.mount)


def anchor_signer(name: str, environment: Environment) -> VaultAnchorSigner:
    """Return the anchor identity of this environment's mount."""
    from trustwright.vault.anchors import VaultAnchorSigner

    connection = connect("anchor", name, environment)
    return VaultAnchorSigner(connection, environment.vault.mount)


def signer(name: str, environment: Environment) -> VaultSigner:
    """Return the day-to-day identity of this environment's mount."""
    from trustwright.vault.leaves import VaultSigner

    return VaultSigner(connect("issuer", name, environment), environment)


def secrets(name: str, environment: Environment) -> VaultSecrets:
    """Return the secrets of this environment's delivery mount, as the day-to-day identity."""
    from trustwright.vault.kv import VaultSecrets

    return VaultSecrets(connect("issuer", name, environment), environment.vault.delivery)


def admin_signer(name: str, environment: Environment) -> VaultAdminSigner:
    """Return the identity of this environment that signs for admins, and for nobody else."""
    from trustwright.vault.leaves import VaultAdminSigner

    return VaultAdminSigner(connect("admin", name, environment), environment.vault.mount)


def connect(identity: Identity, name: str, environment: Environment) -> Connection:
    """Return a connection of one identity into the environment's namespace.

    Its login is looked for when it is needed.

    Raises:
        ConfigurationError: the CA bundle cannot be read.
    """
    from trustwright.vault.client import Connection
    from trustwright.vault.identities import FolderLogin

    vault = environment.vault
    return Connection(
        vault.address,
        FolderLogin(vault.identity, identity, name),
        namespace=vault.namespace,
        ca=vault.ca,
    )
