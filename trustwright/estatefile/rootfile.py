"""Checks on the files that the estate names: public certificates that must be what they claim."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from trustwright.clock import utc_text
from trustwright.errors import VerificationError
from trustwright.estatefile.reading import read_file
from trustwright.model.estate import Estate
from trustwright.policy.breach import Breach, Location, duration_text
from trustwright.x509 import parse

_PLACE: Location = ("root", "certificate")
_DAY = 86_400
_EXPORT = "copy the root's certificate here: trustwright-root show --certificate"


def check_files(estate: Estate, now: datetime | None = None) -> Iterator[tuple[str, Breach]]:
    """Yield what is wrong with the root certificate and with the bundles for Vault's address.

    Args:
        estate: its files are read.
        now: judges dates too; None leaves out what comes and goes with time.
    """
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
    yield from _check_dates(estate, root, now)


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


def _check_dates(
    estate: Estate, root: x509.Certificate, now: datetime | None
) -> Iterator[tuple[str, Breach]]:
    """Judge the root's dates: it signs today, and what it signs today ends before it does."""
    first, last = root.not_valid_before_utc, root.not_valid_after_utc
    if now is not None and now > last:
        what = f"{estate.root.certificate} expired at {utc_text(last)}: it signs nothing more"
        yield "EST-ROOT-DATES", Breach(_PLACE, what, "make a new root, and pin it here")
        return
    if now is not None and now < first:
        what = f"{estate.root.certificate} is not valid before {utc_text(first)}"
        yield "EST-ROOT-DATES", Breach(_PLACE, what, "compare the clocks of both machines")
        return
    left = int((last - (now or first)).total_seconds())
    for name, environment in estate.environments.items():
        validity = environment.intermediate.validity
        if validity > left:
            place = ("environments", name, "intermediate", "validity")
            what = (
                f"validity {duration_text(validity)} goes past the root's end at {utc_text(last)}"
            )
            remedy = f"shorten it, to {left // _DAY}d at most, or make a new root"
            yield "EST-ROOT-LIFE", Breach(place, what, remedy)


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
