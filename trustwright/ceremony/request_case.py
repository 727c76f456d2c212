"""A request beside everything that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from trustwright.ceremony.history import Answer, History
from trustwright.ceremony.rootpolicy import EnvironmentPolicy, RootPolicy
from trustwright.errors import CeremonyViolation, TrustwrightError
from trustwright.model.ceremony import Kind, Request
from trustwright.model.profile import Profile
from trustwright.x509 import parse

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateSigningRequest

SKEW = timedelta(minutes=5)
"""How far two machines' clocks may lie apart."""


@dataclass(frozen=True)
class RequestCase:
    """A request and everything that it is judged by."""

    request: Request
    root: Certificate
    policy: RootPolicy
    history: History
    now: datetime

    @property
    def kind(self) -> Kind:
        """Return the kind of the request."""
        return self.request.kind

    @cached_property
    def allowed(self) -> EnvironmentPolicy:
        """Return what the policy says of the environment."""
        found = self.policy.environments.get(self.request.environment or "")
        if found is None:
            raise CeremonyViolation("the environment is not in the policy", rule="CER-110")
        return found

    @property
    def profile(self) -> Profile:
        """Return the profile asked for."""
        if self.request.profile is None:
            raise CeremonyViolation("the request has no profile", rule="CER-SHAPE")
        return self.request.profile

    @cached_property
    def csr(self) -> CertificateSigningRequest:
        """Return the certification request."""
        try:
            return parse.request(self.request.csr or "")
        except TrustwrightError as error:
            raise CeremonyViolation(error.what, rule="CER-123", hint=error.hint) from None

    @cached_property
    def spki(self) -> str:
        """Return the SHA-256 of the key that wants to be certified."""
        return parse.spki_sha256(self.csr)

    @cached_property
    def before(self) -> Answer | None:
        """Return the last intermediate of this environment."""
        return self.history.last_intermediate(self.request.environment)

    @cached_property
    def living_elsewhere(self) -> tuple[Answer, ...]:
        """Return other environments' intermediates that are neither revoked nor expired."""
        return tuple(
            answer
            for answer in self.history.intermediates
            if answer.request.environment != self.request.environment
            and not self.history.is_revoked(answer.serial)
            and self.now <= _end(answer)
        )

    @property
    def skipped(self) -> int:
        """Return how many generations lie between the last one signed and the one asked for."""
        return (self.request.generation or 0) - last_generation(self.before) - 1

    @property
    def is_again(self) -> bool:
        """Return whether the last generation is asked for once more."""
        return self.before is not None and self.before.request.generation == self.request.generation


def last_generation(before: Answer | None) -> int:
    """Return the generation of an environment's last intermediate, 0 for none."""
    return (before.request.generation or 0) if before else 0


def _end(answer: Answer) -> datetime:
    return parse.certificate(answer.response.certificate or "").not_valid_after_utc
