"""Keys: ECDSA on P-256 and P-384, nothing else (RFC 5480)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from trustwright.errors import LintViolation
from trustwright.ids import sha256_hex

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from trustwright.model.profile import KeyKind

_CURVES: dict[KeyKind, type[ec.EllipticCurve]] = {
    "ec-p256": ec.SECP256R1,
    "ec-p384": ec.SECP384R1,
}

SIGNATURE_HASHES = frozenset({"sha256", "sha384"})
"""Hashes that a signature may use; names as in `cryptography`."""


def generate_key(kind: KeyKind) -> ec.EllipticCurvePrivateKey:
    """Return a new private key, made by the operating system's random source."""
    return ec.generate_private_key(_CURVES[kind]())


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as unencrypted PKCS#8 PEM, for delivery only: it never goes elsewhere."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_kind(public_key: PublicKeyTypes) -> KeyKind:
    """Return which of our kinds this key is.

    Raises:
        LintViolation: it is neither (rule ``HOUSE-KEY``).
    """
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        for kind, curve in _CURVES.items():
            if isinstance(public_key.curve, curve):
                return kind
    raise LintViolation(
        f"the key is neither P-256 nor P-384 but {_describe(public_key)}",
        rule="HOUSE-KEY",
        hint="make an ec-p256 or ec-p384 key",
    )


def spki_der(public_key: PublicKeyTypes) -> bytes:
    """Return the SubjectPublicKeyInfo in DER: named curve, uncompressed point (RFC 5480 §2)."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(public_key: PublicKeyTypes) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo as 64 hex digits."""
    return sha256_hex(spki_der(public_key))


def signature_hash(public_key: PublicKeyTypes) -> hashes.SHA256 | hashes.SHA384:
    """Return the hash that this key signs with: SHA-384 for P-384, SHA-256 for P-256 (RFC 5758).

    Raises:
        LintViolation: the key is neither (rule ``HOUSE-KEY``).
    """
    return hashes.SHA384() if key_kind(public_key) == "ec-p384" else hashes.SHA256()


def _describe(public_key: PublicKeyTypes) -> str:
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return public_key.curve.name
    return type(public_key).__name__
