"""Judging the certification request that a host left (``key: host``).

What a certificate says comes from the estate: of the request, only the key is used. It is refused
all the same when it asks for something else: a mistake, or somebody who hopes that nobody looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustwright.errors import LintViolation, PolicyViolation
from trustwright.model.estate import Consumer, Role
from trustwright.policy.naming import request_place_of
from trustwright.x509.keys import key_kind
from trustwright.x509.lint import lint_request

_PROOF = "RFC2986-4.2"
_USAGES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}
_DNS_NAME = re.compile(r"^[A-Za-z0-9*_-]+(\.[A-Za-z0-9*_-]+)+\.?$")


def check_host_request(
    request: x509.CertificateSigningRequest, consumer: Consumer, role: Role
) -> None:
    """Check proof of possession, key and names; names that are not asked for come from the estate.

    Raises:
        PolicyViolation: rule ``HOST-PROOF``, ``HOST-KEY``, ``HOST-EXTRAS`` or ``HOST-NAMES``.
    """
    faults = {each.clause: each.message for each in lint_request(request)}
    if _PROOF in faults:
        raise _refused(consumer, "HOST-PROOF", faults[_PROOF], "make it anew on the host")
    _check_key(request, consumer, role)
    extras = [*faults.values(), *_extras(request, role)]
    if extras:
        raise _refused(
            consumer, "HOST-EXTRAS", f"it has {'; '.join(extras)}", "ask for a key and names alone"
        )
    strange = sorted(_asked(request) - set(consumer.names))
    if strange:
        hint = f"ask only for: {', '.join(consumer.names)}"
        raise _refused(consumer, "HOST-NAMES", f"it asks for {', '.join(strange)}", hint)


def _check_key(request: x509.CertificateSigningRequest, consumer: Consumer, role: Role) -> None:
    try:
        kind = str(key_kind(request.public_key()))
    except LintViolation as error:
        raise _refused(
            consumer, "HOST-KEY", error.what, f"make an {role.key} key on the host"
        ) from None
    if kind != role.key:
        what = f"the key is {kind}, the role wants {role.key}"
        raise _refused(consumer, "HOST-KEY", what, f"make an {role.key} key on the host")


def _extras(request: x509.CertificateSigningRequest, role: Role) -> Iterator[str]:
    """Yield what no certificate of the role says."""
    for extension in request.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            yield "the wish to be a certificate authority"
        if isinstance(value, x509.KeyUsage) and (value.key_cert_sign or value.crl_sign):
            yield "the wish to sign certificates or CRLs"
        if isinstance(value, x509.ExtendedKeyUsage):
            known = {_USAGES[usage] for usage in role.usage}
            yield from (f"the usage {each.dotted_string}" for each in value if each not in known)


def _asked(request: x509.CertificateSigningRequest) -> set[str]:
    """Return the names that it asks for: a DNS name as it is, any other with its kind."""
    return {*_in_subject(request.subject), *_in_extension(request)}


def _in_subject(subject: x509.Name) -> Iterator[str]:
    """Yield addresses, and common names that could be names of hosts.

    What else a host calls itself is nobody's business, and is not certified.
    """
    for each in subject:
        text = str(each.value)
        if each.oid == NameOID.EMAIL_ADDRESS:
            yield f"e-mail {text}"
        elif each.oid == NameOID.COMMON_NAME and (_DNS_NAME.match(text) or "@" in text):
            yield text


def _in_extension(request: x509.CertificateSigningRequest) -> Iterator[str]:
    try:
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in san:
        if isinstance(name, x509.DNSName):
            yield name.value
        else:
            yield f"{type(name).__name__} {getattr(name, 'value', name)}"


def _refused(consumer: Consumer, rule: str, what: str, hint: str) -> PolicyViolation:
    return PolicyViolation(
        f"the host's request is refused: {what}"[:500],
        rule=rule,
        hint=hint,
        where=request_place_of(consumer),
    )
