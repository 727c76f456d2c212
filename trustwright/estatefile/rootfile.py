"""Checks on the files that the estate names: public certificates that must be what they claim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from trustwright.errors import VerificationError
from trustwright.estatefile.reading import read_file
from trustwright.model.estate import Estate
from trustwright.policy.breach import Breach, Location, duration_text
from trustwright.x509 import parse

_PLACE: Location = ("root", "certificate")
_EXPORT = "copy the root's certificate here, the file that `trustwright-root` wrote"


def check_files(estate: Estate) -> Iterator[tuple[str, Breach]]:
    """Yield what is wrong with the root certificate and with the bundles for Vault's address."""
    yield from _check_bundles(estate)
    try:
        data = read_file(estate.root.certificate)
    except OSError as error:
        what = f"{estate.root.certificate} cannot be read: {error.strerror or error}"
        yield "EST-ROOT-FILE", Breach(_PLACE, what, _EXPORT)
        return
    if b"PRIVATE KEY" in data:
        yield _key_found(_PLACE, estate.root.certificate)
        return
    try:
        root = parse.certificate(data)
    except VerificationError as error:
        yield "EST-ROOT-FILE", Breach(_PLACE, f"{estate.root.certificate}: {error.what}", _EXPORT)
        return
    yield from _check_root(estate, root)


def _check_root(estate: Estate, root: x509.Certificate) -> Iterator[tuple[str, Breach]]:
    found = parse.fingerprint(root)
    if found != estate.root.fingerprint:
        yield (
            "EST-ROOT-FINGERPRINT",
            Breach(
                ("root", "fingerprint"),
                f"the certificate's fingerprint is {found}",
                "compare it with the ceremony's transcript before you change it",
            ),
        )
    if not _is_root(root):
        yield (
            "EST-ROOT-CA",
            Breach(_PLACE, f"{estate.root.certificate} is no self-signed CA", _EXPORT),
        )
    life = int((root.not_valid_after_utc - root.not_valid_before_utc).total_seconds())
    for name, environment in estate.environments.items():
        if environment.intermediate.validity > life:
            place = ("environments", name, "intermediate", "validity")
            what = f"the root itself lives {duration_text(life)} only"
            yield "EST-ROOT-LIFE", Breach(place, what, "shorten the validity")


def _check_bundles(estate: Estate) -> Iterator[tuple[str, Breach]]:
    """Refuse a private key in a bundle; a bundle may still be missing, the server may be too."""
    for name, environment in estate.environments.items():
        if environment.vault.ca is None:
            continue
        try:
            data = read_file(environment.vault.ca)
        except OSError:
            continue
        if b"PRIVATE KEY" in data:
            yield _key_found(("environments", name, "vault", "ca"), environment.vault.ca)


def _key_found(place: Location, file: Path) -> tuple[str, Breach]:
    what = f"{file} holds a private key"
    return "EST-ROOT-KEY", Breach(
        place,
        what,
        "name a file with the certificate alone, and ask how the key came to this machine",
    )


def _is_root(root: x509.Certificate) -> bool:
    try:
        root.verify_directly_issued_by(root)
        basic = root.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = root.extensions.get_extension_for_class(x509.KeyUsage).value
    except (
        ValueError,
        TypeError,
        InvalidSignature,
        UnsupportedAlgorithm,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
    ):
        return False
    return basic.ca and usage.key_cert_sign and usage.crl_sign
