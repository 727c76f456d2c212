"""Drafts: what the root is about to sign, made by a throwaway key and linted first.

A draft's to-be-signed octets are the octets that the root key will sign: issuer name, key
identifiers, serial and times are the real ones; only the signature is a throwaway key's. The root
key is used only by functions that take a draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from trustwright.ceremony.clock_rules import crl_time, never_back
from trustwright.ceremony.history import History
from trustwright.ceremony.rootpolicy import RootPolicy
from trustwright.errors import CeremonyViolation, VerificationError
from trustwright.ids import new_serial, serial_text, sha256_hex
from trustwright.model.ceremony import Request
from trustwright.x509 import keys, lint, parse
from trustwright.x509.build import sign_certificate
from trustwright.x509.crl import Revoked, build_crl

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509 import Certificate, CertificateRevocationList


@dataclass(frozen=True)
class CertificateDraft:
    """An intermediate, as the root will sign it."""

    request: Request
    serial: int
    signed_at: datetime
    certificate: Certificate

    @property
    def tbs(self) -> str:
        """Return the SHA-256 of the to-be-signed octets."""
        return sha256_hex(self.certificate.tbs_certificate_bytes)


@dataclass(frozen=True)
class CrlDraft:
    """A root CRL, as the root will sign it.

    Attributes:
        revokes: serials (hex) that this CRL is the first to list.
    """

    number: int
    this_update: datetime
    next_update: datetime
    revoked: tuple[Revoked, ...]
    revokes: tuple[str, ...]
    crl: CertificateRevocationList

    @property
    def tbs(self) -> str:
        """Return the SHA-256 of the to-be-signed octets."""
        return sha256_hex(self.crl.tbs_certlist_bytes)


def draft_certificate(request: Request, root: Certificate, now: datetime) -> CertificateDraft:
    """Return the linted draft of a requested intermediate.

    Raises:
        LintViolation: it would break a clause.
    """
    serial = new_serial()
    certificate = _certificate(request, root, serial, now, _throwaway(root))
    lint.refuse(lint.lint_certificate(certificate, "intermediate"))
    return CertificateDraft(request, serial, now, certificate)


def sign_drafted_certificate(
    draft: CertificateDraft, root: Certificate, key: ec.EllipticCurvePrivateKey
) -> Certificate:
    """Return the certificate, signed by `key`; the draft's octets and no others.

    Raises:
        VerificationError: other octets were signed (rule ``SIGN-OCTETS``).
        LintViolation: it breaks a clause.
    """
    made = _certificate(draft.request, root, draft.serial, draft.signed_at, key)
    if made.tbs_certificate_bytes != draft.certificate.tbs_certificate_bytes:
        raise _other_octets("certificate")
    lint.refuse(lint.lint_certificate(made, "intermediate"))
    return made


def draft_crl(
    history: History, policy: RootPolicy, root: Certificate, now: datetime, request: Request | None
) -> CrlDraft:
    """Return the linted draft of the next root CRL, with what `request` revokes, if it does.

    Raises:
        CeremonyViolation: it would be stale at once (rule ``CER-234``).
        LintViolation: it would break a clause.
    """
    added = revoked_by(history, request, now)
    this_update = crl_time(never_back(history.last_at, now))
    unsigned = _Unsigned(
        number=history.crl_number + 1,
        this_update=this_update,
        next_update=this_update + timedelta(seconds=policy.crl_validity),
        revoked=(*history.revoked, *added),
    )
    if unsigned.next_update <= now:
        raise CeremonyViolation(
            "the root CRL would be stale when it is made",
            rule="CER-234",
            hint="raise crl_validity in policy.toml, then: trustwright-root policy --accept",
        )
    crl = _crl(unsigned, root, _throwaway(root))
    lint.refuse(lint.lint_crl(crl))
    return CrlDraft(
        unsigned.number,
        unsigned.this_update,
        unsigned.next_update,
        unsigned.revoked,
        tuple(serial_text(entry.serial) for entry in added),
        crl,
    )


def sign_drafted_crl(
    draft: CrlDraft, root: Certificate, key: ec.EllipticCurvePrivateKey
) -> CertificateRevocationList:
    """Return the CRL, signed by `key`; the draft's octets and no others.

    Raises:
        VerificationError: other octets were signed (rule ``SIGN-OCTETS``).
        LintViolation: it breaks a clause.
    """
    unsigned = _Unsigned(draft.number, draft.this_update, draft.next_update, draft.revoked)
    made = _crl(unsigned, root, key)
    if made.tbs_certlist_bytes != draft.crl.tbs_certlist_bytes:
        raise _other_octets("CRL")
    lint.refuse(lint.lint_crl(made))
    return made


def revoked_by(history: History, request: Request | None, now: datetime) -> tuple[Revoked, ...]:
    """Return what a request revokes: the certificate it names, and others over the same key.

    A key that was certified twice (its first response was lost) is one key: revoking one of its
    certificates and not the other would leave it trusted.
    """
    if request is None or request.serial is None:
        return ()
    named = history.with_serial(request.serial)
    if named is None:
        raise CeremonyViolation(f"serial {request.serial} is unknown", rule="CER-111")
    reason = request.revocation_reason or "unspecified"
    serials = [answer.serial for answer in history.same_key(named.spki)]
    since = crl_time(never_back(history.last_at, now))
    return tuple(
        Revoked(serial, since, reason) for serial in serials if not history.is_revoked(serial)
    )


@dataclass(frozen=True)
class _Unsigned:
    number: int
    this_update: datetime
    next_update: datetime
    revoked: tuple[Revoked, ...]


def _throwaway(root: Certificate) -> ec.EllipticCurvePrivateKey:
    return keys.generate_key(keys.key_kind(root.public_key()))


def _certificate(
    request: Request,
    root: Certificate,
    serial: int,
    now: datetime,
    key: ec.EllipticCurvePrivateKey,
) -> Certificate:
    if request.profile is None:
        raise CeremonyViolation("the request has no profile", rule="CER-SHAPE")
    return sign_certificate(
        request.profile,
        public_key=parse.request(request.csr or "").public_key(),
        serial=serial,
        signed_at=now,
        issuer_key=key,
        issuer_name=root.subject,
        issuer_skid=parse.skid(root),
    )


def _crl(
    unsigned: _Unsigned, root: Certificate, key: ec.EllipticCurvePrivateKey
) -> CertificateRevocationList:
    return build_crl(
        issuer_key=key,
        issuer=root,
        number=unsigned.number,
        this_update=unsigned.this_update,
        next_update=unsigned.next_update,
        revoked=unsigned.revoked,
    )


def _other_octets(what: str) -> VerificationError:
    return VerificationError(
        f"the key signed another {what} than the one that was linted",
        rule="SIGN-OCTETS",
        hint="nothing of it was handed out; report this",
    )
