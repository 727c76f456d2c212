"""Looking for secrets in everything that a run leaves behind."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
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


@dataclass
class Scan:
    """What a search went through, so that finding nothing means something.

    Attributes:
        findings: ``file: what`` for each secret that was found.
        files: how many files were read.
        cells: how many cells of databases were read beside the files themselves.
    """

    findings: list[str] = field(default_factory=list)
    files: int = 0
    cells: int = 0


def scan(home: Path, secrets: dict[str, bytes]) -> Scan:
    """Search everything below a home in which no secret may be.

    Args:
        home: folder of the online half.
        secrets: by name, the very bytes that must stand nowhere.
    """
    done = Scan()
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if name.startswith(MAY_HOLD_KEYS) or not path.is_file():
            continue
        with suppress(FileNotFoundError):  # a stack at work removes files of its own
            done.findings += [f"{name}: {what}" for what in held(path.read_bytes(), secrets)]
            done.files += 1
        if path.suffix == ".db":
            for cell in cells(path):
                done.findings += [f"{name}: {what} in a cell" for what in held(cell, secrets)]
                done.cells += 1
    return done


def held(data: bytes, secrets: dict[str, bytes]) -> Iterator[str]:
    """Yield what is found in some bytes."""
    yield from (what for what, pattern in PATTERNS.items() if pattern.search(data))
    yield from (what for what, secret in secrets.items() if secret in data)


def cells(path: Path) -> Iterator[bytes]:
    """Yield every cell of a SQLite file: in the file itself a long one lies in pieces."""
    with closing(sqlite3.connect(path, timeout=20)) as database:
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f'select * from "{table}"'):  # noqa: S608 - its own names
                for cell in row:
                    yield cell if isinstance(cell, bytes) else str(cell).encode()
