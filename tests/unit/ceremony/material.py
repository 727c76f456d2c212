"""A root in memory, requests to it and answers by it: what the ceremony tests are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Certificate

from trustwright.ceremony.clock_rules import CRL_BACKDATE
from trustwright.ceremony.history import Answer, History
from trustwright.ceremony.request import (
    seal_crl_request,
    seal_intermediate_request,
    seal_revocation_request,
)
from trustwright.ceremony.rootpolicy import RootPolicy, new_policy
from trustwright.ids import new_serial, serial_text
from trustwright.model.ceremony import Request, Response, RevocationReason
from trustwright.model.profile import KeyKind, Profile, Subject
from trustwright.x509 import encoding, parse, profiles
from trustwright.x509.build import build_request, sign_certificate
from trustwright.x509.crl import Revoked, build_crl
from trustwright.x509.keys import generate_key

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DOMAINS = {"test": "test.example.internal", "prod": "prod.example.internal"}
OIDS = {"test": "1.3.6.1.4.1.99999.1", "prod": "1.3.6.1.4.1.99999.2"}


@dataclass(frozen=True)
class RootMaterial:
    """A root that signs what it is told.

    Attributes:
        crl_number: of the last CRL that it signed; the next one is higher.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: Certificate
    crl_number: int = 0


@cache
def key(name: str, kind: KeyKind = "ec-p384") -> ec.EllipticCurvePrivateKey:
    """Return a key that is made once for each name."""
    assert name
    return generate_key(kind)


@cache
def root(name: str = "root", organization: str = "Example", validity: int = 7300) -> RootMaterial:
    """Return a root that is made once for each name; `validity` in days."""
    profile = profiles.root_profile(organization, f"{organization} Root CA", validity * 86_400)
    certificate = sign_certificate(
        profile,
        public_key=key(name).public_key(),
        serial=new_serial(),
        signed_at=NOW - DAY,
        issuer_key=key(name),
        issuer_name=encoding.subject_name(profile.subject),
        issuer_skid=None,
    )
    return RootMaterial(key(name), certificate)


def policy(**changes: Any) -> RootPolicy:
    """Return the policy of the tests, with members changed."""
    made = new_policy("Example", DOMAINS, OIDS)
    return made.model_copy(update=changes)


def profile(environment: str = "test", generation: int = 1, **changes: Any) -> Profile:
    """Return an environment's profile, with members changed."""
    made = profiles.intermediate_profile(
        organization="Example",
        environment=environment,
        domain=DOMAINS.get(environment, f"{environment}.example.internal"),
        policy=OIDS.get(environment, "1.3.6.1.4.1.99999.9"),
        generation=generation,
        validity=730 * 86_400,
    )
    return changed_profile(made, changes)


def changed_profile(made: Profile, changes: Mapping[str, Any]) -> Profile:
    """Return a profile with members changed, validated again."""
    return Profile(
        **{name: getattr(made, name) for name in type(made).model_fields} | dict(changes)
    )


def subject(made: Subject, **changes: Any) -> Subject:
    """Return a subject with members changed, validated again."""
    return Subject(**made.model_dump() | changes)


def request(
    environment: str = "test",
    generation: int = 1,
    *,
    asked: Profile | None = None,
    csr: str | None = None,
    key_name: str = "",
    **changes: Any,
) -> Request:
    """Return a request for an intermediate, with members changed."""
    wanted = asked or profile(environment, generation)
    signer = key(key_name or f"{environment}-{generation}")
    members: dict[str, Any] = {
        "environment": environment,
        "generation": generation,
        "csr": csr or build_request(signer, wanted.subject),
        "profile": wanted,
        "root_fingerprint": parse.fingerprint(root().certificate),
        "previous": None,
        "created": NOW - timedelta(hours=1),
        "expires": NOW + 7 * DAY,
        "reason": "first intermediate",
        "requested_by": "bootstrap",
    }
    return seal_intermediate_request(**members | changes)


def revocation(
    serial: int,
    environment: str = "test",
    generation: int = 1,
    *,
    reason: RevocationReason = "key_compromise",
    **changes: Any,
) -> Request:
    """Return a request to revoke, with members changed."""
    members: dict[str, Any] = {
        "environment": environment,
        "generation": generation,
        "serial": serial_text(serial),
        "revocation_reason": reason,
        "root_fingerprint": parse.fingerprint(root().certificate),
        "previous": None,
        "created": NOW - timedelta(hours=1),
        "expires": NOW + 7 * DAY,
        "reason": "the key leaked",
        "requested_by": "operator",
    }
    return seal_revocation_request(**members | changes)


def crl_request(**changes: Any) -> Request:
    """Return a request for a root CRL, with members changed."""
    members: dict[str, Any] = {
        "root_fingerprint": parse.fingerprint(root().certificate),
        "previous": None,
        "created": NOW - timedelta(hours=1),
        "expires": NOW + 7 * DAY,
        "reason": "the last one ends soon",
        "requested_by": "sweep",
    }
    return seal_crl_request(**members | changes)


def crl_pem(
    material: RootMaterial, signed_at: datetime, *revoked: Revoked, number: int | None = None
) -> str:
    """Return a root CRL as the signer makes it."""
    this_update = signed_at - timedelta(seconds=CRL_BACKDATE)
    made = build_crl(
        issuer_key=material.key,
        issuer=material.certificate,
        number=material.crl_number + 1 if number is None else number,
        this_update=this_update,
        next_update=this_update + 180 * DAY,
        revoked=revoked,
    )
    return parse.pem(made)


def response(
    asked: Request,
    *,
    material: RootMaterial | None = None,
    signed_at: datetime = NOW,
    serial: int | None = None,
    revoked: tuple[Revoked, ...] = (),
    **changes: Any,
) -> Response:
    """Return the good response to a request, with members changed."""
    signer = material or root()
    certificate = None
    if asked.profile is not None:
        made = sign_certificate(
            asked.profile,
            public_key=parse.request(asked.csr or "").public_key(),
            serial=serial or new_serial(),
            signed_at=signed_at,
            issuer_key=signer.key,
            issuer_name=signer.certificate.subject,
            issuer_skid=parse.skid(signer.certificate),
        )
        certificate = parse.pem(made)
    members: dict[str, Any] = {
        "kind": asked.kind,
        "environment": asked.environment,
        "request": asked.digest(),
        "root": parse.fingerprint(signer.certificate),
        "number": 1,
        "previous": None,
        "certificate": certificate,
        "root_crl": crl_pem(signer, signed_at, *revoked),
        "signed_at": signed_at,
        "transcript": "0" * 64,
    }
    return Response(**members | changes)


def answer(asked: Request, **changes: Any) -> Answer:
    """Return a request with its good response."""
    return Answer(asked, response(asked, **changes), f"0001-{asked.digest()[:12]}.response.json")


def history(*answers: Answer, **changes: Any) -> History:
    """Return a history of answers, with members changed."""
    made = History(answers=answers, last_at=NOW - timedelta(minutes=30))
    return replace(made, **changes)
