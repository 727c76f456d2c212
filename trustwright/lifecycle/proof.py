"""From *introduced* to *proven*: a probe certificate is issued, validated, revoked, seen revoked.

The probe lives on as the environment's canary: a certificate that every relying party which reads
CRLs must refuse.
"""

from __future__ import annotations

from collections.abc import Iterator

from trustwright.errors import VerificationError
from trustwright.ids import serial_number
from trustwright.lifecycle.environments import advance, settings_of
from trustwright.lifecycle.introduction import current_issuer
from trustwright.lifecycle.issuance import Order, issue
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.reconciliation import settle_slot
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.model.profile import Subject, Usage
from trustwright.model.records import CertificateRecord, IssuerRecord
from trustwright.policy.naming import CANARY, canary_name, probe_role
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.crl import is_revoked, verify_crl
from trustwright.x509.keys import generate_key
from trustwright.x509.path import path_holds


def prove_intermediate(ports: Ports, name: str) -> IssuerRecord:
    """Prove the new issuer with a probe and its CRL, then make it the mount's default.

    Raises:
        VerificationError: a path holds that must not, or does not hold that must, or the CRL
            does not name the revoked probe.
    """
    issuer = current_issuer(ports, name)
    canary = issuer.canary or _revoked_probe(ports, name, issuer).serial
    prove_revocation(ports, issuer, canary)
    if issuer.canary is None:
        issuer = ports.records.issuers.replace(issuer, canary=canary, updated=ports.clock.now())
    if issuer.state != "issuing":
        ports.rotator(name).make_default(issuer.issuer_id or "")
        issuer = ports.records.issuers.replace(issuer, state="issuing", updated=ports.clock.now())
        note(ports, "trustwright.issuer.issuing", name, issuer.id)
    advance(ports, name, "proven")
    return issuer


def _revoked_probe(ports: Ports, name: str, issuer: IssuerRecord) -> CertificateRecord:
    probe = _probe(ports, name)
    _prove_paths(ports, name, issuer, probe)
    return revoke_certificate(ports, probe, "probe of a new issuer; lives on as the canary")


def _probe(ports: Ports, name: str) -> CertificateRecord:
    """Return the probe: the one that a dead run left, or a new one under a throwaway key."""
    environment = settings_of(ports, name)
    role = probe_role(environment)
    names = (canary_name(environment),)
    subject = Subject(organization=ports.estate.organization, unit=name, common_name=names[0])
    key = generate_key(environment.roles[role].key)
    order = Order(
        environment=name,
        role=role,
        purpose="probe",
        subject=CANARY,
        owner="trustwright",
        names=names,
        csr=build_request(key, subject, names),
    )
    return settle_slot(ports, order) or _recorded_probe(ports, name) or issue(ports, order)


def _recorded_probe(ports: Ports, name: str) -> CertificateRecord | None:
    """Return a probe that passed its checks; one that failed them is only recorded as revoked."""
    issuer = current_issuer(ports, name)
    rows = ports.records.certificates.find(environment=name, purpose="probe", issuer=issuer.id)
    return next((row for row in rows if _passed(ports, row)), None)


def _passed(ports: Ports, row: CertificateRecord) -> bool:
    intent = ports.records.intents.get(row.intent)
    return intent is not None and intent.state == "done" and row.not_after > ports.clock.now()


def _prove_paths(ports: Ports, name: str, own: IssuerRecord, probe: CertificateRecord) -> None:
    """`issue` proved the positive path; here is what must not hold."""
    environment = settings_of(ports, name)
    usages = environment.roles[probe_role(environment)].usage
    usage: Usage = "server" if "server" in usages else "client"
    for claim, anchor, wanted in _negative_cases(ports, own, probe, usage):
        if _holds(ports, own, probe, anchor, usage, wanted):
            raise VerificationError(
                f"{claim}: the probe of {name} was accepted",
                rule="SEPARATION",
                hint="stop and inspect the intermediates",
                where=own.id,
            )


def _negative_cases(
    ports: Ports, own: IssuerRecord, probe: CertificateRecord, usage: Usage
) -> Iterator[tuple[str, str, str]]:
    for other in ports.records.issuers.find():
        if other.environment != own.environment and other.anchor:
            yield f"under the anchor of {other.id}", other.anchor, probe.names[0]
    if usage == "server":  # nobody compares a client's name with anything
        yield "for a name it does not carry", own.anchor or "", f"not-{probe.names[0]}"


def _holds(
    ports: Ports,
    own: IssuerRecord,
    probe: CertificateRecord,
    anchor: str,
    usage: Usage,
    wanted: str,
) -> bool:
    return path_holds(
        parse.certificate(probe.pem),
        [parse.certificate(own.certificate or "")],
        [parse.certificate(anchor)],
        at=ports.clock.now(),
        usage=usage,
        name=wanted if usage == "server" else None,
    )


def prove_revocation(ports: Ports, issuer: IssuerRecord, canary: str) -> None:
    """Fetch the CRL as a relying party does, and find the canary in it.

    Raises:
        VerificationError: signature, freshness or the canary's serial is wrong.
    """
    crl = parse.crl(ports.signer(issuer.environment).crl(issuer.issuer_id or ""))
    verify_crl(crl, parse.certificate(issuer.certificate or ""), at=ports.clock.now())
    if not is_revoked(crl, serial_number(canary)):
        raise VerificationError(
            "the CRL does not name the revoked canary",
            rule="CRL-CANARY",
            hint="look at the mount's CRL settings",
            where=issuer.id,
        )
