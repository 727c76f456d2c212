"""What a dead run left: every open intent ends as adopted, revoked or explained as never signed."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from trustwright.errors import (
    ConflictError,
    PolicyViolation,
    TrustwrightError,
    VerificationError,
)
from trustwright.lifecycle.issuance import (
    Order,
    check_against_order,
    close_intent,
    inventory_row,
    record_certificate,
)
from trustwright.lifecycle.journal import note
from trustwright.model.records import CertificateRecord, IntentRecord
from trustwright.ports import Ports, Target
from trustwright.x509 import parse

LEFT_BEHIND = timedelta(minutes=10)
"""No command holds an intent that long; after it, whoever opened it is gone."""


def settle_slot(ports: Ports, order: Order) -> CertificateRecord | None:
    """Close the open intent of an order's slot; return the certificate if it could be adopted.

    A certificate is adopted when its key is still of use and it is what the order asks for;
    otherwise it is revoked. Searching costs a look at every serial of the mount: it happens only
    after a crash between Vault's signature and our record of it.

    Raises:
        ConflictError: another run that is still alive works on it (rule ``LOCK-HELD``).
    """
    intent = next(ports.records.intents.find(slot=order.slot, state="open"), None)
    if intent is None:
        return None
    if intent.actor not in {"", ports.actor} and ports.runs.alive(intent.actor):
        raise ConflictError(
            f"run {intent.actor} has a certificate signed for {intent.slot} at this moment",
            rule="LOCK-HELD",
            hint="wait for that run, then run again",
        )
    return _settle(ports, intent, order)


def settle_left_behind(ports: Ports, order: Order) -> None:
    """Close what commands of people left of a subject; what is younger may still be at work."""
    found = ports.records.intents.find(
        environment=order.environment, purpose=order.purpose, subject=order.subject, state="open"
    )
    latest = ports.clock.now() - LEFT_BEHIND
    for intent in [each for each in found if each.opened <= latest]:
        # Another command may settle the same one at this moment: once is enough.
        with suppress(ConflictError):
            _settle(ports, intent, order)


def _settle(ports: Ports, intent: IntentRecord, order: Order) -> CertificateRecord | None:
    pem = _recorded_pem(ports, intent) or _stored_pem(ports, intent)
    if pem is None:
        close_intent(ports, intent, "abandoned", None, "Vault holds no certificate for this key")
        return None
    row = _adopt(ports, intent, order, pem)
    if row is None:
        _revoke_orphan(ports, intent, order.owner, pem)
    return row


def _recorded(ports: Ports, intent: IntentRecord) -> CertificateRecord | None:
    return next(ports.records.certificates.find(intent=intent.id), None)


def _recorded_pem(ports: Ports, intent: IntentRecord) -> str | None:
    row = _recorded(ports, intent)
    return row.pem if row else None


def _stored_pem(ports: Ports, intent: IntentRecord) -> str | None:
    """Search Vault's serials that the inventory does not know for the intent's key."""
    signer = ports.signer(intent.environment)
    for serial in signer.serials():
        if ports.records.certificates.get(f"{intent.issuer}/{serial}") is not None:
            continue
        pem = signer.certificate(serial)
        if pem is not None and parse.spki_sha256(parse.certificate(pem)) == intent.spki:
            return pem
    return None


def _adopt(ports: Ports, intent: IntentRecord, order: Order, pem: str) -> CertificateRecord | None:
    row = _recorded(ports, intent)
    if not order.is_served_by(intent.spki) or (row is not None and row.state != "valid"):
        return None
    try:
        # Judged again even when it is recorded: an orphan is recorded on its way to revocation.
        check_against_order(ports, order, intent, parse.certificate(pem))
    except (PolicyViolation, VerificationError):
        return None
    row = row or record_certificate(ports, intent, order, pem)
    close_intent(ports, intent, "done", row.serial, "adopted after a crash")
    note(ports, "trustwright.certificate.adopted", row.environment, row.id)
    return row


def _revoke_orphan(ports: Ports, intent: IntentRecord, owner: str, pem: str) -> None:
    row = _recorded(ports, intent) or ports.records.certificates.insert(
        inventory_row(ports, intent, owner, parse.certificate(pem))
    )
    revoke_certificate(ports, row, "left by a run that died; nobody can use it")
    close_intent(ports, intent, "abandoned", row.serial, "orphan revoked")


def revoke_undelivered(ports: Ports, target: Target, row: CertificateRecord) -> None:
    """Revoke a certificate whose delivery failed: nobody has its key.

    One that is in place all the same is left alone, and so is one that cannot be looked at or
    revoked now: the next run tidies up.
    """
    with suppress(TrustwrightError):
        found = target.observed()
        newest = ports.records.certificates.get(row.id)
        if newest is not None and (found is None or found.serial != row.serial):
            revoke_certificate(ports, newest, "its delivery failed; its key is lost")


def revoke_certificate(ports: Ports, row: CertificateRecord, reason: str) -> CertificateRecord:
    """Revoke one certificate, have the CRL name it, and record it; twice is the same as once.

    One that has expired is left alone: no relying party takes it, and the server refuses to put it
    on a CRL (RFC 5280 §3.3).
    """
    if row.not_after <= ports.clock.now():
        return row
    signer = ports.signer(row.environment)
    signer.revoke(row.serial)
    signer.rotate_crl()
    if row.state == "revoked":
        return row
    revoked = ports.records.certificates.replace(row, state="revoked", revoked=ports.clock.now())
    note(ports, "trustwright.certificate.revoked", row.environment, row.id, reason)
    return revoked
