"""Versioned secrets of one KV mount (API: ``<mount>/data/…`` and ``<mount>/metadata/…``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustwright.errors import ConflictError, Rejected, VerificationError
from trustwright.ports import Secret
from trustwright.vault import classify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustwright.vault.client import Connection


class VaultSecrets:
    """The secrets of one mount (fulfils `trustwright.ports.Secrets`).

    Args:
        connection: of the identity ``issuer``.
        mount: path of a KV engine of version 2.
    """

    def __init__(self, connection: Connection, mount: str) -> None:
        self._connection = connection
        self._mount = mount

    def read(self, path: str) -> Secret | None:
        """Return the newest version, or None (``GET <mount>/data/<path>``)."""
        where = f"{self._mount}/data/{path}"
        reply = self._connection.read(where)
        if reply is None:
            return None
        data, facts = reply.get("data"), reply.get("metadata")
        if not isinstance(data, dict) or not isinstance(facts, dict):
            raise _no_secret(where)
        return Secret(_number(facts.get("version"), where), data)

    def version(self, path: str) -> int:
        """Return the newest version's number (``GET <mount>/metadata/<path>``)."""
        where = f"{self._mount}/metadata/{path}"
        reply = self._connection.read(where)
        return 0 if reply is None else _number(reply.get("current_version"), where)

    def write(self, path: str, data: Mapping[str, str], *, expected: int) -> None:
        """Write the version after `expected` (``POST <mount>/data/<path>``, ``options.cas``)."""
        where = f"{self._mount}/data/{path}"
        body = {"options": {"cas": expected}, "data": dict(data)}
        try:
            reply = self._connection.write(where, body)
        except Rejected as error:
            if error.rule != classify.STALE.rule:
                raise
            raise ConflictError(
                f"version {expected} is not the newest one any more",
                rule="DLV-CONFLICT",
                hint="somebody wrote it in between; run again",
                where=where,
            ) from None
        if _number(reply.get("version"), where) != expected + 1:
            raise VerificationError(
                f"the server wrote version {reply.get('version')}, not {expected + 1}",
                rule="VAULT-REPLY",
                where=where,
            )


def _number(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _no_secret(where)


def _no_secret(where: str) -> VerificationError:
    return VerificationError(
        "the reply is no versioned secret",
        rule="VAULT-REPLY",
        hint="vault.delivery must be a KV engine of version 2",
        where=where,
    )
