"""Checks on the identity folders: no login key opens two doors, and the halves of a key fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from trustwright.estatefile.reading import read_file
from trustwright.model.estate import Estate
from trustwright.policy.breach import Breach
from trustwright.x509 import keys

IDENTITIES = ("issuer", "rotator", "anchor", "admin")


def check_identity_keys(estate: Estate) -> Iterator[tuple[str, Breach]]:
    """Yield keys that two identities share, and halves of a key that do not fit.

    The rules: ``EST-IDENTITY-KEY``, ``EST-IDENTITY-PAIR``.
    Files that are missing, unreadable or no keys are passed over: a machine need not hold them
    all, and whoever logs in with one says more about it.
    """
    owners: dict[str, tuple[str, str]] = {}
    folders: set[Path] = set()
    for name, environment in estate.environments.items():
        folder = environment.vault.identity
        if folder in folders:  # EST-IDENTITY-TWICE has said it
            continue
        folders.add(folder)
        for identity in IDENTITIES:
            public = _digest(folder / f"{identity}.pub")
            private = _digest(folder / f"{identity}.key")
            if public and private and public != private:
                yield "EST-IDENTITY-PAIR", _misfit(name, identity)
            for digest in sorted({public, private} - {""}):
                owner = owners.setdefault(digest, (name, identity))
                if owner != (name, identity):
                    yield "EST-IDENTITY-KEY", _shared(name, identity, owner)


def _digest(file: Path) -> str:
    """Return the digest of the public key in, or belonging to, a PEM file; else an empty text."""
    try:
        data = read_file(file)
        if file.suffix == ".key":
            public = load_pem_private_key(data, password=None).public_key()
        else:
            public = load_pem_public_key(data)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return ""
    return keys.spki_sha256(public) if isinstance(public, ec.EllipticCurvePublicKey) else ""


def _misfit(name: str, identity: str) -> Breach:
    return Breach(
        ("environments", name, "vault", "identity"),
        f"{identity}.pub is not the public half of {identity}.key",
        f"remove the one that is wrong, or both, then: trustwright identity create {name}",
    )


def _shared(name: str, identity: str, owner: tuple[str, str]) -> Breach:
    return Breach(
        ("environments", name, "vault", "identity"),
        f"the key of {identity} is also that of {owner[1]} in {owner[0]}",
        f"remove {identity}.key and {identity}.pub where they are copies, then run "
        "`trustwright identity create` for that environment",
    )
