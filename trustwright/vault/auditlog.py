"""The file of an audit device: who had a certificate signed.

The mounts are tuned so that the device writes serials in clear (``audit_non_hmac_response_keys``);
everything secret stays an HMAC. One JSON object a line, oldest first, with ``time`` as its first
member: ``type: response`` has both the request and the answer.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, cast

from trustwright.ports import Signing, Testimony

BLOCK: Final = 1 << 16
LONGEST_LINE: Final = 1 << 20
"""Octets of a line that are held; what is longer is left out."""

_BEFORE = timedelta(minutes=5)
_TIME = re.compile(rb'"time":"([0-9-]{10}T[0-9:]{8})')
_SIGNS = frozenset({"sign", "issue", "sign-verbatim", "sign-intermediate", "sign-self-issued"})


class AuditLog:
    """The audit files that this machine has (fulfils `trustwright.ports.Witness`).

    Args:
        files: of the audit devices; what they were rotated to is looked for beside them.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def signings(self, serials: Collection[str], since: datetime) -> Testimony:
        """Look for the signatures that made these certificates, newest entries first."""
        search = _Search(serials, since - _BEFORE)
        for file in self._files:
            for each in _generations(file, search.since):
                search.read(each)
        return Testimony(search.found, search.silence())


class _Search:
    """One search through one or more files."""

    def __init__(self, serials: Collection[str], since: datetime) -> None:
        self.since = since
        self.found: dict[str, Signing] = {}
        self._wanted = {serial.encode(): serial for serial in serials}
        self._until = since.strftime("%Y-%m-%dT%H:%M:%S").encode()
        self._oldest = b""
        self._problem = ""

    def read(self, file: Path) -> None:
        """Look through one file, unless everything is found."""
        if not self._wanted:
            return
        try:
            with _opened(file) as opened:
                lines = (_lines if file.suffix == ".gz" else lines_backwards)(opened)
                self._look(lines, ordered=file.suffix != ".gz")
        except (OSError, EOFError, zlib.error) as error:
            why = getattr(error, "strerror", None) or "it is damaged"
            self._problem = f"{file.name} cannot be read: {why}"

    def silence(self) -> str:
        """Return why nothing was found of the rest."""
        if not self._wanted:
            return ""
        if self._problem or not self._oldest:
            return self._problem or "no audit log is known here"
        if self._oldest > self._until:
            return f"the audit log at hand begins {self._oldest.decode()}Z, after the signing"
        return "the audit log at hand holds no such signature"

    def _look(self, lines: Iterator[bytes], *, ordered: bool) -> None:
        for line in lines:
            time = _TIME.search(line, 0, 200)
            if time is not None:
                self._oldest = min(self._oldest or time[1], time[1])
                if ordered and time[1] < self._until:
                    return
            for serial in [each for each in self._wanted if each in line]:
                signing = signing_in(line, self._wanted[serial])
                if signing is not None:
                    self.found[self._wanted.pop(serial)] = signing
            if not self._wanted:
                return


def _generations(file: Path, since: datetime) -> list[Path]:
    """Return a log and what it was rotated to, newest first; what ended before `since` is not read.

    A log that is not there is left out.
    """
    try:
        names = (f"{file.name}.", f"{file.name}-")
        beside = [each for each in file.parent.iterdir() if f"{each.name}.".startswith(names)]
        dated = [(each.stat().st_mtime, each) for each in beside if each.is_file()]
    except OSError:
        return [file]  # which says why, when it is opened
    floor = since.timestamp()
    return [each for time, each in sorted(dated, reverse=True) if time >= floor]


def _opened(file: Path) -> IO[bytes]:
    if file.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(file, "rb"))
    return file.open("rb")


def _lines(opened: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file; one that is too long comes in parts, none of which is an entry."""
    while line := opened.readline(LONGEST_LINE):
        yield line


def lines_backwards(opened: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file, the last one first; one that is too long is left out."""
    position = opened.seek(0, os.SEEK_END)
    tail, dropped = b"", False
    while position:
        size = min(BLOCK, position)
        position -= size
        opened.seek(position)
        first, *rest = (opened.read(size) + tail).split(b"\n")
        if dropped and rest:
            rest[-1], dropped = b"", False
        yield from (line for line in reversed(rest) if line)
        dropped = dropped or len(first) > LONGEST_LINE
        tail = b"" if dropped else first
    if tail:
        yield tail


def signing_in(line: bytes, serial: str) -> Signing | None:
    """Return the signature that a line tells of, if it made the certificate with this serial."""
    try:
        entry = json.loads(line)
        at = datetime.fromisoformat(str(entry["time"])[:19]).replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # whoever asks for a signature chooses how deep its request is nested
    request, auth = _part(entry, "request"), _part(entry, "auth")
    made = _part(_part(entry, "response"), "data").get("serial_number")
    path = str(request.get("path", ""))
    if entry.get("type") != "response" or made != serial or not _SIGNS & set(path.split("/")):
        return None
    return Signing(
        at=at,
        path=f"{_part(request, 'namespace').get('path', '')}{path}",
        role=path.rsplit("/", 1)[-1],
        who=str(auth.get("display_name", "")),
        entity=str(auth.get("entity_id", "")),
        address=str(request.get("remote_address", "")),
        request=str(request.get("id", "")),
    )


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}
