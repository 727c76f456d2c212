"""Who had something signed, as Vault's own audit log tells it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Signing:
    """One signature, as the server wrote it down; the texts are its callers' and not to be trusted.

    Attributes:
        at: when the server answered.
        path: that was called, like ``pki/issuer/…/sign/server``.
        role: last part of the path.
        who: display name of the token.
        entity: identifier of the identity behind it.
        address: from where the call came.
        request: identifier of the request in the log.
    """

    at: datetime
    path: str
    role: str
    who: str
    entity: str
    address: str
    request: str


@dataclass(frozen=True)
class Testimony:
    """What the log says.

    Attributes:
        signings: by serial (hex with colons).
        silence: why the log says nothing of the others, in plain words; empty when it tells all.
    """

    signings: Mapping[str, Signing] = field(default_factory=dict)
    silence: str = ""


class Witness(Protocol):
    """Reads the audit log."""

    def signings(self, serials: Collection[str], since: datetime) -> Testimony:
        """Look for the signatures that made these certificates.

        In bounded memory, from the end of the log back to `since`. Never raises: a log that is not
        there, cannot be read or does not reach back so far is said in `Testimony.silence`.
        """
        ...
