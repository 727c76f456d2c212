"""Versioned secrets, written by check-and-set (KV version 2 of Vault and OpenBao)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Secret:
    """One version of a secret.

    Attributes:
        version: from 1, one more with each write, whoever wrote.
        data: its members. Whoever may write there decides what they are.
    """

    version: int
    data: Mapping[str, object] = field(repr=False)


class Secrets(Protocol):
    """The secrets of one mount, as the day-to-day identity may use them."""

    def read(self, path: str) -> Secret | None:
        """Return the newest version; None when there is none, or it was deleted.

        Raises:
            UpstreamError: `Unavailable`, `Denied`, or `Rejected` when the mount is not there.
        """
        ...

    def version(self, path: str) -> int:
        """Return the number of the newest version, deleted or not; 0 when none was ever written.

        Raises:
            UpstreamError: as for `read`.
        """
        ...

    def write(self, path: str, data: Mapping[str, str], *, expected: int) -> None:
        """Write version `expected` + 1, if the newest one is `expected`; else nothing.

        Raises:
            ConflictError: another version is the newest (rule ``DLV-CONFLICT``).
            OutcomeUnknown: the connection died. Writing again is safe: at most one of the two takes
                effect.
            UpstreamError: as for `read`.
        """
        ...
