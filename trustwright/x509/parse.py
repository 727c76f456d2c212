"""PEM and DER in, `cryptography` objects out; foreign errors stop here.

Each function takes exactly what its name says: one object where one is expected, nothing before
and nothing behind it. What it returns can be read to the end: every lazily parsed part has been
touched, so no field raises later.
"""

from __future__ import annotations

import base64
import re
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from trustwright import ids
from trustwright.errors import VerificationError
from trustwright.x509 import der as der_octets
from trustwright.x509 import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)

SIZE_LIMIT = 64 * 1024
"""Octets of a certificate, a request or a bundle that are read."""

CRL_LIMIT = 64 * 1024 * 1024
"""Octets of a CRL that are read: about a million entries."""

_BLOCK = re.compile(
    r"\s*-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]*)-----END ([A-Z0-9 ]{1,40})-----"
)
_FOREIGN = (
    ValueError,
    TypeError,
    KeyError,
    UnicodeError,
    NotImplementedError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    Warning,  # where a person has turned warnings into errors
)


class Keyed(Protocol):
    """Anything with a public key: a certificate or a certification request."""

    def public_key(self) -> CertificatePublicKeyTypes:
        """Return the public key."""
        ...


def certificate(pem: str | bytes) -> x509.Certificate:
    """Return the one certificate in `pem`.

    Raises:
        VerificationError: not exactly one readable certificate (rule ``X509-PEM`` or
            ``X509-PARSE``).
    """
    found = certificates(pem)
    if len(found) != 1:
        raise _refused(f"{len(found)} certificates where one is expected", "X509-PEM")
    return found[0]


def certificates(pem: str | bytes) -> list[x509.Certificate]:
    """Return the certificates in `pem`, in their order; at least one.

    Raises:
        VerificationError: anything else stands in it, or one cannot be read.
    """
    return [certificate_der(der) for der in _blocks(pem, "CERTIFICATE", SIZE_LIMIT)]


# A run reads the same chain, anchors and leaves at each of its checks. What is returned cannot be
# changed, a refusal is never kept, and equal octets are the same certificate.
@lru_cache(maxsize=256)
def certificate_der(der: bytes) -> x509.Certificate:
    """Return the certificate in `der`.

    Raises:
        VerificationError: it cannot be read to the end (rule ``X509-PARSE``).
    """
    # Before the library reads it: over such a serial it only warns, on the terminal.
    _refuse_serial(der_octets.serial_of(der))
    with translated("certificate"):
        found = x509.load_der_x509_certificate(der)
    readable(found)
    return found


def request(pem: str | bytes) -> x509.CertificateSigningRequest:
    """Return the one PKCS#10 certification request in `pem`; its signature is not judged here.

    Raises:
        VerificationError: not exactly one readable request.
    """
    blocks = _blocks(pem, "CERTIFICATE REQUEST", SIZE_LIMIT)
    if len(blocks) != 1:
        raise _refused(f"{len(blocks)} requests where one is expected", "X509-PEM")
    with translated("certification request"):
        found = x509.load_der_x509_csr(blocks[0])
        _ = found.subject, found.public_key(), found.extensions, found.attributes
        _ = found.signature_hash_algorithm
    der_octets.outer_algorithm(blocks[0])
    return found


def crl(data: bytes | str) -> x509.CertificateRevocationList:
    """Return the one CRL in `data`, PEM or DER.

    Raises:
        VerificationError: not exactly one readable CRL.
    """
    if isinstance(data, bytes) and data[:1] == b"\x30":
        blocks = [data[: CRL_LIMIT + 1]]
    else:
        blocks = _blocks(data, "X509 CRL", CRL_LIMIT)
    if len(blocks) != 1 or len(blocks[0]) > CRL_LIMIT:
        raise _refused("not one CRL of bearable size", "X509-PEM")
    with translated("CRL"):
        found = x509.load_der_x509_crl(blocks[0])
        _ = found.issuer, found.extensions, found.last_update_utc, found.next_update_utc
        _ = found.signature_hash_algorithm
    der_octets.outer_algorithm(blocks[0])
    return found


def pem(
    item: x509.Certificate | x509.CertificateSigningRequest | x509.CertificateRevocationList,
) -> str:
    """Return the PEM text of a certificate, request or CRL, with a newline at its end."""
    return item.public_bytes(Encoding.PEM).decode("ascii")


def der(
    item: x509.Certificate | x509.CertificateSigningRequest | x509.CertificateRevocationList,
) -> bytes:
    """Return the DER octets of a certificate, request or CRL."""
    return item.public_bytes(Encoding.DER)


def fingerprint(item: x509.Certificate) -> str:
    """Return ``sha256:`` and the SHA-256 of the certificate's DER."""
    return ids.fingerprint(der(item))


def spki_sha256(item: Keyed) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo of a certificate or request, as hex."""
    return keys.spki_sha256(item.public_key())


def skid(item: x509.Certificate) -> bytes:
    """Return the subject key identifier.

    Raises:
        VerificationError: the certificate has none (rule ``RFC5280-4.2.1.2``).
    """
    found = extension(item, x509.SubjectKeyIdentifier)
    if found is None:
        raise _refused("the certificate has no subject key identifier", "RFC5280-4.2.1.2")
    return found.digest


def extension(
    item: x509.Certificate | x509.CertificateRevocationList, kind: type[ExtensionT]
) -> ExtensionT | None:
    """Return the value of the extension of this kind, or None."""
    try:
        return item.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def readable(item: x509.Certificate) -> None:
    """Touch every lazily parsed part of a certificate.

    Raises:
        VerificationError: a part cannot be read (rule ``X509-PARSE`` or ``X509-DER``).
    """
    with translated("certificate"):
        _ = item.version, item.subject, item.issuer, item.extensions, item.public_key()
        _ = item.not_valid_before_utc, item.not_valid_after_utc
        _ = item.signature_hash_algorithm, item.signature_algorithm_parameters
    der_octets.outer_algorithm(der(item))
    _refuse_serial(der_octets.certificate_fields(item).serial)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what `cryptography` raises over malformed octets into our error.

    Raises:
        VerificationError: something inside could not be read (rule ``X509-PARSE``).
    """
    try:
        yield
    except _FOREIGN as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise _refused(f"unreadable {what}: {reason}", "X509-PARSE") from None


def _refuse_serial(octets: bytes) -> None:
    if octets and int.from_bytes(octets, "big", signed=True) <= 0:
        raise _refused("unreadable certificate: its serial is not positive", "X509-PARSE")


def _blocks(data: str | bytes, label: str, limit: int) -> list[bytes]:
    text = _text(data, limit)
    blocks, position = [], 0
    while found := _BLOCK.match(text, position):
        if {found[1], found[3]} != {label}:
            raise _refused(f"a PEM block {found[1]!r} where {label!r} is expected", "X509-PEM")
        blocks.append(_octets(found[2]))
        position = found.end()
    if not blocks or text[position:].strip():
        raise _refused(f"not PEM of {label!r}, or something stands around it", "X509-PEM")
    return blocks


def _text(data: str | bytes, limit: int) -> str:
    if len(data) > 2 * limit:
        raise _refused(f"{len(data)} octets; at most {2 * limit} are read", "X509-PEM")
    try:
        return data.decode("ascii") if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise _refused("not PEM: not ASCII text", "X509-PEM") from None


def _octets(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except ValueError:
        raise _refused("not PEM: not base64", "X509-PEM") from None


def _refused(what: str, rule: str) -> VerificationError:
    return VerificationError(what, rule=rule, hint="send the file unchanged, and only that object")
