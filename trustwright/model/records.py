"""The store's other rows. Every row has a `version`; writes are compare-and-swap on it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from trustwright.model.base import Artifact, Digest, Moment

EnvironmentPhase = Literal[
    "planned", "prepared", "requested", "signed", "introduced", "proven", "ready"
]
"""Phases of bootstrap, in order (see `trustwright.policy.phases`)."""


class EnvironmentRecord(Artifact):
    """One environment: how far its bootstrap is and who holds it.

    Attributes:
        generation: the generation that issues, or that is being set up.
        holder: identifier of the flow run that works on it; held across the whole wait.
        process: token of the holder's process that claimed it last; an older process of the same
            run, which Prefect believed dead, is fenced off by it.
        held_since: when the holder took it.
    """

    name: str
    phase: EnvironmentPhase = "planned"
    generation: int = 1
    holder: str | None = None
    process: str | None = None
    held_since: Moment | None = None
    updated: Moment
    version: int = 0


IssuerState = Literal[
    "requested", "signed", "introduced", "issuing", "draining", "retired", "abandoned"
]
"""*abandoned*: given up before it was proven; its anchor is in no bundle."""


class IssuerRecord(Artifact):
    """One generation of an environment's intermediate.

    Attributes:
        id: ``<environment>-g<generation>``; also the key's and the issuer's name in Vault.
        key_id: Vault's identifier of the key.
        spki: SHA-256 of the SubjectPublicKeyInfo.
        issuer_id: Vault's identifier of the imported issuer.
        certificate: PEM of the root-signed intermediate.
        anchor: PEM of its self-signed twin.
        anchor_serial: serial chosen for the anchor before it was made (hex with colons).
        anchor_not_before: start chosen for the anchor before it was made.
        canary: serial of the always-revoked certificate that proved its CRL.
    """

    id: str
    environment: str
    generation: int
    state: IssuerState = "requested"
    key_id: str
    spki: Digest
    issuer_id: str | None = None
    certificate: str | None = None
    anchor: str | None = None
    anchor_serial: str | None = None
    anchor_not_before: Moment | None = None
    canary: str | None = None
    updated: Moment
    version: int = 0


IntentKind = Literal["sign", "revoke"]
IntentState = Literal["open", "suspect", "done", "abandoned"]
"""*suspect*: nobody works on it any more, and Vault has nothing to show for it, but the request may
still arrive there; its slot is free, and it is looked at until that cannot be."""

Purpose = Literal["consumer", "admin", "probe"]
"""*probe*: proves an issuer, is revoked at once and lives on as the canary."""


class IntentRecord(Artifact):
    """Written before Vault is asked to sign or revoke, closed after the result is recorded.

    Attributes:
        id: random identifier.
        issuer: `IssuerRecord.id`.
        subject: consumer or admin that the certificate is for.
        owner: of the subject; None in rows of an earlier schema.
        slot: at most one open intent per slot, like ``consumer/prod/billing``.
        spki: SHA-256 of the SubjectPublicKeyInfo in the certification request.
        serial: of the certificate that was signed or is to be revoked.
        pem: what Vault returned, until it is in the inventory.
        actor: flow run or command that opened it; while that run lives, nobody else settles it.
        closed: when it ended; for a suspect one, when its slot was given free.
    """

    id: str
    kind: IntentKind
    environment: str
    issuer: str
    role: str
    purpose: Purpose
    subject: str
    owner: str | None = None
    slot: str
    spki: Digest
    names: tuple[str, ...] = ()
    state: IntentState = "open"
    serial: str | None = None
    pem: str | None = None
    actor: str = ""
    note: str = ""
    opened: Moment
    closed: Moment | None = None
    version: int = 0


CertificateState = Literal["valid", "superseded", "revoked", "refused"]
"""*refused*: Vault returned it and it was not what was ordered; nobody was given it."""


ShownState = Literal[CertificateState, "expired"]
"""A certificate's state at a time: *expired* is derived when it is read, never stored."""


class CertificateRecord(Artifact):
    """Inventory: one certificate that Vault signed for us.

    Attributes:
        id: ``<issuer id>/<serial>``: issuer and serial identify a certificate (RFC 5280 §4.1.2.2).
        state: *superseded* when a later one was delivered to the same consumer.
        pem: the certificate; never a key.
    """

    id: str
    environment: str
    issuer: str
    serial: str
    role: str
    purpose: Purpose
    subject: str
    owner: str
    names: tuple[str, ...]
    spki: Digest
    not_before: Moment
    not_after: Moment
    state: CertificateState = "valid"
    pem: str
    intent: str
    recorded: Moment
    revoked: Moment | None = None
    version: int = 0

    def state_at(self, now: datetime) -> ShownState:
        """Return the state at a time (aware); a valid one is *expired* from its notAfter on."""
        return "expired" if self.state == "valid" and self.not_after <= now else self.state


DeliveryState = Literal["planned", "delivered", "undone", "failed", "waiting", "retired"]
"""*planned*: nobody has tried yet, or the first try is under way. *waiting*: ``key: host`` and the
host has left no certification request yet. *retired*: it left the estate file, and its certificates
are revoked."""


class DeliveryRecord(Artifact):
    """The newest attempt to deliver to one consumer.

    Attributes:
        id: ``<environment>/<consumer>``.
        number: version folder that was written (1, 2, …).
        serial: of the certificate in the delivered set.
        manifest: SHA-256 of ``manifest.json``, read back from the target.
        trust: SHA-256 of the delivered ``trust.pem``, to see when the anchors have changed.
        crl_until: earliest nextUpdate in the delivered ``crl.pem``.
        crl_due: when half of the life of the first of these CRLs is over.
        looked: when the target was last looked at.
        served: serial that its probe last saw served; None when that was no certificate of ours.
        probed: when its probe last saw something.
        problem: one line when it failed or waits.
        failing_since: when it failed first, if every attempt since has failed as well.
        holder: flow run that serves this consumer at this moment; held while it does.
        held_since: when the holder took it.
    """

    id: str
    environment: str
    consumer: str
    target: str
    state: DeliveryState
    number: int = Field(ge=0)
    serial: str | None = None
    manifest: Digest | None = None
    trust: Digest | None = None
    crl_until: Moment | None = None
    crl_due: Moment | None = None
    looked: Moment | None = None
    served: str | None = None
    probed: Moment | None = None
    problem: str = ""
    failing_since: Moment | None = None
    holder: str | None = None
    held_since: Moment | None = None
    updated: Moment
    version: int = 0


class AuditRecord(Artifact):
    """One line of what happened; append-only.

    Attributes:
        event: ``trustwright.<noun>.<verb>``.
        subject: what it happened to.
        actor: flow run, command or person (a claim).
        detail: a sentence; no secret.
    """

    id: str
    at: Moment
    event: str
    environment: str
    subject: str
    actor: str
    detail: str = ""
    version: int = 0
