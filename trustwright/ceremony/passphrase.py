"""Passphrases: which ones are accepted and where one may come from."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path

from trustwright.ceremony.private import exposed
from trustwright.ceremony.strength import estimated_bits
from trustwright.errors import ConfigurationError

LEAST_LENGTH = 12
LEAST_DISTINCT = 6
ENOUGH_BITS = 50
"""Behind scrypt as `trustwright.ceremony.rootkey` sets it, 2**49 guesses on average are millions
of years of one processor."""

_SHORTEST_NAME = 3
_LIMIT = 1024
_NAME_FILE = "name the file whose first line is the passphrase"


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
    if len(octets(passphrase)) > _LIMIT:
        raise _weak("PASS-LENGTH", f"longer than {_LIMIT} octets")
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


def from_descriptor(descriptor: int, where: str = "") -> str:
    """Return the first line of an open file descriptor, leaving what follows it unread.

    Args:
        descriptor: its number.
        where: what it is called in an error; by default ``file descriptor N``.

    Raises:
        ConfigurationError: not open for reading (rule ``PASS-FD``), or the line is too long or
            no text (rule ``PASS-TEXT``).
    """
    line, name = bytearray(), where or f"file descriptor {descriptor}"
    try:
        while len(line) <= _LIMIT and (octet := os.read(descriptor, 1)) not in (b"", b"\n"):
            line += octet
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}",
            rule="PASS-FD",
            hint="open it for reading, like: --passphrase-fd 3 3< FILE",
            where=name,
        ) from None
    return _text(bytes(line), name)


def from_file(path: Path) -> str:
    """Return the first line of a file that only its owner can read.

    Raises:
        ConfigurationError: missing, no file, or others than this user can reach it (rule
            ``PASS-FILE``), or its line is too long or no text (rule ``PASS-TEXT``).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _no_file(path, f"cannot be read: {error.strerror}", _NAME_FILE) from None
    try:
        found = os.fstat(descriptor)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)):
            raise _no_file(path, "is no file", _NAME_FILE)
        problem = exposed(path, found)
        if problem is not None:
            raise _no_file(path, problem.what, problem.hint)
        return from_descriptor(descriptor, str(path))
    finally:
        os.close(descriptor)


def no_text(where: str) -> ConfigurationError:
    """Return the refusal of octets that are no text."""
    return ConfigurationError(
        "not UTF-8 text",
        rule="PASS-TEXT",
        hint="write it in UTF-8; a terminal may need LC_ALL=C.UTF-8",
        where=where,
    )


def octets(passphrase: str) -> bytes:
    """Return the bytes that scrypt is given: NFC, so that every keyboard says the same."""
    return unicodedata.normalize("NFC", passphrase).encode()


def _squeezed(text: str) -> str:
    return "".join(character for character in text.casefold() if not character.isspace())


def _text(line: bytes, where: str) -> str:
    if len(line) > _LIMIT:
        raise ConfigurationError(
            f"its first line has more than {_LIMIT} octets",
            rule="PASS-TEXT",
            hint="the passphrase is the first line, and nothing else",
            where=where,
        )
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise no_text(where) from None


def _no_file(path: Path, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, rule="PASS-FILE", hint=hint, where=str(path))


def _weak(rule: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"this passphrase is not accepted: {what}",
        rule=rule,
        hint="roll six words of a Diceware list and keep them on paper",
    )
