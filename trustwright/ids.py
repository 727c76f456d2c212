"""Serials, fingerprints and identifiers."""

from __future__ import annotations

import hashlib
import secrets

SERIAL_BYTES = 20
"""Octets of a serial, the most that RFC 5280 §4.1.2.2 allows; OpenBao and Vault make them so."""


def new_serial() -> int:
    """Return a positive serial of 158 random bits in exactly `SERIAL_BYTES` octets of DER.

    The top bit is the sign and stays clear, the next one is set so that the length never varies.
    """
    return secrets.randbits(SERIAL_BYTES * 8 - 2) | 1 << (SERIAL_BYTES * 8 - 2)


def serial_text(serial: int) -> str:
    """Return a serial as lower-case hex pairs with colons, as OpenBao and openssl show it."""
    digits = f"{serial:x}"
    digits = digits.zfill(len(digits) + len(digits) % 2)
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def serial_number(text: str) -> int:
    """Return the serial that `text` shows (hex, with or without colons or hyphens)."""
    return int(text.replace(":", "").replace("-", ""), 16)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(der: bytes) -> str:
    """Return ``sha256:`` and the SHA-256 of a certificate's DER, as the estate file writes it."""
    return f"sha256:{sha256_hex(der)}"
