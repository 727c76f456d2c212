"""Authentication codes under the lines that are written while the root key is open.

Whoever can write in the folder can write a whole new record: its hashes need no secret. So a line
that fixes the policy or announces a signature bears an HMAC-SHA256 (RFC 2104) under a secret that
is derived from the root key (HKDF, RFC 5869) and used for nothing else. It covers the line's number
and, through the digest of the line before, everything above it. It is checked before the next such
line is added, hence before the key signs: rule CER-320.

A record whose end is missing, with the files that belong to it, still authenticates: only a head
that somebody wrote down tells.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trustwright.ceremony.entries import Created, Entry, Intent, PolicyAccepted
from trustwright.errors import VerificationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from trustwright.ceremony.transcript import Transcript

Mac = Callable[[bytes], str]
"""Returns the authentication code of octets as 64 hex digits."""

_PURPOSE = b"trustwright-root transcript line 1"
_KEYED = (Created, PolicyAccepted, Intent)


def mac_under(private: ec.EllipticCurvePrivateKey) -> Mac:
    """Return the code of this key's holder."""
    numbers = private.private_numbers()
    scalar = numbers.private_value.to_bytes((private.key_size + 7) // 8, "big")
    secret = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(scalar)
    return lambda data: hmac.new(secret, data, "sha256").hexdigest()


def authenticated(entry: Entry, mac: Mac) -> Entry:
    """Return the line with its code."""
    return Entry(
        number=entry.number,
        previous=entry.previous,
        at=entry.at,
        says=entry.says,
        mac=mac(_covered(entry)),
    )


def check_present(entry: Entry, where: str) -> None:
    """Check, without the key, that a line has a code exactly when it needs one.

    Raises:
        VerificationError: rule ``CER-320``.
    """
    if isinstance(entry.says, _KEYED) != (entry.mac is not None):
        raise _foreign(where)


def check_macs(record: Transcript, mac: Mac) -> None:
    """Check the code of every line that has one.

    Raises:
        VerificationError: a line was written by somebody who could not open the root key
            (rule ``CER-320``).
    """
    for entry in record.entries:
        where = f"{record.path.name}:{entry.number}"
        check_present(entry, where)
        if entry.mac is not None and not hmac.compare_digest(entry.mac, mac(_covered(entry))):
            raise _foreign(where)


def _covered(entry: Entry) -> bytes:
    return Entry(
        number=entry.number, previous=entry.previous, at=entry.at, says=entry.says
    ).canonical()


def _foreign(where: str) -> VerificationError:
    return VerificationError(
        "the line was not written by a holder of the root key",
        rule="CER-320",
        hint="somebody wrote in this folder: compare with a copy before you sign anything",
        where=where,
    )
