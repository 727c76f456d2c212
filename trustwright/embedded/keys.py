"""P-256 keys of this machine: made once, kept 0600."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from trustwright.embedded.folder import secret
from trustwright.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key in `path` (PKCS#8 PEM), made the first time.

    Raises:
        ConfigurationError: the file holds something else, or others may read it.
    """
    data = secret(path, _new_key)
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ConfigurationError(
            "not an unencrypted P-256 private key in PEM",
            rule="STACK-KEY",
            hint="put the right file back",
            where=str(path),
        )
    return key


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half (SubjectPublicKeyInfo, PEM)."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
