"""What crosses the air gap: request and response, and the online record of a ceremony."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from trustwright.model.base import Artifact, Digest, Fingerprint, Moment, Name
from trustwright.model.profile import Profile

Kind = Literal["sign-intermediate", "root-crl", "revoke-intermediate"]
"""What the offline root may be asked for."""

RevocationReason = Literal[
    "unspecified",
    "key_compromise",
    "ca_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
]
"""CRLReason values (RFC 5280 §5.3.1) that make sense for an intermediate."""


class Request(Artifact):
    """A ceremony request: what the online side asks of the offline root.

    Attributes:
        environment: whose intermediate; None only for ``root-crl``.
        generation: 1 for the first intermediate of an environment, one more at each rotation.
        root: fingerprint of the root that is asked.
        previous: binding of the last response for this environment (for ``root-crl``: of the last
            ``root-crl`` response), None for the first: the chain that a replay cannot join. See
            `trustwright.ceremony.response.binding`.
        csr: PKCS#10 PEM with proof of possession (``sign-intermediate`` only).
        profile: the exact profile asked for (``sign-intermediate`` only).
        serial: hex serial to revoke (``revoke-intermediate`` only).
        revocation_reason: why (``revoke-intermediate`` only).
        created, expires: the request may be signed in between.
        reason: a sentence for the person at the offline machine.
        requested_by: who asked, a claim.
    """

    format: Literal["trustwright.request/1"] = "trustwright.request/1"
    kind: Kind
    environment: Name | None = None
    generation: int | None = Field(default=None, ge=1, le=9999)
    root: Fingerprint
    previous: Digest | None = None
    csr: str | None = Field(default=None, max_length=8192)
    profile: Profile | None = None
    serial: str | None = Field(default=None, pattern=r"^[0-9a-f]{2}(:[0-9a-f]{2}){0,19}$")
    revocation_reason: RevocationReason | None = None
    created: Moment
    expires: Moment
    reason: str = Field(min_length=1, max_length=300)
    requested_by: str = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _has_the_members_of_its_kind(self) -> Self:
        wanted = _MEMBERS[self.kind]
        for member in (
            "environment",
            "generation",
            "csr",
            "profile",
            "serial",
            "revocation_reason",
        ):
            if (getattr(self, member) is not None) != (member in wanted):
                verb = "needs" if member in wanted else "has no"
                msg = f"{self.kind} {verb} {member}"
                raise ValueError(msg)
        if self.expires <= self.created:
            msg = "expires must lie after created"
            raise ValueError(msg)
        return self


_MEMBERS: dict[str, frozenset[str]] = {
    "sign-intermediate": frozenset({"environment", "generation", "csr", "profile"}),
    "root-crl": frozenset(),
    "revoke-intermediate": frozenset({"environment", "generation", "serial", "revocation_reason"}),
}


class Response(Artifact):
    """A ceremony response: what the offline root gives back.

    Attributes:
        request: digest of the request that it answers.
        number: position among this root's responses, from 1.
        previous: digest of this root's response before (any environment), None for number 1.
        certificate: PEM of the new intermediate (``sign-intermediate`` only).
        root_crl: PEM of a fresh CRL of the root.
        transcript: digest of the transcript entry that announced this signature.
    """

    format: Literal["trustwright.response/1"] = "trustwright.response/1"
    kind: Kind
    environment: Name | None = None
    request: Digest
    root: Fingerprint
    number: int = Field(ge=1)
    previous: Digest | None = None
    certificate: str | None = Field(default=None, max_length=8192)
    root_crl: str = Field(max_length=65_536)
    signed_at: Moment
    transcript: Digest

    @model_validator(mode="after")
    def _has_a_certificate_when_one_was_asked_for(self) -> Self:
        if (self.certificate is not None) != (self.kind == "sign-intermediate"):
            msg = f"certificate does not fit the kind {self.kind}"
            raise ValueError(msg)
        return self


CeremonyState = Literal["pending", "accepted", "expiring", "expired", "cancelling", "cancelled"]
"""*pending* until one good response arrives; *accepted*, *expired* and *cancelled* are final.
*expiring* and *cancelling*: no response counts any more, people are still to be told and the run to
be ended."""


class CeremonyRecord(Artifact):
    """The store's row of one ceremony; `id` is the request's digest.

    Attributes:
        request: canonical JSON text of the request, as it was sealed.
        response: canonical JSON text of the accepted response.
        refusals: how many responses were refused; the gate's form is keyed by it.
        refusal: one line about the last refused response, rule included.
        reason: why it was cancelled.
        flow_run: the suspended Prefect run to wake, when there is one.
    """

    id: Digest
    environment: str
    kind: Kind
    generation: int | None = None
    state: CeremonyState = "pending"
    request: str
    response: str | None = None
    refusals: int = 0
    refusal: str = ""
    reason: str | None = None
    flow_run: str | None = None
    created: Moment
    expires: Moment
    closed: Moment | None = None
    version: int = 0
