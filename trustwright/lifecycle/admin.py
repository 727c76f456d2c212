"""Admin client certificates: made on the admin's own machine, short-lived, never delivered."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from trustwright.errors import ConfigurationError, TrustwrightError
from trustwright.lifecycle.consumers import consumer_named
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.issuance import Order, issue
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.reconciliation import revoke_undelivered, settle_left_behind
from trustwright.lifecycle.trust import delivered_set
from trustwright.model.estate import Consumer
from trustwright.model.profile import Subject
from trustwright.model.records import CertificateRecord
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
    calls at once do not disturb each other: each has an intent's slot of its own.

    Raises:
        ConfigurationError: the estate names no admin of this name.
    """
    admin = _admin_named(ports, environment, name)
    order, key = _order(ports, admin)
    settle_left_behind(ports, order)
    target.ready(with_key=True)
    certificate = issue(ports, order)
    try:
        delivered = target.deliver(delivered_set(ports, admin, certificate, key))
    except TrustwrightError:
        revoke_undelivered(ports, target, certificate)
        raise
    note(ports, "trustwright.admin.issued", environment, name, f"serial {certificate.serial}")
    return AdminCertificate(certificate, delivered)


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
