"""What a transcript line says: one model for each event."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trustwright.model.base import Artifact, Digest, Fingerprint, Moment
from trustwright.model.ceremony import Kind

Act = Kind | Literal["crl"]
"""What a signature is for; ``crl`` is a root CRL that nobody requested."""


class Created(Artifact):
    """The first line: which root this is and what it may sign."""

    event: Literal["created"] = "created"
    root: Fingerprint
    policy: Digest
    policy_text: str


class PolicyAccepted(Artifact):
    """A person accepted a changed policy.toml."""

    event: Literal["policy-accepted"] = "policy-accepted"
    version: int
    policy: Digest
    policy_text: str


class Intent(Artifact):
    """Written and synced before the root key is used.

    Attributes:
        request: digest of the request; None for the act ``crl``.
        serial: of the certificate that will be signed, hex with colons.
        certificate_tbs, crl_tbs: SHA-256 of the bytes that will be signed.
        revokes: serials that the CRL lists because of this act.
        witnesses: who was there, a claim.
    """

    event: Literal["intent"] = "intent"
    act: Act
    request: Digest | None = None
    environment: str | None = None
    generation: int | None = None
    serial: str | None = None
    certificate_tbs: Digest | None = None
    revokes: tuple[str, ...] = ()
    crl_number: int
    crl_tbs: Digest
    policy: Digest
    witnesses: tuple[str, ...] = ()


class Signed(Artifact):
    """The response is complete and kept.

    Attributes:
        intent: number of the line that announced it.
        number: of the response.
        recovered: the line was written by a later start, after a power cut.
    """

    event: Literal["signed"] = "signed"
    intent: int
    request: Digest
    response: Digest
    number: int
    file: str
    recovered: bool = False


class CrlSigned(Artifact):
    """A root CRL that nobody requested is complete and kept; `crl` is the SHA-256 of its PEM."""

    event: Literal["crl-signed"] = "crl-signed"
    intent: int
    crl_number: int
    crl: Digest
    file: str
    recovered: bool = False


class Abandoned(Artifact):
    """An intent came to nothing; its serial stands on every later root CRL.

    Attributes:
        rule: identifier of what refused the result, empty where it was cut off.
        why: in words.
    """

    event: Literal["abandoned"] = "abandoned"
    intent: int
    serial: str | None = None
    rule: str = ""
    why: str


class Repaired(Artifact):
    """A line that a power cut tore was moved aside; `octets` is the SHA-256 of what it held."""

    event: Literal["repaired"] = "repaired"
    file: str
    size: int
    octets: Digest


Event = Created | PolicyAccepted | Intent | Signed | CrlSigned | Abandoned | Repaired


class Entry(Artifact):
    """One line: numbered from 1, dated, chained to the line before by its digest.

    Attributes:
        mac: code of a holder of the root key, where one is needed; see `trustwright.ceremony.mac`.
    """

    number: int = Field(ge=1)
    previous: Digest | None = None
    at: Moment
    says: Annotated[Event, Field(discriminator="event")]
    mac: Digest | None = None
