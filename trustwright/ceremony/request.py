"""Requests: sealed online, opened offline."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from trustwright.errors import CeremonyViolation
from trustwright.model.base import first_problem
from trustwright.model.ceremony import Request, RevocationReason
from trustwright.model.profile import Profile

SIZE_LIMIT = 65_536
"""Octets of a request that are read."""

CRL_SUBJECT = "root-crl"
"""What stands in the place of an environment where a request has none."""


def seal_intermediate_request(
    *,
    environment: str,
    generation: int,
    csr: str,
    profile: Profile,
    root_fingerprint: str,
    previous: str | None,
    created: datetime,
    expires: datetime,
    reason: str,
    requested_by: str,
) -> Request:
    """Return a request to certify an intermediate's key.

    Args:
        environment: whose intermediate.
        generation: 1 for the first, one more for each new key.
        csr: PKCS#10 PEM over the key, subject as in `profile`.
        profile: from `trustwright.x509.profiles.intermediate_profile`.
        root_fingerprint: ``sha256:…`` of the root that is asked.
        previous: binding of the last response for this environment (see
            `trustwright.ceremony.response.binding`), None for the first.
        created: aware, whole seconds.
        expires: likewise, later.
        reason: a sentence for the person who signs.
        requested_by: who asks.

    Raises:
        CeremonyViolation: a value does not fit (rule ``CER-SHAPE``).
    """
    return _sealed(
        kind="sign-intermediate",
        environment=environment,
        generation=generation,
        csr=csr,
        profile=profile,
        root=root_fingerprint,
        previous=previous,
        created=created,
        expires=expires,
        reason=reason,
        requested_by=requested_by,
    )


def seal_revocation_request(
    *,
    environment: str,
    generation: int,
    serial: str,
    revocation_reason: RevocationReason,
    root_fingerprint: str,
    previous: str | None,
    created: datetime,
    expires: datetime,
    reason: str,
    requested_by: str,
) -> Request:
    """Return a request to revoke an intermediate by its serial (hex with colons).

    Raises:
        CeremonyViolation: a value does not fit (rule ``CER-SHAPE``).
    """
    return _sealed(
        kind="revoke-intermediate",
        environment=environment,
        generation=generation,
        serial=serial,
        revocation_reason=revocation_reason,
        root=root_fingerprint,
        previous=previous,
        created=created,
        expires=expires,
        reason=reason,
        requested_by=requested_by,
    )


def seal_crl_request(
    *,
    root_fingerprint: str,
    previous: str | None,
    created: datetime,
    expires: datetime,
    reason: str,
    requested_by: str,
) -> Request:
    """Return a request for a fresh root CRL; `previous` binds the last ``root-crl`` response.

    Raises:
        CeremonyViolation: a value does not fit (rule ``CER-SHAPE``).
    """
    return _sealed(
        kind="root-crl",
        root=root_fingerprint,
        previous=previous,
        created=created,
        expires=expires,
        reason=reason,
        requested_by=requested_by,
    )


def open_request(data: bytes) -> Request:
    """Return the request in `data`.

    Layout and white space do not matter: its digest is that of the canonical form.

    Raises:
        CeremonyViolation: rule ``CER-SIZE``, ``CER-JSON`` or ``CER-SHAPE``.
    """
    return Request.parse(data, limit=SIZE_LIMIT)


def request_file_name(request: Request) -> str:
    """Return ``<environment>-g<generation>-<12 hex digits>.request.json``."""
    return f"{short_name(request)}.request.json"


def short_name(request: Request) -> str:
    """Return ``<environment>-g<generation>-<12 hex digits>``: how people call a ceremony."""
    subject = CRL_SUBJECT
    if request.environment is not None:
        subject = f"{request.environment}-g{request.generation}"
    return f"{subject}-{request.digest()[:12]}"


def _sealed(**values: object) -> Request:
    try:
        return Request.model_validate(values)
    except ValidationError as error:
        raise CeremonyViolation(
            f"not a request: {first_problem(error)}", rule="CER-SHAPE"
        ) from None
