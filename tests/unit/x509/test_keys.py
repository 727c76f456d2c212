"""Keys are P-256 or P-384."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from trustwright.errors import LintViolation
from trustwright.model.profile import KeyKind
from trustwright.x509 import keys


@pytest.mark.parametrize(
    ("kind", "curve", "digest"),
    [("ec-p256", "secp256r1", "sha256"), ("ec-p384", "secp384r1", "sha384")],
)
def test_generate_key(kind: KeyKind, curve: str, digest: str) -> None:
    """A key is of the kind that was asked for, and signs with the hash of its size."""
    key = keys.generate_key(kind)
    assert key.curve.name == curve
    assert keys.key_kind(key.public_key()) == kind
    assert keys.signature_hash(key.public_key()).name == digest


def test_private_pem_is_pkcs8() -> None:
    """The delivered key is PKCS#8 and gives back the same key."""
    key = keys.generate_key("ec-p256")
    text = keys.private_pem(key)
    assert text.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    again = serialization.load_pem_private_key(text, password=None)
    assert isinstance(again, ec.EllipticCurvePrivateKey)
    assert again.private_numbers() == key.private_numbers()


def test_spki_sha256() -> None:
    """The digest is that of the SubjectPublicKeyInfo in DER."""
    public = keys.generate_key("ec-p384").public_key()
    assert keys.spki_sha256(public) == hashlib.sha256(keys.spki_der(public)).hexdigest()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p521", "secp256k1", "ed25519", "rsa"],
)
def test_other_keys_are_refused(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
) -> None:
    """Any other key breaks the house rule."""
    with pytest.raises(LintViolation) as caught:
        keys.key_kind(key.public_key())
    assert caught.value.rule == "HOUSE-KEY"
