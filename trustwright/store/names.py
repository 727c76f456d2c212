"""The inventory's rows, and beside them a row for each name that a certificate carries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, insert, select
from typing_extensions import override

from trustwright.errors import ConfigurationError
from trustwright.model.inventory import SUBTREE
from trustwright.model.records import CertificateRecord
from trustwright.store import tables
from trustwright.store.rows import SqlRows

_NAMES = tables.certificate_names.c

# Sorts behind every character of a DNS label and behind the dot, in byte order.
_BEHIND = "\x7f"


class SqlCertificates(SqlRows[CertificateRecord]):
    """`trustwright.ports.Rows` whose names can be searched."""

    @override
    def replace(self, record: CertificateRecord, **changes: object) -> CertificateRecord:
        """Write `record` with `changes`; what a certificate is called stands in its signature.

        Raises:
            ConfigurationError: `names` shall change (rule ``STORE-COLUMN``).
            TrustwrightError: see `SqlRows.replace`.
        """
        if "names" in changes:
            raise ConfigurationError(
                "certificates: names is not changed by hand", rule="STORE-COLUMN"
            )
        return super().replace(record, **changes)

    @override
    def _beside(self, connection: Connection, record: CertificateRecord) -> None:
        rows = name_rows(record.id, record.names)
        if rows:
            connection.execute(insert(tables.certificate_names), rows)


def name_rows(certificate: str, names: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of `certificate_names` for a certificate, one for each name."""
    return [
        {"certificate": certificate, "name": turned_round(name)} for name in dict.fromkeys(names)
    ]


def turned_round(name: str) -> str:
    """Return a name with its labels in the opposite order, so that a domain is a prefix."""
    return ".".join(reversed(name.split(".")))


def named(wanted: str) -> Select[Any]:
    """Return the question which certificates carry a name, or one below a ``*.`` domain."""
    found = select(_NAMES.certificate)
    if not wanted.startswith(SUBTREE):
        return found.where(_NAMES.name == turned_round(wanted))
    domain = turned_round(wanted.removeprefix(SUBTREE)) + "."
    return found.where(_NAMES.name > domain, _NAMES.name < domain + _BEHIND)
