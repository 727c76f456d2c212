"""Looking for secrets in everything that a run leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

PATTERNS = {
    "private key": re.compile(rb"PRIVATE KEY"),
    "login token": re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "Vault token": re.compile(rb"\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{24,}"),
}
MAY_HOLD_KEYS = (
    "identities/",
    "openbao/ca.key",
    "openbao/listener.key",
    "openbao/seal.key",
    "openbao/data/",
    "prefect/auth",
    "prefect/ui/",
)
"""Below a home: login keys, the listener's keys, OpenBao's encrypted storage, the login of the
pages, and Prefect's own pages (no data of ours)."""


def findings(home: Path, secrets: dict[str, bytes]) -> Iterator[str]:
    """Yield ``file: what`` for each secret found below a home, where it must not be.

    Args:
        home: folder of the online half.
        secrets: by name, the very bytes that must stand nowhere.
    """
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if path.is_file() and not name.startswith(MAY_HOLD_KEYS):
            data = path.read_bytes()
            for what, pattern in PATTERNS.items():
                if pattern.search(data):
                    yield f"{name}: {what}"
            for what, secret in secrets.items():
                if secret in data:
                    yield f"{name}: {what}"
