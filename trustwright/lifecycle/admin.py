"""Admin client certificates: made on the admin's own machine, short-lived, never delivered.

That machine holds the key of the identity ``admin``, which signs through the role admin and does
nothing else. What went wrong there is settled here, by the flows as the issuer identity.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from trustwright.errors import ConfigurationError, ConflictError, TrustwrightError
from trustwright.lifecycle.consumers import consumer_named
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.intents import close_intent
from trustwright.lifecycle.issuance import Order, certify
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.trust import delivered_set
from trustwright.model.estate import Consumer
from trustwright.model.profile import Subject
from trustwright.model.records import CertificateRecord, IntentRecord
from trustwright.ports import Delivered, Ports, Target
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key, private_pem


@dataclass(frozen=True)
class AdminCertificate:
    """What was issued and where it was written."""

    certificate: CertificateRecord
    delivered: Delivered


def issue_admin(ports: Ports, environment: str, name: str, target: Target) -> AdminCertificate:
    """Make a key here, have it certified through the admin role, and write the set to `target`.

    Each call makes a new certificate; older ones run out by themselves within the role's TTL. Two
    calls at once do not disturb each other: each has an intent's slot of its own. The intent stays
    open until the set is written: this identity revokes nothing, so what was signed and reached
    nobody is left to `reconciliation.settle_all_left_behind`.

    Raises:
        ConfigurationError: the estate names no admin of this name.
        PolicyViolation: the environment's issuer is not proven yet.
        ConflictError: a flow has settled it meanwhile (rule ``ADMIN-SETTLED``).
    """
    admin = _admin_named(ports, environment, name)
    order, key = _order(ports, admin)
    target.ready(with_key=True)
    certificate, intent = certify(ports, order)
    delivered = _written(ports, admin, target, certificate, key)
    _close(ports, intent, certificate)
    note(ports, "trustwright.admin.issued", environment, name, f"serial {certificate.serial}")
    return AdminCertificate(certificate, delivered)


def _written(
    ports: Ports, admin: Consumer, target: Target, certificate: CertificateRecord, key: bytes
) -> Delivered:
    try:
        delivery = delivered_set(ports, admin, certificate, key, rebuild_crls=False)
        # Another call may have delivered meanwhile: the later one counts.
        return target.deliver(delivery, expected=target.observed())
    except TrustwrightError as error:
        detail = f"serial {certificate.serial} is to be revoked, it was not written: {error}"
        note(ports, "trustwright.admin.undelivered", admin.environment, admin.name, detail)
        raise


def _close(ports: Ports, intent: IntentRecord, certificate: CertificateRecord) -> None:
    try:
        close_intent(ports, intent, "done", certificate.serial)
    except ConflictError:
        raise ConflictError(
            f"{certificate.id} was revoked by a flow before this command had ended",
            rule="ADMIN-SETTLED",
            hint="it took too long; run it again",
        ) from None


def _admin_named(ports: Ports, environment: str, name: str) -> Consumer:
    admin = consumer_named(ports, environment, name)
    if admin.role != "admin":
        raise ConfigurationError(
            f"{name} has the role {admin.role}, not admin",
            rule="ADMIN-ROLE",
            hint="flows serve it; an admin has `role: admin` in the estate file",
        )
    return admin


def _order(ports: Ports, admin: Consumer) -> tuple[Order, bytes]:
    role = settings_of(ports, admin.environment).roles["admin"]
    private = generate_key(role.key)
    subject = Subject(
        organization=ports.estate.organization, unit=admin.environment, common_name=admin.names[0]
    )
    order = Order(
        environment=admin.environment,
        role="admin",
        purpose="admin",
        subject=admin.name,
        owner=admin.owner,
        names=admin.names,
        csr=build_request(private, subject, admin.names),
        invocation=secrets.token_hex(8),
    )
    return order, private_pem(private)
