"""A certificate that Vault returned and that is not what was ordered: alarm, record, revoke."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography import x509

from trustwright.errors import ConflictError, Rejected
from trustwright.ids import serial_text
from trustwright.lifecycle.intents import close_intent, inventory_row, put_in_doubt
from trustwright.lifecycle.journal import note, tell_once
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.policy import notices
from trustwright.x509 import parse

if TYPE_CHECKING:
    from trustwright.model.records import CertificateRecord, IntentRecord
    from trustwright.ports import Ports


def refuse_certificate(ports: Ports, intent: IntentRecord, pem: str, why: str) -> None:
    """Record the certificate as *refused*, tell people, and have it revoked by its serial.

    People are told before Vault is asked: whoever controls it could keep the rest from happening.
    What is in the inventory for another intent, what another issuer made and what is the issuer's
    own is left alone: a lying server must not make us revoke what is good. When it is over another
    key than was ordered, a certificate over that key may still turn up: the intent becomes
    *suspect*.

    Raises:
        UpstreamError, VerificationError: it could not be revoked now; the intent stays as it is,
            and the next run or the watch goes on.
    """
    certificate = parse.certificate(pem)
    row = _recorded(ports, intent, certificate)
    revocable = row is not None and _is_of_issuer(ports, intent, certificate)
    _tell(ports, intent, certificate, why, revocable=revocable)
    if row is not None and revocable:
        with suppress(Rejected):  # Vault does not hold it; the row stays *refused*
            revoke_certificate(ports, row, f"refused: {why}"[:300])
    _let_go(ports, intent, certificate, why)


def is_anothers(ports: Ports, intent: IntentRecord, certificate: x509.Certificate) -> bool:
    """Return whether the inventory has it already, for another intent."""
    key = f"{intent.issuer}/{serial_text(certificate.serial_number)}"
    found = ports.records.certificates.get(key)
    return found is not None and found.intent != intent.id


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names that it carries."""
    names = parse.extension(certificate, x509.SubjectAlternativeName)
    return tuple(names.get_values_for_type(x509.DNSName)) if names else ()


def _recorded(
    ports: Ports, intent: IntentRecord, certificate: x509.Certificate
) -> CertificateRecord | None:
    """Return its row, made now if need be; None when it is another intent's."""
    if is_anothers(ports, intent, certificate):
        return None
    row = inventory_row(ports, intent, certificate).model_copy(
        update={"state": "refused", "names": names_of(certificate)}
    )
    found = ports.records.certificates.get(row.id)
    if found is not None:
        return found
    try:
        return ports.records.certificates.insert(row)
    except ConflictError:
        return _recorded(ports, intent, certificate)


def _is_of_issuer(ports: Ports, intent: IntentRecord, certificate: x509.Certificate) -> bool:
    issuer = ports.records.issuers.get(intent.issuer)
    own = parse.certificate((issuer and issuer.certificate) or "")
    return certificate.issuer == own.subject != certificate.subject


def _tell(
    ports: Ports, intent: IntentRecord, certificate: x509.Certificate, why: str, *, revocable: bool
) -> None:
    notice = notices.certificate_refused(
        intent,
        serial=serial_text(certificate.serial_number),
        subject=certificate.subject.rfc4514_string(),
        why=why,
        revocable=revocable,
    )
    tell_once(ports, f"refused/{intent.id}", notice, intent.slot)


def _let_go(ports: Ports, intent: IntentRecord, certificate: x509.Certificate, why: str) -> None:
    remark = f"refused: {why}"[:500]
    if parse.spki_sha256(certificate) == intent.spki:
        close_intent(ports, intent, "abandoned", serial_text(certificate.serial_number), remark)
    else:
        put_in_doubt(ports, intent, remark)
    note(ports, "trustwright.certificate.refused", intent.environment, intent.slot, remark)
