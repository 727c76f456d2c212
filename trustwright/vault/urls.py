"""Where relying parties fetch CRLs and issuer certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustwright.vault.replies import segment

if TYPE_CHECKING:
    from trustwright.model.estate import Environment

ISSUER_PLACE = "{{issuer_id}}"
"""OpenBao and Vault put the issuer's identifier here (``enable_templating``)."""


def published(environment: Environment) -> str:
    """Return the base URL: `environment.publish`, or the mount's own unauthenticated endpoints.

    Whatever serves `publish` keeps the mount's layout below it: ``issuer/<id>/crl/der`` and
    ``issuer/<id>/der``.
    """
    vault = environment.vault
    if environment.publish is not None:
        return environment.publish.rstrip("/")
    place = "/".join(part for part in ("v1", vault.namespace, vault.mount) if part)
    return f"{vault.address.rstrip('/')}/{place}"


def crl_url(environment: Environment, issuer_id: str) -> str:
    """Return where the CRL of one issuer is."""
    return f"{published(environment)}/issuer/{segment(issuer_id)}/crl/der"


OPENBAO_ONLY: dict[str, list[str]] = {"delta_crl_distribution_points": []}
"""Nothing points at delta CRLs; Vault has no such parameter and would warn."""


def templates(environment: Environment) -> dict[str, object]:
    """Return ``config/urls``: each certificate points at the CRL of the issuer that signed it."""
    base = f"{published(environment)}/issuer/{ISSUER_PLACE}"
    return {
        "issuing_certificates": [f"{base}/der"],
        "crl_distribution_points": [f"{base}/crl/der"],
        "ocsp_servers": [],
        "enable_templating": True,
    }
