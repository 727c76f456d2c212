"""Clauses for certification requests (RFC 2986): a key, a proof of possession, little more.

The profile says what a certificate will say; a request that asks for other things is a sign of a
mistake, or of somebody who hopes that nobody looks. (The parser by itself refuses a version other
than 0, RFC 2986 §4.1.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import AttributeOID

from trustwright.errors import LintViolation
from trustwright.x509 import der, keys
from trustwright.x509.lint.clause import Kind, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

Request = x509.CertificateSigningRequest
REQUEST: Table[Request] = Table()

_EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_ALLOWED = {
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    x509.ExtendedKeyUsage.oid,
    x509.SubjectAlternativeName.oid,
    x509.SubjectKeyIdentifier.oid,
}


@REQUEST.clause("RFC2986-4.2")
def possession(request: Request, _kind: Kind) -> Iterator[str]:
    """The signature proves possession of the private key."""
    try:
        valid = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        valid = False
    if not valid:
        yield "the signature does not verify under the request's own key"


@REQUEST.clause("HOUSE-REQUEST-KEY")
def key(request: Request, _kind: Kind) -> Iterator[str]:
    """The key is P-256 or P-384, as a named curve with an uncompressed point."""
    try:
        keys.key_kind(request.public_key())
    except LintViolation as error:
        yield error.what
        return
    if der.request_spki(request) != keys.spki_der(request.public_key()):
        yield "the key is spelled in an unusual way"


@REQUEST.clause("HOUSE-REQUEST-SIGNATURE")
def signature(request: Request, _kind: Kind) -> Iterator[str]:
    """The signature is ECDSA with SHA-256, SHA-384 or SHA-512."""
    algorithm = request.signature_hash_algorithm
    if algorithm is None or algorithm.name not in keys.SIGNATURE_HASHES | {"sha512"}:
        yield f"signed with {request.signature_algorithm_oid.dotted_string}"


@REQUEST.clause("HOUSE-REQUEST-ATTRIBUTES")
def attributes(request: Request, _kind: Kind) -> Iterator[str]:
    """No attribute but the extension request: a challenge password is a secret in a public file."""
    for attribute in request.attributes:
        if attribute.oid == AttributeOID.CHALLENGE_PASSWORD:
            yield "a challenge password"
        elif attribute.oid != _EXTENSION_REQUEST:
            yield f"attribute {attribute.oid.dotted_string} has no place here"


@REQUEST.clause("HOUSE-REQUEST-EXTENSIONS")
def extensions(request: Request, _kind: Kind) -> Iterator[str]:
    """Nothing is asked for that the profile would not give."""
    for extension in request.extensions:
        if extension.oid not in _ALLOWED:
            yield f"extension {extension.oid.dotted_string} has no place here"
