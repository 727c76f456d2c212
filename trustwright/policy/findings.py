"""What a sweep can find."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trustwright.model.estate import Severity


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, as one look saw it.

    Attributes:
        kind: like ``certificate-rogue``.
        environment: that it concerns; empty for what concerns all, like the root.
        subject: consumer, issuer, serial, ceremony …
        summary: one sentence: what is wrong; plain text, no secret.
        remedy: what to do, or what Trustwright does by itself.
        due: when it becomes harmful, if that is known.
    """

    kind: str
    environment: str
    subject: str
    severity: Severity
    summary: str
    remedy: str = ""
    due: datetime | None = None

    @property
    def id(self) -> str:
        """Return what tells this condition from every other one."""
        return f"{self.kind}/{self.environment}/{self.subject}"
