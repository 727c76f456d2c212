"""What has to be done by when, computed backwards from what would end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

DeadlineKind = Literal[
    "ceremony",  # a pending request runs out
    "rotation",  # the ceremony for the next intermediate has to begin
    "horizon",  # from here on the issuer cannot sign certificates of full length
    "issuer-expiry",
    "root-crl",
    "root-expiry",
]


@dataclass(frozen=True)
class Deadline:
    """One moment by which somebody must have acted.

    Attributes:
        environment: empty for the root.
        subject: ceremony, issuer or ``root``.
        warn: when people hear of it first.
        at: the moment itself.
        summary: one sentence: what ends then.
        remedy: what to do before.
    """

    kind: DeadlineKind
    environment: str
    subject: str
    warn: datetime
    at: datetime
    summary: str
    remedy: str
