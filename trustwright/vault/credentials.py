"""How an identity logs in: with a token that it signs itself, or with an AppRole.

Secrets are read from files that only their owner can read, when a login needs them, and are kept
nowhere.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trustwright.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

ISSUER = "trustwright"
"""``iss`` of the tokens that we sign."""

LIFE = 30
"""Seconds that a login token can be used from now on, and seconds that it has been valid already.

It is used at once. The clocks of this machine and the server may differ by this much either way, as
much as certificates allow for (`x509.profiles.VAULT_BACKDATE`); the server adds no leeway of its
own (`identities.NO_LEEWAY`), so whoever gets hold of a token can use it for half a minute."""

SIZE_LIMIT = 16_384


class Credentials(Protocol):
    """Knows the login call of one identity."""

    @property
    def path(self) -> str:
        """Return the login path below ``/v1/``, in the namespace of the identity."""
        ...

    def body(self, now: datetime) -> dict[str, str]:
        """Return the login body; it holds a secret.

        Raises:
            ConfigurationError: the file is not there, not ours, too open, or not of its kind.
        """
        ...


@dataclass(frozen=True)
class SignedToken:
    """A self-signed ES256 token (RFC 7519), verified against a public key pinned in the server.

    Attributes:
        key: PKCS#8 or SEC1 PEM of a P-256 key, mode 0600.
        identity: auth mount ``jwt-<identity>``, its role, and ``sub``.
        audience: ``aud``; names the environment, so that the token is of no use elsewhere.
    """

    key: Path
    identity: str
    audience: str

    @property
    def path(self) -> str:
        """Return the login path."""
        return f"auth/jwt-{self.identity}/login"

    def body(self, now: datetime) -> dict[str, str]:
        """Return role and token."""
        issued = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "sub": self.identity,
            "aud": self.audience,
            "iat": issued - LIFE,
            "nbf": issued - LIFE,
            "exp": issued + LIFE,
            "jti": secrets.token_hex(16),
        }
        return {"role": self.identity, "jwt": jwt.encode(claims, p256(self.key), "ES256")}


@dataclass(frozen=True)
class AppRole:
    """An AppRole; the file is JSON with ``role_id`` and ``secret_id``, mode 0600."""

    file: Path
    identity: str

    @property
    def path(self) -> str:
        """Return the login path."""
        return f"auth/approle-{self.identity}/login"

    def body(self, now: datetime) -> dict[str, str]:
        """Return role_id and secret_id."""
        del now
        return read_approle(self.file)


def read_approle(file: Path) -> dict[str, str]:
    """Return ``role_id`` and ``secret_id`` of an AppRole file.

    Raises:
        ConfigurationError: unsafe, unreadable, or not the two texts.
    """
    try:
        value = json.loads(read_secret(file))
    except ValueError:
        value = None
    names = ("role_id", "secret_id")
    if isinstance(value, dict) and set(value) == set(names):
        texts = {name: value[name] for name in names}
        if all(isinstance(text, str) and text for text in texts.values()):
            return texts
    raise ConfigurationError(
        "not an AppRole file",
        rule="KEY-FORM",
        hint='write {"role_id": "…", "secret_id": "…"}',
        where=str(file),
    )


def read_secret(file: Path) -> bytes:
    """Return the bytes of a file that only we can read.

    The checks look at the opened file, so nobody can exchange it in between; a symbolic link as
    the last part of the path is refused.

    Raises:
        ConfigurationError: missing, a link, not ours, or open to group or others.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be opened: {error.strerror}",
            rule="KEY-FILE",
            hint="make it with `trustwright identity create`",
            where=str(file),
        ) from None
    try:
        _refuse_open_file(os.fstat(descriptor), file)
        return os.read(descriptor, SIZE_LIMIT)
    finally:
        os.close(descriptor)


def _refuse_open_file(facts: os.stat_result, file: Path) -> None:
    if not stat.S_ISREG(facts.st_mode):
        problem = "not a regular file"
    elif facts.st_uid != os.geteuid():
        problem = "belongs to another account"
    elif stat.S_IMODE(facts.st_mode) & 0o177:
        problem = f"mode {stat.S_IMODE(facts.st_mode):04o} lets others at it"
    else:
        return
    raise ConfigurationError(
        problem, rule="KEY-MODE", hint=f"chown it to yourself and chmod 600 {file}", where=str(file)
    )


def p256(file: Path) -> ec.EllipticCurvePrivateKey:
    """Return the private key of a file that only we can read.

    Raises:
        ConfigurationError: unsafe, unreadable, or not an unencrypted P-256 key.
    """
    try:
        key = load_pem_private_key(read_secret(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ConfigurationError(
        "not an unencrypted P-256 private key in PEM",
        rule="KEY-FORM",
        hint="make new ones with `trustwright identity create`",
        where=str(file),
    )
