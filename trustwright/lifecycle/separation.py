"""The proof that environments are separated, over everything that was delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from trustwright.errors import VerificationError
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.trust import is_anchored
from trustwright.model.profile import Usage
from trustwright.model.records import CertificateRecord, IssuerRecord
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.path import path_holds


@dataclass(frozen=True)
class Judgement:
    """One certificate under one environment's anchors.

    Attributes:
        expected: it belongs to that environment.
        accepted: the path was accepted.
    """

    certificate: str
    environment: str
    anchors_of: str
    expected: bool
    accepted: bool


def prove_separation(ports: Ports, name: str) -> list[Judgement]:
    """Judge the environment's certificates under every environment's anchors.

    Returns:
        A judgement per certificate and environment that has an anchor.

    Raises:
        VerificationError: an own certificate is refused, or a foreign one accepted.
    """
    judgements = list(_judgements(ports, name))
    wrong = [each for each in judgements if each.expected != each.accepted]
    if wrong:
        verb = "accepted" if wrong[0].accepted else "refused"
        raise VerificationError(
            f"{wrong[0].certificate} is {verb} under the anchors of {wrong[0].anchors_of}",
            rule="SEPARATION",
            hint="deliver nothing more; inspect the intermediates",
            where=name,
        )
    note(ports, "trustwright.separation.proven", name, name, f"{len(judgements)} judgements")
    return judgements


def _judgements(ports: Ports, name: str) -> Iterator[Judgement]:
    anchored = [each for each in ports.records.issuers.find() if is_anchored(each)]
    environments = sorted({each.environment for each in anchored})
    now = ports.clock.now()
    rows = ports.records.certificates.find(environment=name, state="valid")
    for row in (each for each in rows if each.not_after > now):
        for other in environments:
            anchors = [each for each in anchored if each.environment == other]
            yield Judgement(
                certificate=f"{row.subject} ({row.role})",
                environment=name,
                anchors_of=other,
                expected=other == name,
                accepted=_accepted(ports, row, anchors),
            )


def _accepted(ports: Ports, row: CertificateRecord, anchors: list[IssuerRecord]) -> bool:
    issuer = ports.records.issuers.get(row.issuer)
    certificate = parse.certificate(row.pem)
    usage = _usage(certificate)
    return path_holds(
        certificate,
        [parse.certificate((issuer and issuer.certificate) or "")],
        [parse.certificate(each.anchor or "") for each in anchors],
        at=ports.clock.now(),
        usage=usage,
        name=row.names[0] if usage == "server" else None,
    )


def _usage(certificate: x509.Certificate) -> Usage:
    """Return what the certificate is for; the estate may have changed the role since."""
    extended = parse.extension(certificate, x509.ExtendedKeyUsage) or ()
    return "server" if ExtendedKeyUsageOID.SERVER_AUTH in extended else "client"
