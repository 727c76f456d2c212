"""The rows that announce an act before it is tried: answered, put in doubt, closed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from trustwright.errors import ConflictError
from trustwright.ids import serial_text
from trustwright.model.records import CertificateRecord, IntentRecord, IntentState
from trustwright.ports import Ports
from trustwright.x509 import parse

if TYPE_CHECKING:
    from cryptography import x509

STILL_ON_ITS_WAY = timedelta(minutes=30)
"""How long a request may still make a certificate after its sender is gone.

OpenBao and Vault work on a request for at most 90 s (`default_max_request_duration`). Before that
it may lie in a proxy, or be sent again by the dead sender's kernel for about a quarter of an hour
(Linux, `tcp_retries2`). Half an hour covers both, as long as the server's limit stays below ten
minutes (docs/adr/0014).
"""

NOTHING_CAME = "Vault holds no certificate for this key"


def keep_reply(ports: Ports, intent: IntentRecord, pem: str) -> IntentRecord:
    """Write on the intent what Vault returned, before it is judged: it is never forgotten.

    Raises:
        VerificationError: it is not one readable certificate (rule ``X509-PEM``, ``X509-PARSE``).
        ConflictError: another run settled the intent while Vault signed (rule ``LOCK-LOST``); what
            came is kept as *suspect*, and is revoked by the next run or the watch.
    """
    certificate = parse.certificate(pem)
    reply = {
        "serial": serial_text(certificate.serial_number),
        "pem": parse.pem(certificate),
    }
    try:
        return ports.records.intents.replace(intent, **reply)
    except ConflictError:
        _keep_late_reply(ports, intent.id, reply)
    raise ConflictError(
        f"another run settled {intent.slot} while Vault signed",
        rule="LOCK-LOST",
        hint="let the other one finish; what came too late is revoked",
        where=intent.slot,
    )


def _keep_late_reply(ports: Ports, key: str, reply: dict[str, str]) -> None:
    found = ports.records.intents.get(key)
    if found is None or found.serial is not None:
        return  # whoever settled it has found it in Vault
    try:
        ports.records.intents.replace(
            found, state="suspect", closed=found.closed or ports.clock.now(), **reply
        )
    except ConflictError:
        _keep_late_reply(ports, key, reply)


def put_in_doubt(ports: Ports, intent: IntentRecord, remark: str = "") -> None:
    """Give an intent's slot free, and look at it again for as long as a certificate may come."""
    ports.records.intents.replace(
        intent, state="suspect", pem=None, note=remark, closed=ports.clock.now()
    )


def set_aside(ports: Ports, intent: IntentRecord) -> IntentRecord:
    """Take an open intent from whoever opened it, so that it cannot be closed as *done* any more.

    Raises:
        ConflictError: it was closed, or somebody else settles it.
    """
    if intent.state == "suspect":
        return intent
    return ports.records.intents.replace(intent, state="suspect", closed=ports.clock.now())


def is_beyond_doubt(ports: Ports, intent: IntentRecord) -> bool:
    """Return whether nothing can come of a suspect intent any more."""
    given_free = intent.closed or intent.opened
    return given_free + STILL_ON_ITS_WAY <= ports.clock.now()


def close_intent(
    ports: Ports, intent: IntentRecord, state: IntentState, serial: str | None, remark: str = ""
) -> None:
    """Close an intent as *done* or *abandoned*; what Vault returned is in the inventory now."""
    ports.records.intents.replace(
        intent, state=state, serial=serial, pem=None, note=remark, closed=ports.clock.now()
    )


def inventory_row(
    ports: Ports, intent: IntentRecord, certificate: x509.Certificate
) -> CertificateRecord:
    """Return the inventory's row for a certificate that an intent led to."""
    serial = serial_text(certificate.serial_number)
    return CertificateRecord(
        id=f"{intent.issuer}/{serial}",
        environment=intent.environment,
        issuer=intent.issuer,
        serial=serial,
        role=intent.role,
        purpose=intent.purpose,
        subject=intent.subject,
        owner=intent.owner or "",
        names=intent.names,
        spki=parse.spki_sha256(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        pem=parse.pem(certificate),
        intent=intent.id,
        recorded=ports.clock.now(),
    )
