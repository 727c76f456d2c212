"""The anchor: an intermediate's self-signed twin, signed by the key that stays in the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from trustwright.errors import VerificationError
from trustwright.vault import classify, replies
from trustwright.vault.replies import segment
from trustwright.x509 import parse

if TYPE_CHECKING:
    from trustwright.vault.client import Connection


ADDED = (x509.CRLDistributionPoints, x509.AuthorityInformationAccess)
"""The server writes ``config/urls`` into what it signs here, too."""


class VaultAnchorSigner:
    """Calls sign-self-issued (fulfils `trustwright.ports.AnchorSigner`).

    The server signs any self-issued CA certificate that it is handed, for any name and any key. So
    the template is held against the issuer here, before the call.

    Args:
        connection: of the identity ``anchor``.
        mount: of the PKI secrets engine.
    """

    def __init__(self, connection: Connection, mount: str) -> None:
        self._connection = connection
        self._mount = mount

    def sign_self_issued(self, issuer_id: str, template: str) -> str:
        """Return `template` (PEM) signed by the issuer's key; serial, dates, extensions kept.

        Nothing is stored in the server: a lost reply is answered by calling again.

        Raises:
            VerificationError: the template does not carry the issuer's subject and key, or what
                came back is not the template signed by that key.
        """
        draft = parse.certificate(template)
        path = f"{self._mount}/issuer/{segment(issuer_id)}"
        facts = self._connection.read(path)
        if facts is None:
            raise classify.error(classify.ABSENT, ["no such issuer"], where=path)
        issuer = parse.certificate(replies.text(facts, "certificate", path))
        if _identity(draft) != (
            *_identity(issuer)[:1],
            *_identity(issuer)[:1],
            _identity(issuer)[2],
        ):
            raise _refused("the template names another subject or key than the issuer", path)
        body = {"certificate": parse.pem(draft)}
        reply = self._connection.write(f"{path}/sign-self-issued", body)
        anchor = parse.certificate(replies.text(reply, "certificate", path))
        if _kept(anchor) != _kept(draft):
            raise _refused("the server changed the template", path)
        _check_signature(anchor, path)
        return parse.pem(anchor)


def _identity(item: x509.Certificate) -> tuple[x509.Name, x509.Name, str]:
    return item.subject, item.issuer, parse.spki_sha256(item)


def _kept(item: x509.Certificate) -> tuple[object, ...]:
    """Return what the server must not change: all but the signature and the mount's URLs."""
    dates = (item.not_valid_before_utc, item.not_valid_after_utc)
    extensions = {
        e.oid: (e.critical, e.value.public_bytes())
        for e in item.extensions
        if not isinstance(e.value, ADDED)
    }
    return (*_identity(item), item.serial_number, *dates, extensions)


def _check_signature(anchor: x509.Certificate, where: str) -> None:
    try:
        anchor.verify_directly_issued_by(anchor)
    except Exception:  # noqa: BLE001 - cryptography raises several; each means the same
        raise _refused("the anchor's signature is not by the issuer's key", where) from None


def _refused(what: str, where: str) -> VerificationError:
    return VerificationError(
        what,
        rule="VAULT-ANCHOR",
        hint="build the template from the imported intermediate",
        where=where,
    )
