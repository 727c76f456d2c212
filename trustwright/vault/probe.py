"""What the server at an address is and can do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trustwright.errors import ConfigurationError, Unavailable
from trustwright.ports import Capabilities
from trustwright.vault import classify

if TYPE_CHECKING:
    from trustwright.vault.client import Connection

OPENBAO, VAULT = "OpenBao", "Vault"

MINIMUM = {OPENBAO: (2, 6, 2), VAULT: (1, 16, 0)}
"""Older OpenBao does not enforce ``allowed_ip_sans_cidr`` on requests (GHSA-g892-p242-8g86)."""

ABSENT_IN_VAULT = (
    "pages of the certificate list: each reconciliation reads the whole list at once",
    "roles that forbid the caller to choose dates: only the policies forbid it",
)
WITHOUT_NAMESPACES = "namespaces: the server holds one environment, with vault.namespace left out"


def probe(connection: Connection) -> Capabilities:
    """Return what the server can do.

    Raises:
        Unavailable: sealed, not initialized or down.
        ConfigurationError: older than `MINIMUM`, or neither OpenBao nor Vault.
    """
    health = connection.status("sys/health", {"standbyok": "true"})
    where = f"{connection.address}/v1/sys/health"
    if not health.get("initialized"):
        raise Unavailable(
            "the server is not initialized",
            rule="VAULT-SEALED",
            hint="initialize and unseal it, then run again",
            where=where,
        )
    if health.get("sealed"):
        raise classify.error(classify.SEALED, ["the server is sealed"], where=where)
    product = _product(connection)
    version = str(health.get("version", ""))
    _refuse_old(product, version, where)
    return _capabilities(product, version, enterprise=bool(health.get("enterprise")))


def _product(connection: Connection) -> str:
    """Return the name in the title of the API's own description, which needs no login."""
    described = connection.status("sys/health", {"help": "1"})
    title = str(described.get("openapi", {}).get("info", {}).get("title", ""))
    if title.startswith("OpenBao"):
        return OPENBAO
    if "Vault" in title:
        return VAULT
    raise ConfigurationError(
        f"neither OpenBao nor Vault: its API is called {title[:60]!r}",
        rule="VAULT-PRODUCT",
        hint="check vault.address",
        where=connection.address,
    )


def _refuse_old(product: str, version: str, where: str) -> None:
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    minimum = MINIMUM[product]
    if found is not None and tuple(int(part) for part in found.groups()) >= minimum:
        return
    wanted = ".".join(str(part) for part in minimum)
    raise ConfigurationError(
        f"{product} {version or 'of unknown version'} is older than {wanted}",
        rule="VAULT-VERSION",
        hint=f"install {product} {wanted} or newer",
        where=where,
    )


def _capabilities(product: str, version: str, *, enterprise: bool) -> Capabilities:
    if product == OPENBAO:
        return Capabilities(product, version, namespaces=True, pagination=True)
    absent = ABSENT_IN_VAULT if enterprise else (*ABSENT_IN_VAULT, WITHOUT_NAMESPACES)
    return Capabilities(product, version, namespaces=enterprise, pagination=False, absent=absent)
