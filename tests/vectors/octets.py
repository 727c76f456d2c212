"""Certificates, CRLs and requests that the library refuses to build, made octet by octet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from trustwright.x509 import der, keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

Parts = list[bytes]
Edit = Callable[[Parts], Parts]


def tlv(tag: int, *contents: bytes) -> bytes:
    """Encode tag, length and value."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def parts(data: bytes) -> Parts:
    """Split a constructed element into the elements inside it."""
    return [child.whole for child in der.element(data).children()]


def rebuild(
    signed: bytes, key: ec.EllipticCurvePrivateKey, edit: Edit, algorithm: bytes | None = None
) -> bytes:
    """Change the parts of the signed part and sign again.

    Args:
        signed: DER of a certificate, CRL or request.
        key: signs again.
        edit: gets the encoded fields, gives the new ones.
        algorithm: replaces the outer signatureAlgorithm.
    """
    tbs, outer, _signature = parts(signed)
    changed = tlv(der.SEQUENCE, *edit(parts(tbs)))
    signature = key.sign(changed, ec.ECDSA(_hash(key)))
    return tlv(der.SEQUENCE, changed, algorithm or outer, tlv(der.BIT_STRING, b"\x00", signature))


def put(index: int, value: bytes) -> Edit:
    """Replace the field at `index`."""

    def edit(fields: Parts) -> Parts:
        return [*fields[:index], value, *fields[index + 1 :]]

    return edit


def insert(index: int, value: bytes) -> Edit:
    """Insert a field before the one at `index`."""

    def edit(fields: Parts) -> Parts:
        return [*fields[:index], value, *fields[index:]]

    return edit


def drop(*indexes: int) -> Edit:
    """Leave fields out."""

    def edit(fields: Parts) -> Parts:
        return [field for index, field in enumerate(fields) if index not in indexes]

    return edit


def _hash(key: ec.EllipticCurvePrivateKey) -> hashes.HashAlgorithm:
    return keys.signature_hash(key.public_key())
