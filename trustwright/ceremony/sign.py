"""The ceremony: draft and lint, rehearse, announce, sign, verify twice, compare, lint again, keep.

Each step must pass before the next. The line in the transcript is synced before the key is used;
the response leaves the folder only after its ``signed`` line is synced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from trustwright.ceremony import durable
from trustwright.ceremony.checks import check_request, check_response
from trustwright.ceremony.draft import (
    CertificateDraft,
    CrlDraft,
    draft_certificate,
    draft_crl,
)
from trustwright.ceremony.entries import CrlSigned, Intent, Signed
from trustwright.ceremony.history import Answer, History
from trustwright.ceremony.ledger import CRLS, RESPONSES, file_form, request_path
from trustwright.ceremony.recovery import crl_file, recover
from trustwright.ceremony.response import open_response, response_name
from trustwright.ceremony.signatures import Signer, rehearse
from trustwright.errors import CeremonyViolation, TrustwrightError
from trustwright.ids import serial_text, sha256_hex
from trustwright.model.base import first_problem
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import parse

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import CertificateRevocationList

    from trustwright.ceremony.openssl import OpenSsl
    from trustwright.ceremony.rootfolder import RootFolder
    from trustwright.ceremony.rootkey import RootKey


_ROOM = "\n" * 16
"""The true signature may be some octets longer in DER than that of a draft."""


@dataclass(frozen=True)
class Signing:
    """The means of one ceremony.

    Attributes:
        folder: held exclusively.
        now: the time of signing, aware; read after the last question was answered.
        witnesses: names of those present, a claim.
    """

    folder: RootFolder
    key: RootKey
    openssl: OpenSsl
    now: datetime
    witnesses: Sequence[str] = ()

    @property
    def signer(self) -> Signer:
        """Return the root key as a signer, under the certificate of the folder."""
        return Signer(self.folder.certificate, self.key.private, self.openssl, self.now)

    def rehearse(self, crl: CrlDraft, certificate: CertificateDraft | None = None) -> None:
        """Rehearse with a stand-in for the root key."""
        rehearse(self.openssl, self.folder.certificate, self.now, crl, certificate)


@dataclass(frozen=True)
class _Plan:
    """What one ceremony will do, decided before it is announced."""

    request: Request
    history: History
    certificate: CertificateDraft | None
    crl: CrlDraft


def sign_request(signing: Signing, request: Request) -> Answer:
    """Answer a request, whatever its kind; return what was kept.

    Raises:
        CeremonyViolation: a rule of the request or of the response does not hold.
        LintViolation, VerificationError: what was drafted or signed does not hold. What had been
            announced is abandoned in the transcript.
    """
    plan = _plan(signing, request)
    folder = signing.folder
    durable.write_new(request_path(folder.path, request.digest()), file_form(request))
    line = folder.record(_intent(signing, plan.crl, plan), signing.now, signing.key)
    try:
        return _complete(signing, plan, line)
    except TrustwrightError as error:
        _close(signing, error)
        raise


def sign_crl(signing: Signing) -> Path:
    """Sign a fresh root CRL that nobody requested; return where it is kept.

    Raises:
        CeremonyViolation: the policy is not accepted, or the time cannot be.
        LintViolation, VerificationError: it does not hold; it is abandoned in the transcript.
    """
    folder, now = signing.folder, signing.now
    folder.require_accepted_policy()
    folder.require_time(now)
    draft = draft_crl(folder.history, folder.policy, folder.certificate, now, None)
    durable.refuse_other(folder.path / CRLS / crl_file(draft.number))
    signing.rehearse(draft)
    folder.record(_intent(signing, draft), now, signing.key)
    try:
        return _complete_crl(signing, draft)
    except TrustwrightError as error:
        _close(signing, error)
        raise


def _close(signing: Signing, refusal: TrustwrightError) -> None:
    """Close what failed, now if that can be: what stays open, the next start closes."""
    with contextlib.suppress(TrustwrightError, OSError):
        recover(signing.folder, signing.now, refusal)


def _plan(signing: Signing, request: Request) -> _Plan:
    folder, now = signing.folder, signing.now
    folder.require_accepted_policy()
    history, root = folder.history, folder.certificate
    check_request(request, root=root, policy=folder.policy, history=history, now=now)
    folder.require_time(now)
    asked = request.kind == "sign-intermediate"
    certificate = draft_certificate(request, root, now) if asked else None
    crl = draft_crl(history, folder.policy, root, now, request)
    plan = _Plan(request, history, certificate, crl)
    _refuse_unsayable(signing, plan)
    signing.rehearse(crl, certificate)
    return plan


def _refuse_unsayable(signing: Signing, plan: _Plan) -> None:
    """Make the response of the drafts: what cannot be said fails before the key is used."""
    made = parse.pem(plan.certificate.certificate) + _ROOM if plan.certificate else None
    crl = parse.pem(plan.crl.crl) + _ROOM
    response = _response(signing, plan, made, crl, "0" * 64)
    open_response(file_form(response))
    name = response_name(plan.request, response.number)
    durable.refuse_other(signing.folder.path / RESPONSES / name)


def _intent(signing: Signing, crl: CrlDraft, plan: _Plan | None = None) -> Intent:
    request = plan.request if plan else None
    certificate = plan.certificate if plan else None
    return Intent(
        act=request.kind if request else "crl",
        request=request.digest() if request else None,
        environment=request.environment if request else None,
        generation=request.generation if request else None,
        serial=serial_text(certificate.serial) if certificate else None,
        certificate_tbs=certificate.tbs if certificate else None,
        revokes=crl.revokes,
        crl_number=crl.number,
        crl_tbs=crl.tbs,
        policy=signing.folder.policy.digest(),
        witnesses=tuple(signing.witnesses),
    )


def _complete(signing: Signing, plan: _Plan, line: str) -> Answer:
    folder, request = signing.folder, plan.request
    intent = len(folder.transcript.entries)
    crl = signing.signer.crl(plan.crl)
    certificate = signing.signer.certificate(plan.certificate, crl) if plan.certificate else None
    _prove_revoked(signing, plan, crl)
    made = parse.pem(certificate) if certificate else None
    response = _response(signing, plan, made, parse.pem(crl), line)
    _check(signing, plan, response)
    name = response_name(request, response.number)
    durable.write_new(folder.path / RESPONSES / name, file_form(response))
    done = Signed(
        intent=intent,
        request=request.digest(),
        response=response.digest(),
        number=response.number,
        file=name,
    )
    folder.record(done, signing.now)
    return Answer(request, response, name)


def _complete_crl(signing: Signing, draft: CrlDraft) -> Path:
    folder = signing.folder
    intent = len(folder.transcript.entries)
    data = parse.pem(signing.signer.crl(draft)).encode()
    path = folder.path / CRLS / crl_file(draft.number)
    durable.write_new(path, data)
    done = CrlSigned(intent=intent, crl_number=draft.number, crl=sha256_hex(data), file=path.name)
    folder.record(done, signing.now)
    return path


def _prove_revoked(signing: Signing, plan: _Plan, crl: CertificateRevocationList) -> None:
    root = signing.folder.certificate
    for serial in plan.crl.revokes:
        answer = plan.history.with_serial(serial)
        if answer is None or answer.response.certificate is None:
            continue
        old = parse.certificate(answer.response.certificate)
        if signing.now < old.not_valid_after_utc:
            signing.openssl.verify_revoked(old, root, crl, at=signing.now)


def _response(
    signing: Signing,
    plan: _Plan,
    certificate: str | None,
    crl: str,
    line: str,
) -> Response:
    answers = plan.history.answers
    try:
        return Response(
            kind=plan.request.kind,
            environment=plan.request.environment,
            request=plan.request.digest(),
            root=parse.fingerprint(signing.folder.certificate),
            number=len(answers) + 1,
            previous=answers[-1].response.digest() if answers else None,
            certificate=certificate,
            root_crl=crl,
            signed_at=signing.now,
            transcript=line,
        )
    except ValidationError as error:
        raise CeremonyViolation(
            f"no response can say this: {first_problem(error)}", rule="CER-SHAPE"
        ) from None


def _check(signing: Signing, plan: _Plan, response: Response) -> None:
    check_response(
        response,
        plan.request,
        root=signing.folder.certificate,
        now=signing.now,
        known_serials=plan.history.serials,
        domains=signing.folder.policy.domains,
        last_crl_number=plan.history.crl_number,
        listed=plan.history.listed,
    )
