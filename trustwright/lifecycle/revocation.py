"""One certificate revoked: announced, asked of Vault, seen on the CRL, recorded."""

from __future__ import annotations

import secrets
from contextlib import suppress

from trustwright.errors import ConflictError, Rejected, VerificationError
from trustwright.ids import serial_number
from trustwright.lifecycle.intents import close_intent
from trustwright.lifecycle.journal import note
from trustwright.model.records import CertificateRecord, IntentRecord
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.crl import is_revoked, verify_crl


def revoke_certificate(ports: Ports, row: CertificateRecord, reason: str) -> CertificateRecord:
    """Revoke one certificate, see it on the CRL, and record it; twice is the same as once.

    One that has expired is left alone: no relying party takes it, and the server refuses to put it
    on a CRL (RFC 5280 §3.3).

    Raises:
        VerificationError: the CRL that relying parties fetch does not hold, or does not name it
            (rule ``CRL-UNLISTED``); the next run, or the watch, tries again.
        Rejected: Vault does not know the certificate.
    """
    if row.not_after <= ports.clock.now():
        return row
    if row.state == "revoked" and not is_being_revoked(ports, row) and _is_listed(ports, row):
        return row
    return _carry_out(ports, _announce(ports, row, reason), row)


def is_being_revoked(ports: Ports, row: CertificateRecord) -> bool:
    """Return whether somebody has announced that it will be revoked."""
    return _announced(ports, row) is not None


def finish_revocation(ports: Ports, intent: IntentRecord) -> None:
    """Carry out a revocation that a dead run announced.

    Raises:
        VerificationError, Rejected: as `revoke_certificate`.
    """
    row = ports.records.certificates.get(f"{intent.issuer}/{intent.serial}")
    if row is None or row.not_after <= ports.clock.now():
        close_intent(ports, intent, "abandoned", intent.serial, "expired before it was revoked")
    else:
        _carry_out(ports, intent, row)


def _slot(row: CertificateRecord) -> str:
    return f"revoke/{row.id}"


def _announced(ports: Ports, row: CertificateRecord) -> IntentRecord | None:
    return next(ports.records.intents.find(slot=_slot(row), state="open"), None)


def _announce(ports: Ports, row: CertificateRecord, reason: str) -> IntentRecord:
    found = _announced(ports, row)
    if found is not None:
        return found
    try:
        return ports.records.intents.insert(
            IntentRecord(
                id=secrets.token_hex(16),
                kind="revoke",
                environment=row.environment,
                issuer=row.issuer,
                role=row.role,
                purpose=row.purpose,
                subject=row.subject,
                owner=row.owner,
                slot=_slot(row),
                spki=row.spki,
                names=row.names,
                serial=row.serial,
                actor=ports.actor,
                note=reason,
                opened=ports.clock.now(),
            )
        )
    except ConflictError:
        return _announce(ports, row, reason)


def _carry_out(ports: Ports, intent: IntentRecord, row: CertificateRecord) -> CertificateRecord:
    signer = ports.signer(row.environment)
    try:
        signer.revoke(row.serial)
    except Rejected as error:
        close_intent(ports, intent, "abandoned", row.serial, str(error)[:500])
        raise
    signer.rotate_crl()
    if not _is_listed(ports, row):
        raise VerificationError(
            f"the CRL of {row.issuer} does not name {row.serial}, which was revoked",
            rule="CRL-UNLISTED",
            hint="look at the mount's CRL settings and at what publishes the CRL, then run again",
            where=row.id,
        )
    revoked = _record_revoked(ports, row, intent.note)
    with suppress(ConflictError):  # two may finish it at once
        close_intent(ports, intent, "done", row.serial, intent.note)
    return revoked


def _record_revoked(ports: Ports, row: CertificateRecord, reason: str) -> CertificateRecord:
    newest = ports.records.certificates.get(row.id) or row
    if newest.state == "revoked":
        return newest
    revoked = ports.records.certificates.replace(newest, state="revoked", revoked=ports.clock.now())
    note(ports, "trustwright.certificate.revoked", row.environment, row.id, reason)
    return revoked


def _is_listed(ports: Ports, row: CertificateRecord) -> bool:
    """Fetch the issuer's CRL as a relying party does, verify it, and look for the serial."""
    issuer = ports.records.issuers.get(row.issuer)
    crl = parse.crl(ports.signer(row.environment).crl((issuer and issuer.issuer_id) or ""))
    certificate = parse.certificate((issuer and issuer.certificate) or "")
    verify_crl(crl, certificate, at=ports.clock.now())
    return is_revoked(crl, serial_number(row.serial))
