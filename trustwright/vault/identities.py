"""The identities, their keys, and the login mounts that pin them.

======== ================================================ ==========================
identity may                                              used
======== ================================================ ==========================
issuer   sign through the roles of services, revoke, read every day
rotator  make a key, import an intermediate               per generation
anchor   sign-self-issued                                 once per generation
admin    sign through the role admin                      on admins' own machines
======== ================================================ ==========================

A login mount pins public keys for all of its roles, hence one mount per identity. The mounts live
in the environment's namespace. ``provisioner`` logs in at the root namespace through
``jwt-provisioner``, which the operator makes (``docs/runbooks/connect-a-vault.md``).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from trustwright.errors import ConfigurationError
from trustwright.vault.credentials import ISSUER, AppRole, Credentials, SignedToken, p256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

Identity = Literal["issuer", "rotator", "anchor", "admin"]
IDENTITIES: Final[tuple[Identity, ...]] = get_args(Identity)
PROVISIONER: Final = "provisioner"

TOKEN_SECONDS: Final = 900
"""Life of a server token; a new login is cheap and needs no renewal."""

NO_LEEWAY: Final[dict[str, int]] = {
    "expiration_leeway": -1,
    "not_before_leeway": -1,
    "clock_skew_leeway": -1,
}
"""The login token's own times count, to the second. Zero would mean the server's defaults, up to
150 seconds; how far the clocks may differ is the token's business (`credentials.LIFE`)."""


def audience(environment: str) -> str:
    """Return the ``aud`` of logins to one environment."""
    return f"{ISSUER}/{environment}"


def policy_name(identity: str) -> str:
    """Return the name of the identity's policy."""
    return f"trustwright-{identity}"


def credentials(folder: Path, identity: Identity, environment: str) -> Credentials:
    """Return how `identity` logs in: its key in `folder`, or else its AppRole file.

    Raises:
        ConfigurationError: neither file is there.
    """
    key, approle = folder / f"{identity}.key", folder / f"{identity}.approle"
    if key.exists():
        return SignedToken(key, identity, audience(environment))
    if approle.exists():
        return AppRole(approle, identity)
    raise ConfigurationError(
        f"neither {key.name} nor {approle.name} is there",
        rule="KEY-FILE",
        hint="make keys with `trustwright identity create`",
        where=str(folder),
    )


@dataclass(frozen=True)
class FolderLogin:
    """Whatever login the folder holds at the moment of logging in.

    A connection that only fetches what is public needs none: an admin's machine has no key of the
    issuer identity and reads CRLs all the same.
    """

    folder: Path
    identity: Identity
    environment: str

    @property
    def path(self) -> str:
        """Return the login path."""
        return credentials(self.folder, self.identity, self.environment).path

    def body(self, now: datetime) -> dict[str, str]:
        """Return the login body.

        Raises:
            ConfigurationError: the folder holds no login of the identity, or an unusable one.
        """
        return credentials(self.folder, self.identity, self.environment).body(now)


def provisioner_credentials(key: Path) -> Credentials:
    """Return how the provisioner logs in."""
    return SignedToken(key, PROVISIONER, ISSUER)


def login_config(public_key: str, identity: str) -> dict[str, Any]:
    """Return ``auth/jwt-<identity>/config``: one pinned key, one algorithm."""
    return {
        "jwt_validation_pubkeys": [public_key],
        "jwt_supported_algs": ["ES256"],
        "bound_issuer": ISSUER,
        "default_role": identity,
    }


def login_role(identity: str, environment: str) -> dict[str, Any]:
    """Return ``auth/jwt-<identity>/role/<identity>``."""
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_subject": identity,
        "bound_audiences": [audience(environment)],
        **NO_LEEWAY,
        **token_settings(identity),
    }


def approle_role(identity: str) -> dict[str, Any]:
    """Return ``auth/approle-<identity>/role/<identity>``: no login without the secret."""
    return {
        "bind_secret_id": True,
        "secret_id_num_uses": 0,
        "secret_id_ttl": 0,
        **token_settings(identity),
    }


def token_settings(identity: str) -> dict[str, Any]:
    """Return the token parameters: short batch tokens with one policy, not even ``default``."""
    return {
        "token_policies": [policy_name(identity)],
        "token_no_default_policy": True,
        "token_type": "batch",
        "token_ttl": TOKEN_SECONDS,
        "token_max_ttl": TOKEN_SECONDS,
    }


def public_key(folder: Path, identity: str) -> str | None:
    """Return the PEM in ``<identity>.pub``, or None when there is no such file.

    Raises:
        ConfigurationError: unreadable, or not a P-256 public key.
    """
    file = folder / f"{identity}.pub"
    try:
        key = load_pem_public_key(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _not_public(file) from error
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return _public_pem(key)
    raise _not_public(file)


def missing_identities(folder: Path) -> tuple[str, ...]:
    """Return the identities that have neither a public key nor an AppRole file in `folder`."""
    return tuple(
        identity
        for identity in IDENTITIES
        if not any((folder / f"{identity}.{kind}").exists() for kind in ("pub", "approle"))
    )


def kept_elsewhere(folder: Path) -> tuple[str, ...]:
    """Return the identities whose public key is here and whose private key is not."""
    return tuple(
        identity
        for identity in IDENTITIES
        if (folder / f"{identity}.pub").exists() and not (folder / f"{identity}.key").exists()
    )


def create_identity_keys(folder: Path, wanted: Sequence[Identity] = IDENTITIES) -> tuple[str, ...]:
    """Make what the key pairs of the wanted identities lack; return the files that were made.

    Raises:
        ConfigurationError: the folder or a file cannot be written.
    """
    made = [create_key_pair(folder / f"{identity}.key") for identity in wanted]
    return tuple(name for names in made for name in names)


def create_key_pair(key: Path) -> tuple[str, ...]:
    """Make a P-256 `key` (mode 0600) and the ``.pub`` beside it; return the files that were made.

    What exists stays. A lost ``.pub`` is made from its key. A ``.pub`` without a key means that
    the key is kept on another machine, as an admin's should be: nothing is made. The folder is made
    with mode 0700. A crash leaves the key whole or absent, never half.

    Raises:
        ConfigurationError: something cannot be written, or the key that is there is not usable.
    """
    public = key.with_suffix(".pub")
    try:
        if not key.exists() and not public.exists():
            _make_pair(key, public)
            return (key.name, public.name)
        if not public.exists():
            _place(public, public_half(key).encode(), 0o644)
            return (public.name,)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror}", rule="KEY-FILE", where=str(key)
        ) from None
    return ()


def public_half(key: Path) -> str:
    """Return the public key (PEM) of a private key's file.

    Raises:
        ConfigurationError: unsafe, unreadable, or no P-256 key.
    """
    return _public_pem(p256(key).public_key())


def holds_secret(folder: Path, identity: str) -> bool:
    """Return whether the folder can log in: a machine that only prepares needs no private key."""
    return any((folder / f"{identity}.{kind}").exists() for kind in ("key", "approle"))


def _make_pair(key: Path, public: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _place(key, pem, 0o600)
    _place(public, _public_pem(private.public_key()).encode(), 0o644)


def _place(file: Path, content: bytes, mode: int) -> None:
    draft = file.with_name(f".{file.name}.new")
    with suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    draft.rename(file)


def _public_pem(key: ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _not_public(file: Path) -> ConfigurationError:
    return ConfigurationError(
        "not a P-256 public key in PEM",
        rule="KEY-FORM",
        hint="make new ones with `trustwright identity create`",
        where=str(file),
    )
