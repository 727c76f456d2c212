"""The root key: a protocol, and the encrypted file that fulfils it.

The file is PKCS#8 (RFC 5958) under PBES2 with scrypt (RFC 7914 §7) and AES-256-CBC. The structure
is written here because `cryptography` writes PBKDF2 with 2,048 rounds only; it is read by
`cryptography`, and by ``openssl pkey -in root.key``: whoever has passphrase and file needs nothing
of ours. N = 2**14, r = 8 (16 MiB) is the most memory that both readers allow; p = 16 makes one
guess cost sixteen passes, about half a second of a processor.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from trustwright.ceremony.mac import mac_under
from trustwright.ceremony.passphrase import octets
from trustwright.errors import ConfigurationError, VerificationError
from trustwright.x509.keys import spki_sha256

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate

_LABEL = "ENCRYPTED PRIVATE KEY"
_LINE = 64
# Object identifiers in DER: PBES2 and scrypt (RFC 8018, RFC 7914), aes256-CBC-PAD.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


class RootKey(Protocol):
    """The root's certificate and something that signs as its key."""

    @property
    def certificate(self) -> Certificate:
        """Return the root certificate."""
        ...

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        """Return the key, or a stand-in that signs with a key kept elsewhere (PKCS#11)."""
        ...

    def mac(self, data: bytes) -> str:
        """Return the code that only a holder of the key can make (a token keeps an HMAC key)."""
        ...


@dataclass(frozen=True)
class ScryptCost:
    """Work factors of RFC 7914; memory is 128 * n * r octets."""

    n: int = 2**14
    r: int = 8
    p: int = 16


STRONG = ScryptCost()


class EncryptedFileKey:
    """A root key from an encrypted PKCS#8 file, in memory while this object lives."""

    def __init__(self, certificate: Certificate, path: Path, passphrase: str) -> None:
        """Open the file.

        Raises:
            VerificationError: wrong passphrase (rule ``ROOT-PASSPHRASE``), or the key is not the
                certificate's (rule ``ROOT-KEY``).
            ConfigurationError: the file is no encrypted EC key (rule ``ROOT-KEY-FILE``).
        """
        self.certificate = certificate
        self.private = _opened(path, octets(passphrase))
        if spki_sha256(self.private.public_key()) != spki_sha256(certificate.public_key()):
            raise VerificationError(
                "this key does not belong to the root certificate",
                rule="ROOT-KEY",
                hint="put root.key and root.pem back from one copy",
                where=str(path),
            )
        self._mac = mac_under(self.private)

    def mac(self, data: bytes) -> str:
        """Return the authentication code of `data`."""
        return self._mac(data)


def encrypted_pem(
    key: ec.EllipticCurvePrivateKey, passphrase: str, cost: ScryptCost = STRONG
) -> bytes:
    """Return the key as encrypted PKCS#8 in PEM."""
    salt, vector = secrets.token_bytes(16), secrets.token_bytes(16)
    secret = Scrypt(salt, 32, cost.n, cost.r, cost.p).derive(octets(passphrase))
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    return _pem(_sequence(_algorithm(salt, vector, cost), _der(0x04, sealed)))


def _algorithm(salt: bytes, vector: bytes, cost: ScryptCost) -> bytes:
    work = (_der(0x02, _unsigned(value)) for value in (cost.n, cost.r, cost.p))
    derivation = _sequence(_SCRYPT, _sequence(_der(0x04, salt), *work))
    encryption = _sequence(_AES_256_CBC, _der(0x04, vector))
    return _sequence(_PBES2, _sequence(derivation, encryption))


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - the short form of X.690 §8.1.3.4
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _unsigned(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _pem(der: bytes) -> bytes:
    body = base64.b64encode(der).decode()
    lines = [body[start : start + _LINE] for start in range(0, len(body), _LINE)]
    return "\n".join([f"-----BEGIN {_LABEL}-----", *lines, f"-----END {_LABEL}-----", ""]).encode()


def _opened(path: Path, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        data = path.read_bytes()
        if _LABEL.encode() not in data:
            raise _no_key(path)
        key = load_pem_private_key(data, passphrase)
    except OSError as error:
        raise _no_key(path, error.strerror or "unreadable") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise VerificationError(
            "the passphrase is wrong, or the file is damaged",
            rule="ROOT-PASSPHRASE",
            hint="start again; where it is the right one, put root.key back from a copy",
            where=str(path),
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _no_key(path)
    return key


def _no_key(path: Path, why: str = "not an encrypted EC key") -> ConfigurationError:
    return ConfigurationError(
        why, rule="ROOT-KEY-FILE", hint="put root.key back from a copy", where=str(path)
    )
