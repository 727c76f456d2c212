"""Writing the inventory out: PEM, JSON lines or CSV, with a manifest; certificates, never a key."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from trustwright.ceremony import durable
from trustwright.ceremony.shown import printable
from trustwright.cli.terminal import note, say, write
from trustwright.errors import ConfigurationError, VerificationError
from trustwright.model.records import CertificateRecord
from trustwright.x509 import parse

FORMAT = 1
"""Of the manifest; a member may be added, none changes its meaning or goes."""

STANDARD_OUTPUT = Path("-")
FIELDS = (
    "issuer",
    "serial",
    "environment",
    "role",
    "purpose",
    "subject",
    "owner",
    "names",
    "state",
    "not_before",
    "not_after",
    "recorded",
    "revoked",
    "spki",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class Export:
    """One file of certificates and what its manifest says of it."""

    def __init__(
        self, output: Path, manifest: Path | None, form: str, now: datetime, asked: dict[str, str]
    ) -> None:
        self._output, self._form, self._now, self._asked = output, form, now, asked
        named = output.with_name(f"{output.name}.manifest.json")
        self._manifest = manifest or (None if output == STANDARD_OUTPUT else named)
        self._digest, self._size = hashlib.sha256(), 0
        self._states: Counter[str] = Counter()
        self._environments: Counter[str] = Counter()

    def write(self, rows: Iterable[CertificateRecord]) -> None:
        """Write what is read, row by row; a file that is not whole does not get its name.

        Raises:
            ConflictError: output or manifest is there already (rule ``FILE-EXISTS``).
            ConfigurationError: it cannot be written (rule ``FILE-WRITE``).
            VerificationError: a row holds something else than its certificate (``X509-PEM``).
        """
        if self._manifest is not None:
            durable.refuse_other(self._manifest)
        texts = {"pem": self._pem, "jsonl": self._json_lines, "csv": self._csv}[self._form]
        if self._output == STANDARD_OUTPUT:
            self._send(texts(self._counted(rows)), write)
        else:
            durable.refuse_other(self._output)
            with _new_file(self._output) as into:
                self._send(texts(self._counted(rows)), into)
        self._tell()

    def _send(self, texts: Iterable[str], into: Callable[[str], object]) -> None:
        for text in texts:
            octets = text.encode()
            self._digest.update(octets)
            self._size += len(octets)
            into(text)

    def _counted(self, rows: Iterable[CertificateRecord]) -> Iterator[CertificateRecord]:
        for row in rows:
            self._states[row.state_at(self._now)] += 1
            self._environments[row.environment] += 1
            yield row

    def _pem(self, rows: Iterable[CertificateRecord]) -> Iterator[str]:
        return map(public_pem, rows)

    def _json_lines(self, rows: Iterable[CertificateRecord]) -> Iterator[str]:
        for row in rows:
            fields = row.model_dump(mode="json") | {"state": row.state_at(self._now)}
            yield json.dumps(fields | {"pem": public_pem(row)}, sort_keys=True) + "\n"

    def _csv(self, rows: Iterable[CertificateRecord]) -> Iterator[str]:
        return csv_lines(rows, self._now)

    def _tell(self) -> None:
        facts = self._facts()
        if self._manifest is not None:
            text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
            durable.write_new(self._manifest, text.encode())
        states = ", ".join(f"{number} {state}" for state, number in facts["states"].items())
        told = note if self._output == STANDARD_OUTPUT else say
        plural = "" if facts["count"] == 1 else "s"
        told(f"{facts['count']} certificate{plural}: {states or 'none fits'}")
        if self._output != STANDARD_OUTPUT:
            say(f"written to {self._output}, counted in {self._manifest}")

    def _facts(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "at": self._now.isoformat().replace("+00:00", "Z"),
            "as": self._form,
            "asked": self._asked,
            "count": self._states.total(),
            "states": dict(sorted(self._states.items())),
            "environments": dict(sorted(self._environments.items())),
            "bytes": self._size,
            "sha256": self._digest.hexdigest(),
        }


def public_pem(row: CertificateRecord) -> str:
    """Return the PEM of the one certificate in a row, encoded anew: nothing else comes along.

    Raises:
        VerificationError: the row holds something else (rule ``X509-PEM`` or ``X509-PARSE``).
    """
    try:
        return parse.pem(parse.certificate(row.pem))
    except VerificationError as error:
        raise VerificationError(
            error.what, rule=error.rule, hint=error.hint, where=row.id
        ) from None


def csv_lines(rows: Iterable[CertificateRecord], now: datetime) -> Iterator[str]:
    """Yield a heading and a line for each certificate (RFC 4180); nothing in it is a formula."""
    yield _csv_line(FIELDS)
    for row in rows:
        fields = row.model_dump(mode="json") | {"state": row.state_at(now)}
        fields["names"] = " ".join(row.names)
        yield _csv_line("" if fields[name] is None else str(fields[name]) for name in FIELDS)


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(map(_harmless, cells))
    return text.getvalue()


def _harmless(cell: str) -> str:
    """Return a cell that neither a terminal nor a spreadsheet obeys."""
    return f"'{printable(cell)}" if cell.startswith(_FORMULAS) else printable(cell)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[Callable[[str], object]]:
    """Yield what writes to a file that gets its name, and is on disk, when the block has ended."""
    try:
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
                yield file.write
                file.flush()
                os.fchmod(descriptor, durable.PUBLIC)
                os.fsync(descriptor)
            os.link(beside, path)  # unlike a rename it takes nobody's place
        finally:
            Path(beside).unlink()
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror}",
            rule="FILE-WRITE",
            hint="name a new file in a folder that you may write",
            where=str(path),
        ) from None
