"""End entity certificates of one mount: sign, revoke, list, read, and their CRLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustwright.vault import replies, roles, urls
from trustwright.vault.replies import Call, segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trustwright.model.estate import Environment
    from trustwright.ports import SignOrder
    from trustwright.vault.client import Connection

PAGE = 1000
"""Serials in one page of the list."""


class VaultSigner:
    """The day-to-day identity (fulfils `trustwright.ports.Signer`).

    Args:
        connection: of the identity ``issuer``.
        environment: mount, and where its CRLs are published.
        page: serials that are asked for at a time.
    """

    def __init__(self, connection: Connection, environment: Environment, page: int = PAGE) -> None:
        self._connection = connection
        self._environment = environment
        self._mount = environment.vault.mount
        self._page = page

    def sign(self, order: SignOrder) -> str:
        """Return the PEM of one new certificate; each call makes another.

        Raises:
            Rejected: the role does not allow a name, or the issuer no longer issues.
            OutcomeUnknown: the reply was lost; a certificate may be stored.
            VerificationError: the server warns, for it clamps what it does not allow.
        """
        return _signed(self._connection, self._mount, order)

    def sign_many(self, orders: Sequence[SignOrder]) -> Sequence[str | Exception]:
        """Return a PEM or the error for each order, in their order, over pooled connections."""
        from trustwright.vault import bulk  # noqa: PLC0415 - aiohttp costs most of a short command

        return bulk.sign_many(self._connection, self._mount, orders)

    def revoke(self, serial: str) -> None:
        """Revoke; revoking twice is the same as once.

        Raises:
            Rejected: no certificate of this serial is stored.
        """
        self._connection.write(f"{self._mount}/revoke", {"serial_number": segment(serial)})

    def rotate_crl(self) -> None:
        """Have the server rebuild its CRLs now; without it they wait for ``auto_rebuild``."""
        self._connection.act(f"{self._mount}/crl/rotate")

    def crl(self, issuer_id: str) -> bytes:
        """Return the issuer's CRL in DER from where its certificates point, without a login."""
        return self._connection.public(urls.crl_url(self._environment, issuer_id))

    def serials(self) -> Iterator[str]:
        """Yield every stored serial (hex with colons), one page in memory at a time.

        The server stores serials with hyphens and shows them with colons, and compares ``after``
        as it is: with colons it loses entries and says nothing.
        """
        last = ""
        while page := self._keys_after(last):
            yield from (key.replace("-", ":") for key in page)
            last = page[-1]
            if len(page) != self._page:  # shorter: the end; longer: a server without pages
                return

    def certificate(self, serial: str) -> str | None:
        """Return the stored certificate's PEM, or None."""
        path = f"{self._mount}/cert/{segment(serial)}"
        reply = self._connection.read(path)
        return None if reply is None else replies.text(reply, "certificate", path)

    def _keys_after(self, last: str) -> list[str]:
        params = {"after": last, "limit": str(self._page)}
        listed = self._connection.listing(f"{self._mount}/certs", params).get("keys") or []
        keys = sorted(str(key).replace(":", "-") for key in listed)
        return [key for key in keys if key > last]


class VaultAdminSigner:
    """Signs through the role admin (fulfils `trustwright.ports.AdminSigner`).

    Args:
        connection: of the identity ``admin``.
        mount: of the PKI secrets engine.
    """

    def __init__(self, connection: Connection, mount: str) -> None:
        self._connection = connection
        self._mount = mount

    def sign(self, order: SignOrder) -> str:
        """Return the PEM of one new certificate; each call makes another.

        Raises:
            Denied: the order is for another role.
            UpstreamError, VerificationError: as for `VaultSigner.sign`.
        """
        return _signed(self._connection, self._mount, order)


def _signed(connection: Connection, mount: str, order: SignOrder) -> str:
    call = sign_call(mount, order)
    reply = connection.write(call.path, call.body or {})
    return replies.text(reply, "certificate", call.where)


def sign_call(mount: str, order: SignOrder) -> Call:
    """Return the call for one certificate: a pinned issuer, a named role."""
    path = f"{mount}/issuer/{segment(order.issuer_id)}/sign/{segment(order.role)}"
    return Call("POST", path, body=roles.sign_body(order), effect=True)
