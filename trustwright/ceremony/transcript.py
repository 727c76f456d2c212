"""The hash-chained record of everything that the root key was used for.

``transcript.jsonl`` holds one canonical JSON object a line. Each line names the digest of the line
before, and ``transcript.head`` names the digest of the last: an edited, moved, added or missing
line is found and named. Lines are synced before the act that they announce. A head that is one
line behind, and a last line without its end, are what a power cut leaves; both are told apart from
a cut tail, because the head is written after its line.

Rules: CER-301 a line is not an entry in canonical form; CER-302 its number is wrong; CER-303 it
does not name the line before; CER-304 the head names a line that is not there; CER-305 time runs
backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from trustwright.canonical import decode
from trustwright.ceremony import durable
from trustwright.ceremony.entries import Entry, Event
from trustwright.ceremony.mac import Mac, authenticated
from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    TrustwrightError,
    VerificationError,
)
from trustwright.ids import sha256_hex
from trustwright.model.base import Artifact, Digest

FILE = "transcript.jsonl"
HEAD = "transcript.head"
_LINE_LIMIT = 1 << 20
_PUT_BACK = "compare with a copy, and put transcript and head back together"
EventT = TypeVar("EventT")


class Head(Artifact):
    """The last line that was written whole."""

    number: int = Field(ge=1)
    line: Digest


@dataclass(frozen=True)
class Transcript:
    """A transcript as it was read.

    Attributes:
        entries: the lines, in order.
        digests: of each line's bytes.
        torn: bytes after the last line end; a power cut leaves them.
        head_behind: the head names the line before the last; a power cut leaves that.
    """

    path: Path
    entries: tuple[Entry, ...]
    digests: tuple[str, ...]
    torn: bytes = b""
    head_behind: bool = False

    @property
    def head(self) -> str:
        """Return the digest of the last line: what a witness writes down."""
        return self.digests[-1] if self.digests else ""

    @property
    def last_at(self) -> datetime | None:
        """Return the time of the last line."""
        return self.entries[-1].at if self.entries else None

    def saying(self, event: type[EventT]) -> Iterator[tuple[Entry, EventT]]:
        """Yield the lines that say this event."""
        for entry in self.entries:
            if isinstance(entry.says, event):
                yield entry, entry.says

    def entry(self, number: int) -> Entry | None:
        """Return the line with this number."""
        return self.entries[number - 1] if 1 <= number <= len(self.entries) else None

    def digest_of(self, number: int) -> str:
        """Return the digest of the line with this number."""
        return self.digests[number - 1]


def read(path: Path, *, head: str | None = None) -> Transcript:
    """Return the transcript at `path`, checked against its head file and, when given, a digest.

    Args:
        path: of ``transcript.jsonl``; the head file is looked for beside it.
        head: digest that somebody wrote down; some line must have it.

    Raises:
        VerificationError: a line or the head breaks a rule; ``where`` names the line.
    """
    whole, _, torn = _content(path).rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    entries = tuple(_entries(path, lines))
    digests = tuple(sha256_hex(line) for line in lines)
    noted = _noted_head(path)
    if not lines:
        raise _broken(path, 1, "CER-304", "is missing")
    _check_head(path, noted, digests, torn=bool(torn))
    if head is not None and head not in digests:
        raise VerificationError(
            f"no line has the digest {head[:12]}… that was written down",
            rule="CER-304",
            hint="compare it digit by digit; where it is right, lines are missing: compare with a "
            "copy before you sign anything",
            where=str(path),
        )
    behind = noted is None or noted.number < len(digests)
    return Transcript(path, entries, digests, torn, behind)


def append(transcript: Transcript, says: Event, at: datetime, mac: Mac | None = None) -> Transcript:
    """Add a line, sync it, then move the head; return the longer transcript.

    Args:
        transcript: as it stands in the file.
        says: what the line says.
        at: aware.
        mac: of the root key's holder, for a line that needs it.

    Raises:
        ConfigurationError: the line would be too long to be read again (rule ``FILE-SIZE``), or
            cannot be written (rule ``FILE-WRITE``): how much of it was written is not known, so
            read the transcript again before anything is added.
        ConflictError: its end is not mended yet (rule ``ROOT-UNMENDED``).
    """
    if transcript.torn or transcript.head_behind:
        raise unmended(transcript.path)
    number = len(transcript.entries) + 1
    entry = Entry(number=number, previous=transcript.head or None, at=at, says=says)
    entry = authenticated(entry, mac) if mac else entry
    line = entry.canonical()
    if len(line) > _LINE_LIMIT:
        raise ConfigurationError(
            f"a transcript line of {len(line)} octets is too long", rule="FILE-SIZE"
        )
    durable.append(transcript.path, line + b"\n")
    write_head(transcript.path, number, entry.digest())
    return Transcript(
        transcript.path,
        (*transcript.entries, entry),
        (*transcript.digests, entry.digest()),
    )


def unmended(path: Path) -> ConflictError:
    """Return the refusal to add a line where the end of the record is not in order."""
    return ConflictError(
        "the last line could not be written whole; nothing may follow it before it is mended",
        rule="ROOT-UNMENDED",
        hint="make room on the disk, then: trustwright-root recover",
        where=path.name,
    )


def write_head(path: Path, number: int, line: str) -> None:
    """Note the last whole line."""
    durable.replace(path.with_name(HEAD), Head(number=number, line=line).canonical() + b"\n")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VerificationError(
            f"cannot be read: {error.strerror}", rule="CER-301", hint=_PUT_BACK, where=str(path)
        ) from None


def _entries(path: Path, lines: list[bytes]) -> Iterator[Entry]:
    previous: Entry | None = None
    for number, line in enumerate(lines, start=1):
        entry = _entry(path, number, line)
        if entry.number != number:
            raise _broken(path, number, "CER-302", f"is numbered {entry.number}")
        expected = sha256_hex(lines[number - 2]) if number > 1 else None
        if entry.previous != expected:
            raise _broken(path, number, "CER-303", "does not follow the line before it")
        if previous is not None and entry.at < previous.at:
            raise _broken(path, number, "CER-305", "is dated before the line before it")
        previous = entry
        yield entry


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        entry = Entry.parse(line, limit=_LINE_LIMIT)
    except TrustwrightError as error:
        raise _broken(path, number, "CER-301", error.what) from None
    if entry.canonical() != line:
        raise _broken(path, number, "CER-301", "is not in canonical form")
    return entry


def _noted_head(path: Path) -> Head | None:
    place = path.with_name(HEAD)
    if not place.is_file():
        return None
    try:
        value: Any = decode(place.read_bytes())
        return Head.model_validate(value)
    except (TrustwrightError, ValueError):
        raise VerificationError(
            "does not name a line", rule="CER-304", hint=_PUT_BACK, where=str(place)
        ) from None


def _check_head(path: Path, noted: Head | None, digests: tuple[str, ...], *, torn: bool) -> None:
    if noted is None:
        if digests[1:]:
            raise _broken(path, len(digests), "CER-304", f"{HEAD} is missing beside it")
        return
    if noted.number > len(digests):
        what = "is torn, though the head says that it was whole" if torn else "is missing"
        raise _broken(path, noted.number, "CER-304", what)
    if digests[noted.number - 1] != noted.line:
        raise _broken(path, noted.number, "CER-304", "is not the line that the head names")
    if noted.number < len(digests) - 1:
        raise _broken(path, noted.number + 2, "CER-304", "was added behind the head")


def _broken(path: Path, number: int, rule: str, what: str) -> VerificationError:
    return VerificationError(
        f"line {number} {what}",
        rule=rule,
        hint="the transcript was changed: compare with a copy before you sign anything",
        where=f"{path.name}:{number}",
    )
