"""Passphrases: which ones are accepted and where one may come from."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path

from trustwright.ceremony.strength import estimated_bits
from trustwright.errors import ConfigurationError

LEAST_LENGTH = 12
LEAST_DISTINCT = 6
ENOUGH_BITS = 50
"""Behind scrypt as `trustwright.ceremony.rootkey` sets it, 2**49 guesses on average are millions
of years of one processor."""

_SHORTEST_NAME = 3
_LIMIT = 1024


def judge(passphrase: str, organization: str) -> None:
    """Accept a passphrase for a new root key.

    Raises:
        ConfigurationError: rule ``PASS-EMPTY``, ``PASS-LENGTH``, ``PASS-DISTINCT``, ``PASS-NAME``,
            or ``PASS-WEAK``; the passphrase itself is never in the message.
    """
    plain = _squeezed(passphrase)
    name = _squeezed(organization)
    if not passphrase.strip():
        raise _weak("PASS-EMPTY", "an empty passphrase protects nothing")
    if len(passphrase) < LEAST_LENGTH:
        raise _weak("PASS-LENGTH", f"shorter than {LEAST_LENGTH} characters")
    if len(set(passphrase)) < LEAST_DISTINCT:
        raise _weak("PASS-DISTINCT", f"fewer than {LEAST_DISTINCT} different characters")
    if len(name) >= _SHORTEST_NAME and name in plain:
        raise _weak("PASS-NAME", "contains the name of the organization")
    bits = estimated_bits(passphrase)
    if bits < ENOUGH_BITS:
        raise _weak(
            "PASS-WEAK",
            f"worth about {bits:.0f} bits, {ENOUGH_BITS} are wanted; what stands twice, dates and "
            "sentences that everybody knows count little",
        )


def from_descriptor(descriptor: int) -> str:
    """Return the first line of an open file descriptor, leaving what follows it unread.

    Raises:
        ConfigurationError: not open for reading (rule ``PASS-FD``), or the line is too long or
            no text (rule ``PASS-TEXT``).
    """
    line = bytearray()
    try:
        while len(line) <= _LIMIT and (octet := os.read(descriptor, 1)) not in (b"", b"\n"):
            line += octet
    except OSError as error:
        raise ConfigurationError(
            f"file descriptor {descriptor} cannot be read: {error.strerror}", rule="PASS-FD"
        ) from None
    return _text(bytes(line))


def from_file(path: Path) -> str:
    """Return the first line of a file that only its owner can read.

    Raises:
        ConfigurationError: missing, or group or others can reach it (rule ``PASS-FILE``).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}", rule="PASS-FILE", where=str(path)
        ) from None
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise ConfigurationError(
                f"a passphrase file must be its owner's alone, this has mode {mode:04o}",
                rule="PASS-FILE",
                hint=f"chmod 600 {path}",
                where=str(path),
            )
        return from_descriptor(descriptor)
    finally:
        os.close(descriptor)


def octets(passphrase: str) -> bytes:
    """Return the bytes that scrypt is given: NFC, so that every keyboard says the same."""
    return unicodedata.normalize("NFC", passphrase).encode()


def _squeezed(text: str) -> str:
    return "".join(character for character in text.casefold() if not character.isspace())


def _text(line: bytes) -> str:
    if len(line) > _LIMIT:
        raise ConfigurationError(f"a line has at most {_LIMIT} octets", rule="PASS-TEXT")
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise ConfigurationError("not UTF-8 text", rule="PASS-TEXT") from None


def _weak(rule: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"this passphrase is not accepted: {what}",
        rule=rule,
        hint="roll six words of a Diceware list and keep them on paper",
    )
