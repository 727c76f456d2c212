"""What is ordered for a consumer, and the certificate that fulfils the order."""

from __future__ import annotations

from trustwright.errors import TrustwrightError
from trustwright.lifecycle.breakers import count_order, note_issued, note_refused_order
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.holdings import fits, valid_certificates
from trustwright.lifecycle.issuance import Order, issue
from trustwright.lifecycle.reconciliation import settle_slot
from trustwright.model.estate import Consumer
from trustwright.model.profile import Subject
from trustwright.model.records import CertificateRecord
from trustwright.ports import Ports
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key, private_pem


def order_for(ports: Ports, consumer: Consumer, asked: str | None) -> tuple[Order, bytes | None]:
    """Return the order and the key that goes with it: made here, or None when the host has it."""
    key, csr = (None, asked) if asked is not None else _new_key(ports, consumer)
    order = Order(
        environment=consumer.environment,
        role=consumer.role,
        purpose="consumer",
        subject=consumer.name,
        owner=consumer.owner,
        names=consumer.names,
        csr=csr,
        key_survives=asked is not None,
    )
    return order, key


def _new_key(ports: Ports, consumer: Consumer) -> tuple[bytes, str]:
    private = generate_key(settings_of(ports, consumer.environment).roles[consumer.role].key)
    subject = Subject(
        organization=ports.estate.organization,
        unit=consumer.environment,
        common_name=consumer.names[0],
    )
    return private_pem(private), build_request(private, subject, consumer.names)


def certificate_for(ports: Ports, consumer: Consumer, order: Order) -> CertificateRecord:
    """Return what a dead run left for a host's key, or a new certificate.

    Raises:
        PolicyViolation: the breaker of consumer or role is open (rule ``BREAKER-OPEN``).
    """
    kept = settle_slot(ports, order) or _undelivered(ports, consumer, order)
    return kept or _issued(ports, consumer, order)


def _issued(ports: Ports, consumer: Consumer, order: Order) -> CertificateRecord:
    count_order(ports, consumer)
    try:
        certificate = issue(ports, order)
    except TrustwrightError as error:
        note_refused_order(ports, consumer, error)
        raise
    note_issued(ports, consumer)
    return certificate


def _undelivered(ports: Ports, consumer: Consumer, order: Order) -> CertificateRecord | None:
    """Return the certificate that waits for a host, or that it holds beside other anchors."""
    if not order.key_survives:
        return None
    rows = valid_certificates(ports, consumer)
    return next((row for row in rows if fits(ports, consumer, row, order.csr)), None)
