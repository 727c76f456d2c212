"""What goes into a consumer's bundles: anchors and CRLs of whom it trusts, never the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trustwright.errors import VerificationError
from trustwright.lifecycle.rootcrl import newest_root_crl
from trustwright.model.estate import Consumer
from trustwright.model.records import CertificateRecord, IssuerRecord
from trustwright.policy.bundle import check_bundle
from trustwright.ports import DeliverySet, Ports
from trustwright.x509 import parse
from trustwright.x509.crl import crl_number, is_revoked, verify_crl
from trustwright.x509.path import verify_anchor, verify_issued

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

ANCHORED = frozenset({"introduced", "issuing", "draining"})


def is_anchored(issuer: IssuerRecord) -> bool:
    """Return whether an anchor may stand in a bundle: it is made, and its issuer is proven."""
    return issuer.state in ANCHORED and bool(issuer.anchor) and bool(issuer.canary)


def trusted_issuers(ports: Ports, consumer: Consumer) -> list[IssuerRecord]:
    """Return the issuers whose anchors the consumer gets, in the order of its `trusts`."""
    return [each for name in consumer.trusts for each in _anchored(ports, name)]


def _anchored(ports: Ports, environment: str) -> Iterator[IssuerRecord]:
    for issuer in ports.records.issuers.find(environment=environment):
        if is_anchored(issuer):
            yield issuer


def trust_bundle(ports: Ports, consumer: Consumer) -> str:
    """Return trust.pem. Each anchor is checked against an intermediate that the root signed.

    Raises:
        VerificationError: an anchor is not the twin of a root-signed intermediate, or the root has
            revoked that intermediate (rule ``ANCHOR-REVOKED``).
    """
    return _checked_anchors(ports, trusted_issuers(ports, consumer))


def _checked_anchors(ports: Ports, issuers: list[IssuerRecord]) -> str:
    """Return the anchors of these very records, each one checked."""
    root, revoked = parse.certificate(ports.root_certificate), newest_root_crl(ports)
    for issuer in issuers:
        intermediate = parse.certificate(issuer.certificate or "")
        verify_issued(intermediate, root)
        _refuse_revoked(issuer, intermediate, revoked)
        verify_anchor(parse.certificate(issuer.anchor or ""), intermediate)
    return "".join(issuer.anchor or "" for issuer in issuers)


def _refuse_revoked(
    issuer: IssuerRecord,
    intermediate: x509.Certificate,
    root_crl: x509.CertificateRevocationList | None,
) -> None:
    if root_crl is not None and is_revoked(root_crl, intermediate.serial_number):
        raise VerificationError(
            f"the root has revoked the intermediate {issuer.id} (root CRL {crl_number(root_crl)}): "
            "its anchor is delivered to nobody",
            rule="ANCHOR-REVOKED",
            hint=f"take {issuer.environment} out of `trusts`, or rotate its intermediate",
            where=issuer.id,
        )


def _verified_crl(
    ports: Ports, issuer: IssuerRecord, *, rebuild: bool
) -> x509.CertificateRevocationList:
    """Return an issuer's CRL, verified; one that is half over is made anew first, if `rebuild`.

    Raises:
        VerificationError: it is stale or not its issuer's.
    """
    signer, issuer_id = ports.signer(issuer.environment), issuer.issuer_id or ""
    crl = parse.crl(signer.crl(issuer_id))
    if rebuild and half_over(crl) <= ports.clock.now():
        signer.rotate_crl()
        crl = parse.crl(signer.crl(issuer_id))
    verify_crl(crl, parse.certificate(issuer.certificate or ""), at=ports.clock.now())
    return crl


def half_over(crl: x509.CertificateRevocationList) -> datetime:
    """Return when half of a CRL's life is over; one without nextUpdate is over at once."""
    start = crl.last_update_utc
    return start + ((crl.next_update_utc or start) - start) / 2


def delivered_set(
    ports: Ports,
    consumer: Consumer,
    certificate: CertificateRecord,
    key: bytes | None,
    *,
    keep_key: bool = False,
    rebuild_crls: bool = True,
) -> DeliverySet:
    """Return the set for a consumer, every part checked against the others.

    Args:
        ports: everything.
        consumer: whose set.
        certificate: what it identifies itself with.
        key: its key, or None when host or target keep theirs.
        keep_key: the target is to keep the key that is in place.
        rebuild_crls: have a CRL that is half over made anew, which takes the issuer identity.

    Raises:
        VerificationError: the root is in a bundle, the chain is out of order, or the like.
    """
    issuer = ports.records.issuers.get(certificate.issuer)
    if issuer is None:
        raise VerificationError(f"no issuer {certificate.issuer}", rule="ISSUER-MISSING")
    # One look at the record: what is checked, written and said is about the same anchors.
    trusted = trusted_issuers(ports, consumer)
    anchors = [each.anchor or "" for each in trusted]
    crls = [_verified_crl(ports, each, rebuild=rebuild_crls) for each in trusted]
    delivery = DeliverySet(
        certificate=certificate.pem,
        chain=certificate.pem + (issuer.certificate or ""),
        trust=_checked_anchors(ports, trusted),
        crl="".join(parse.pem(crl) for crl in crls),
        key=key,
        keep_key=keep_key,
        crl_until=min(crl.next_update_utc or crl.last_update_utc for crl in crls),
        crl_due=min(half_over(crl) for crl in crls),
        facts=_facts(consumer, certificate, anchors),
    )
    check_bundle(delivery, root=ports.root_certificate, anchors=anchors, at=ports.clock.now())
    return delivery


def _facts(
    consumer: Consumer, certificate: CertificateRecord, anchors: list[str]
) -> dict[str, object]:
    return {
        "environment": consumer.environment,
        "consumer": consumer.name,
        "role": consumer.role,
        "owner": consumer.owner,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "names": list(certificate.names),
        "not_after": certificate.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "trusts": list(consumer.trusts),
        "anchors": [parse.fingerprint(parse.certificate(pem)) for pem in anchors],
    }
