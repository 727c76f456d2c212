"""Judging the certification request that a host left (``key: host``)."""

from __future__ import annotations

from cryptography import x509

from trustwright.errors import PolicyViolation
from trustwright.model.estate import Consumer, Role
from trustwright.policy.naming import request_place_of
from trustwright.x509.keys import key_kind


def check_host_request(
    request: x509.CertificateSigningRequest, consumer: Consumer, role: Role
) -> None:
    """Check proof of possession, key and names; names that are not asked for come from the estate.

    Raises:
        PolicyViolation: rule ``HOST-PROOF``, ``HOST-KEY`` or ``HOST-NAMES``.
    """
    where = request_place_of(consumer)
    if not request.is_signature_valid:
        raise PolicyViolation(
            "the request is not signed by its own key",
            rule="HOST-PROOF",
            hint="make it anew on the host",
            where=where,
        )
    kind = key_kind(request.public_key())
    if kind != role.key:
        raise PolicyViolation(
            f"the key is {kind}, the role wants {role.key}",
            rule="HOST-KEY",
            hint="make a key of the role's kind on the host",
            where=where,
        )
    strange = sorted(_asked(request) - set(consumer.names))
    if strange:
        raise PolicyViolation(
            f"the request asks for {', '.join(strange)}",
            rule="HOST-NAMES",
            hint=f"ask only for: {', '.join(consumer.names)}",
            where=where,
        )


def _asked(request: x509.CertificateSigningRequest) -> set[str]:
    try:
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(getattr(name, "value", name)) for name in san}
