"""Passphrases: how one is judged and where one may come from.

A passphrase is estimated at what a guesser who knows how people choose would need:

* a word (letters only, three or more) counts 12.9 bits, the size of a Diceware list, or 4.7 bits a
  letter where that is less: four random words are enough, one long word is not; a run with capitals
  inside is no word and counts by its letters;
* any other character counts log2 of the alphabet that its kind suggests (10, 26, 33);
* a character that repeats or continues the one before (``aaaa``, ``1234``, ``qwerty``) counts one
  bit.

It must reach `ENOUGH_BITS`. Behind scrypt at the cost that `trustwright.ceremony.rootkey` sets,
2**49 guesses on average are thousands of years of processor time.
"""

from __future__ import annotations

import math
import os
import re
import stat
import unicodedata
from itertools import pairwise
from pathlib import Path

from trustwright.errors import ConfigurationError

LEAST_LENGTH = 12
LEAST_DISTINCT = 6
ENOUGH_BITS = 50
_SHORTEST_NAME = 3
_LIMIT = 1024
_WORD_BITS = 12.9
_LONGEST_WORD = 16
_LETTER_BITS = math.log2(26)
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "1234567890")
_COMMON = (
    "password",
    "passphrase",
    "passwort",
    "letmein",
    "iloveyou",
    "welcome",
    "trustno1",
    "changeme",
    "monkey",
    "dragon",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "starwars",
    "administrator",
    "correcthorsebatterystaple",
    "thisisapassword",
    "opensesame",
    "trustwright",
)
_LEET = str.maketrans("013457@$!", "oieastasi")


def judge(passphrase: str, organization: str) -> None:
    """Accept a passphrase for a new root key.

    Raises:
        ConfigurationError: rule ``PASS-EMPTY``, ``PASS-LENGTH``, ``PASS-DISTINCT``, ``PASS-NAME``,
            ``PASS-COMMON`` or ``PASS-WEAK``; the passphrase itself is never in the message.
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
    if any(common in form for common in _COMMON for form in (plain, plain.translate(_LEET))):
        raise _weak("PASS-COMMON", "contains one of the commonest passphrases")
    bits = estimated_bits(passphrase)
    if bits < ENOUGH_BITS:
        raise _weak("PASS-WEAK", f"worth about {bits:.0f} bits; {ENOUGH_BITS} are wanted")


def estimated_bits(passphrase: str) -> float:
    """Return what a guesser would need, in bits; see the module's docstring."""
    tokens = re.findall(r"[a-zA-Z]{3,}|.", passphrase, re.DOTALL)
    runs = {token.lower(): token for token in tokens if len(token) > 1}
    words = sum(_run_bits(run) for run in runs.values())
    others = "".join(token for token in tokens if len(token) == 1)
    return words + _novelty(others)


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


def _run_bits(run: str) -> float:
    """Return the worth of a run of letters: of the words that it may be, or of its letters.

    Capitals in the middle are no word's spelling, so such a run counts letter by letter.
    """
    if run[1:] not in {run[1:].lower(), run.upper()[1:]}:
        return _novelty(run)
    return min(_WORD_BITS * math.ceil(len(run) / _LONGEST_WORD), _novelty(run))


def _novelty(text: str) -> float:
    if not text:
        return 0.0
    first = _alphabet_bits(text[0])
    return first + sum(1.0 if _follows(a, b) else _alphabet_bits(b) for a, b in pairwise(text))


def _alphabet_bits(character: str) -> float:
    if character.isdigit():
        return math.log2(10)
    return _LETTER_BITS if character.isalpha() else math.log2(33)


def _follows(before: str, after: str) -> bool:
    pair = (before + after).lower()
    in_row = any(pair in row or pair in row[::-1] for row in _ROWS)
    return in_row or abs(ord(pair[-1]) - ord(pair[0])) <= 1


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
