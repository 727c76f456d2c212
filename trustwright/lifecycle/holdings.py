"""What a consumer holds: which of its certificates stand, and whether its set is still current."""

from __future__ import annotations

from datetime import timedelta

from cryptography.x509.oid import NameOID

from trustwright.ids import sha256_hex
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.reconciliation import revoke_certificate
from trustwright.lifecycle.trust import trust_bundle
from trustwright.model.estate import Consumer
from trustwright.model.records import CertificateRecord
from trustwright.ports import Delivered, Ports
from trustwright.x509 import parse


def valid_certificates(ports: Ports, consumer: Consumer) -> list[CertificateRecord]:
    """Return the consumer's certificates that stand as valid, whatever their role."""
    return list(
        ports.records.certificates.find(
            environment=consumer.environment,
            subject=consumer.name,
            purpose="consumer",
            state="valid",
        )
    )


def fitting_in_place(
    ports: Ports, consumer: Consumer, observed: Delivered | None, asked: str | None
) -> CertificateRecord | None:
    """Return the certificate in place if it is ours, as estate and host want it, and not due."""
    rows = valid_certificates(ports, consumer) if observed else []
    in_place = (row for row in rows if observed and row.serial == observed.serial)
    return next((row for row in in_place if fits(ports, consumer, row, asked)), None)


def bundles_are_current(ports: Ports, consumer: Consumer, observed: Delivered) -> bool:
    """Return whether the anchors are today's and more than half of every CRL's life is left."""
    if observed.trust != sha256_hex(trust_bundle(ports, consumer).encode()):
        return False
    return observed.crl_due is not None and ports.clock.now() < observed.crl_due


def fits(ports: Ports, consumer: Consumer, row: CertificateRecord, asked: str | None) -> bool:
    """Return whether it has today's organization, role, names and host key, and is not due."""
    role = settings_of(ports, consumer.environment).roles[consumer.role]
    renewal = ports.clock.now() + timedelta(seconds=role.renew_before)
    return (
        (row.role, row.names) == (consumer.role, consumer.names)
        and row.not_after > renewal
        and (asked is None or row.spki == parse.spki_sha256(parse.request(asked)))
        and _whose(row) == (ports.estate.organization, consumer.environment)
    )


def _whose(row: CertificateRecord) -> tuple[object, ...]:
    """Return organization and unit of the subject."""
    subject = parse.certificate(row.pem).subject
    wanted = (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    return tuple(each.value for oid in wanted for each in subject.get_attributes_for_oid(oid))


def tidy(
    ports: Ports, consumer: Consumer, observed: Delivered | None, *, before: str | None
) -> None:
    """Leave one valid certificate: the one in place.

    The one in place before is *superseded*, and so is one that has expired. One that was signed and
    never delivered is revoked when its key died with the run that made it. A host still has its
    key: such a certificate waits to be delivered, until a later one is.
    """
    rows, now = valid_certificates(ports, consumer), ports.clock.now()
    in_place = next((row for row in rows if observed and row.serial == observed.serial), None)
    for row in (each for each in rows if each != in_place):
        late = in_place is not None and row.recorded <= in_place.recorded
        waited = consumer.key == "host" and late
        if row.serial == before or waited or row.not_after <= now:
            ports.records.certificates.replace(row, state="superseded")
        elif consumer.key == "managed":
            revoke_certificate(ports, row, "signed but never delivered; its key is lost")
