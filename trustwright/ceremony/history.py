"""What this root has answered so far, as the rules need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from trustwright.ceremony.response import binding
from trustwright.ids import serial_number
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import parse
from trustwright.x509.crl import Revoked


@dataclass(frozen=True)
class Answer:
    """A request and the one response to it.

    Attributes:
        file: name of the response file.
    """

    request: Request
    response: Response
    file: str

    @cached_property
    def binding(self) -> str:
        """Return what the next request of this environment names as its predecessor."""
        return binding(self.response)

    @cached_property
    def spki(self) -> str:
        """Return the SHA-256 of the certified public key, empty when none was certified."""
        if self.response.certificate is None:
            return ""
        return parse.spki_sha256(parse.certificate(self.response.certificate))

    @cached_property
    def serial(self) -> int:
        """Return the serial of the certificate, 0 when there is none."""
        if self.response.certificate is None:
            return 0
        return parse.certificate(self.response.certificate).serial_number


@dataclass(frozen=True)
class History:
    """Everything that came before.

    Attributes:
        answers: in order of their numbers.
        revoked: what a root CRL lists today: revoked intermediates and abandoned serials.
        serials: every serial that was ever chosen.
        crl_number: of the last root CRL, 0 for none.
        last_at: time of the last transcript line.
    """

    answers: tuple[Answer, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    serials: frozenset[int] = frozenset()
    crl_number: int = 0
    last_at: datetime | None = None

    def answer_to(self, request_digest: str) -> Answer | None:
        """Return the answer to a request that was answered before."""
        found = (answer for answer in self.answers if answer.response.request == request_digest)
        return next(found, None)

    def last(self, environment: str | None) -> Answer | None:
        """Return the last answer for an environment; None asks for requested root CRLs."""
        found = [answer for answer in self.answers if answer.request.environment == environment]
        return found[-1] if found else None

    def last_intermediate(self, environment: str | None) -> Answer | None:
        """Return the last answer that certified a key for an environment."""
        found = [
            answer for answer in self.intermediates if answer.request.environment == environment
        ]
        return found[-1] if found else None

    @property
    def intermediates(self) -> tuple[Answer, ...]:
        """Return the answers that certified a key."""
        return tuple(answer for answer in self.answers if answer.response.certificate is not None)

    def with_serial(self, serial: str) -> Answer | None:
        """Return the answer that holds the certificate with this serial (hex)."""
        wanted = serial_number(serial)
        return next((answer for answer in self.intermediates if answer.serial == wanted), None)

    def same_key(self, spki: str) -> tuple[Answer, ...]:
        """Return the answers that certified this key."""
        return tuple(answer for answer in self.intermediates if answer.spki == spki)

    @property
    def listed(self) -> frozenset[int]:
        """Return the serials that every later root CRL lists."""
        return frozenset(entry.serial for entry in self.revoked)

    def is_revoked(self, serial: int) -> bool:
        """Return whether a root CRL would list this serial today."""
        return any(entry.serial == serial for entry in self.revoked)
