"""What the root has revoked: the newest root CRL that came with a response."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from trustwright.model.ceremony import Response
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.crl import crl_number, verify_crl

if TYPE_CHECKING:
    from cryptography.x509 import CertificateRevocationList


def accepted_root_crls(ports: Ports, **of: str) -> Iterator[CertificateRevocationList]:
    """Yield the root CRLs of the accepted responses, like ``environment="prod"``, or of all.

    Responses of a root that was pinned before are left out: its lists say nothing of this one.
    """
    for row in ports.records.ceremonies.find(state="accepted", **of):
        root, crl = _root_and_crl(row.response or "")
        if root == ports.estate.root.fingerprint:
            yield crl


def newest_root_crl(ports: Ports) -> CertificateRevocationList | None:
    """Return the root CRL with the highest number that any environment has brought, verified.

    It may have ended: what it lists stays revoked, and a newer one comes only with a ceremony.

    Raises:
        VerificationError: the pinned root did not sign it: somebody wrote into the store.
    """
    newest = max(accepted_root_crls(ports), key=crl_number, default=None)
    if newest is not None:
        root = parse.certificate(ports.root_certificate)
        verify_crl(newest, root, at=ports.clock.now(), freshness=False)
    return newest


@lru_cache(maxsize=256)
def _root_and_crl(response: str) -> tuple[str, CertificateRevocationList]:
    """Return the root that a response names and its CRL; every bundle that is made asks for it."""
    found = Response.parse(response.encode())
    return found.root, parse.crl(found.root_crl)
