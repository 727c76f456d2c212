"""One certificate: intent, signature, reply, check, record."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.x509.oid import NameOID

from trustwright.errors import (
    ConfigurationError,
    Denied,
    PolicyViolation,
    Rejected,
    TrustwrightError,
    Unavailable,
    VerificationError,
)
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.intents import close_intent, inventory_row, keep_reply
from trustwright.lifecycle.introduction import current_issuer
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.refusal import is_anothers, refuse_certificate
from trustwright.model.estate import RoleName
from trustwright.model.profile import Profile
from trustwright.model.records import CertificateRecord, IntentRecord, IssuerRecord, Purpose
from trustwright.policy.naming import slot, workload_uri
from trustwright.policy.renewal import horizon, shortest_life
from trustwright.ports import AdminSigner, Ports, Signer, SignOrder
from trustwright.x509 import parse
from trustwright.x509.lint import lint_certificate, refuse
from trustwright.x509.lint.matches import matches_order
from trustwright.x509.path import verify_path
from trustwright.x509.profiles import end_entity_profile

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class Order:
    """What is to be certified.

    Attributes:
        subject: consumer, admin or probe; the last part of its SPIFFE identifier.
        key_survives: the private key outlives this process (``key: host``).
        invocation: tells the calls of one command apart, each with a slot of its own; empty when
            the subject has one slot.
    """

    environment: str
    role: RoleName
    purpose: Purpose
    subject: str
    owner: str
    names: tuple[str, ...]
    csr: str
    key_survives: bool = False
    invocation: str = ""

    @property
    def slot(self) -> str:
        """Return the slot that holds at most one open intent."""
        shared = slot(self.purpose, self.environment, self.subject)
        return f"{shared}/{self.invocation}" if self.invocation else shared

    def is_served_by(self, spki: str) -> bool:
        """Return whether a certificate over this key, left by a dead run, is still of use.

        A host's is while the host asks for that very key; a probe needs no key at all.
        """
        if self.purpose == "probe":
            return True
        return self.key_survives and parse.spki_sha256(parse.request(self.csr)) == spki


def issue(ports: Ports, order: Order) -> CertificateRecord:
    """Have Vault sign one certificate and return its record.

    The intent is written first; whatever Vault returns is written on it, then checked, then
    recorded. An open intent of a dead run must have been settled before
    (`reconciliation.settle_slot`).

    Raises:
        PolicyViolation: there is no issuer yet, or the certificate would outlive it.
        ConfigurationError: the estate's organization is not the issuer's (``ESTATE-CHANGED``).
        VerificationError, LintViolation: Vault returned something else than was ordered: people
            are told, and it is revoked.
    """
    record, intent = certify(ports, order)
    close_intent(ports, intent, "done", record.serial)
    return record


def certify(ports: Ports, order: Order) -> tuple[CertificateRecord, IntentRecord]:
    """Do what `issue` does and leave the intent open, for a caller that closes it later.

    Until then the certificate counts as left by a dead run, which settling revokes.
    """
    issuer = _anchored_issuer(ports, order)
    _check_organization(ports, order, issuer)
    _check_horizon(ports, order, issuer)
    intent = _open_intent(ports, order, issuer)
    try:
        intent = keep_reply(ports, intent, _sign(ports, order, issuer, intent))
        return _judged(ports, intent, order), intent
    except TrustwrightError as error:
        note(ports, "trustwright.certificate.failed", order.environment, order.slot, str(error))
        raise


def _sign(ports: Ports, order: Order, issuer: IssuerRecord, intent: IntentRecord) -> str:
    try:
        return _door(ports, order).sign(_sign_order(ports, order, issuer))
    except (ConfigurationError, PolicyViolation, Unavailable, Denied, Rejected) as error:
        # Nothing was signed (the first two: nothing was sent), so no later run has to search Vault.
        close_intent(ports, intent, "abandoned", None, str(error)[:500])
        raise


def _door(ports: Ports, order: Order) -> Signer | AdminSigner:
    """Return the identity that signs an order.

    The issuer identity cannot sign through the role admin, so nothing that flows do for a service
    ends in an admin's certificate; a probe proves whatever role there is.
    """
    if order.role == "admin" and order.purpose != "consumer":
        return ports.admin_signer(order.environment)
    return ports.signer(order.environment)


def _judged(ports: Ports, intent: IntentRecord, order: Order) -> CertificateRecord:
    pem = intent.pem or ""
    try:
        return record_certificate(ports, intent, order, pem)
    except (PolicyViolation, VerificationError) as error:
        # Whoever may not revoke, or cannot now, leaves it to the watch: the reply is on the intent.
        with suppress(TrustwrightError):
            refuse_certificate(ports, intent, pem, str(error))
        raise


def _anchored_issuer(ports: Ports, order: Order) -> IssuerRecord:
    issuer = current_issuer(ports, order.environment)
    proven = issuer.state not in {"requested", "signed", "introduced"}
    if issuer.anchor is None or not (proven or order.purpose == "probe"):
        raise PolicyViolation(
            f"{issuer.id} is not {'introduced' if issuer.anchor is None else 'proven'} yet",
            rule="ISSUER-NOT-READY",
            where=order.slot,
            hint=f"run: trustwright bootstrap {order.environment}",
        )
    return issuer


def _check_organization(ports: Ports, order: Order, issuer: IssuerRecord) -> None:
    """Refuse what would name another organization than its issuer does."""
    subject = parse.certificate(issuer.certificate or "").subject
    found = [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if found != [ports.estate.organization]:
        raise ConfigurationError(
            f"the estate's organization is {ports.estate.organization!r}, {issuer.id} has {found}",
            rule="ESTATE-CHANGED",
            hint=f"put the old name back, or rotate the intermediate of {order.environment}",
            where=order.slot,
        )


def _check_horizon(ports: Ports, order: Order, issuer: IssuerRecord) -> None:
    role = settings_of(ports, order.environment).roles[order.role]
    expiry = parse.certificate(issuer.certificate or "").not_valid_after_utc
    if ports.clock.now() > horizon(expiry, role.ttl):
        raise PolicyViolation(
            f"a {order.role} certificate would outlive {issuer.id} ({expiry:%Y-%m-%d})",
            rule="ISSUANCE-HORIZON",
            hint=f"rotate the intermediate of {order.environment}",
            where=order.slot,
        )


def _open_intent(ports: Ports, order: Order, issuer: IssuerRecord) -> IntentRecord:
    return ports.records.intents.insert(
        IntentRecord(
            id=secrets.token_hex(16),
            kind="sign",
            environment=order.environment,
            issuer=issuer.id,
            role=order.role,
            purpose=order.purpose,
            subject=order.subject,
            owner=order.owner,
            slot=order.slot,
            spki=parse.spki_sha256(parse.request(order.csr)),
            names=order.names,
            actor=ports.actor,
            opened=ports.clock.now(),
        )
    )


def _sign_order(ports: Ports, order: Order, issuer: IssuerRecord) -> SignOrder:
    environment = settings_of(ports, order.environment)
    return SignOrder(
        issuer_id=issuer.issuer_id or "",
        role=order.role,
        csr=order.csr,
        names=order.names,
        uris=(workload_uri(environment, order.role, order.subject),),
        ttl=environment.roles[order.role].ttl,
    )


def record_certificate(
    ports: Ports, intent: IntentRecord, order: Order, pem: str
) -> CertificateRecord:
    """Check a certificate against its order and record it as *valid*.

    Raises:
        VerificationError, LintViolation: it is not what was ordered.
    """
    certificate = parse.certificate(pem)
    check_against_order(ports, order, intent, certificate)
    return ports.records.certificates.insert(inventory_row(ports, intent, certificate))


def check_against_order(
    ports: Ports, order: Order, intent: IntentRecord, certificate: x509.Certificate
) -> None:
    """Lint, compare with the order, and validate the path under the environment's own anchor.

    Raises:
        VerificationError, LintViolation: one of the three does not hold, the certificate is one
            that Vault returned before (rule ``ORDER-REPEATED``), or it lives too short (rule
            ``ISSUANCE-FLOOR``).
    """
    if is_anothers(ports, intent, certificate):
        raise VerificationError(
            "Vault returned a certificate that it had returned before",
            rule="ORDER-REPEATED",
            hint="look at what stands between this machine and Vault",
            where=intent.slot,
        )
    profile = wanted_profile(ports, order.environment, order.role, order.subject, order.names)
    refuse(lint_certificate(certificate, "end-entity"))
    refuse(matches_order(certificate, profile, intent.spki, now=intent.opened))
    _check_floor(ports, order, intent, certificate)
    issuer = ports.records.issuers.get(intent.issuer)
    intermediate = parse.certificate((issuer and issuer.certificate) or "")
    anchor = parse.certificate((issuer and issuer.anchor) or "")
    for usage in profile.extended_key_usage:
        verify_path(
            certificate,
            [intermediate],
            [anchor],
            at=ports.clock.now(),
            usage=usage,
            name=order.names[0] if usage == "server" else None,
        )


def _check_floor(
    ports: Ports, order: Order, intent: IntentRecord, certificate: x509.Certificate
) -> None:
    role = settings_of(ports, order.environment).roles[order.role]
    end = certificate.not_valid_after_utc
    if end - intent.opened < shortest_life(role):
        raise VerificationError(
            f"Vault returned a certificate that ends at {end}, so soon that it is due at once",
            rule="ISSUANCE-FLOOR",
            hint="compare the clocks; see whether Vault limits the role's ttl",
            where=order.slot,
        )


def wanted_profile(
    ports: Ports, environment: str, role: RoleName, subject: str, names: tuple[str, ...]
) -> Profile:
    """Return what a certificate must say by today's estate file."""
    facts = settings_of(ports, environment)
    return end_entity_profile(
        organization=ports.estate.organization,
        environment=environment,
        role_usage=facts.roles[role].usage,
        names=names,
        uris=(workload_uri(facts, role, subject),),
        policy=facts.policy,
        ttl=facts.roles[role].ttl,
    )
