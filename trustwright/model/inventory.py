"""Questions to the inventory: which certificates, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trustwright.model.records import Purpose, ShownState

Order = Literal["expires", "-expires", "issued", "-issued"]
"""By notAfter or by when they were recorded; a leading hyphen turns the order round."""

SUBTREE = "*."
"""How the name of a search begins that wants everything below a domain."""


@dataclass(frozen=True)
class Selection:
    """What a certificate has to be; None asks for nothing.

    Attributes:
        issuer: `IssuerRecord.id`, like ``prod-g1``.
        state: as it is shown: *expired* is told apart from *valid*.
        name: a DNS name that it carries, or ``*.`` and a domain: any name below that domain.
        serial: how its serial begins: lower-case hex digits without colons.
        ends_after: its notAfter is later than this.
        ends_by: its notAfter is this or earlier.
    """

    environment: str | None = None
    role: str | None = None
    owner: str | None = None
    subject: str | None = None
    issuer: str | None = None
    purpose: Purpose | None = None
    state: ShownState | None = None
    name: str | None = None
    serial: str | None = None
    ends_after: datetime | None = None
    ends_by: datetime | None = None


@dataclass(frozen=True)
class Tally:
    """How many certificates of an environment are in one state, as it is shown."""

    environment: str
    state: ShownState
    number: int


def has_name(names: tuple[str, ...], wanted: str) -> bool:
    """Return whether one of these names is the wanted one, or below the wanted ``*.`` domain."""
    if wanted.startswith(SUBTREE):
        return any(name.endswith(wanted[1:]) for name in names)
    return wanted in names
