"""From transcript and kept files to `History`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trustwright.ceremony import durable
from trustwright.ceremony.clock_rules import crl_time
from trustwright.ceremony.entries import Abandoned, Entry, Intent, Signed
from trustwright.ceremony.history import Answer, History
from trustwright.ceremony.request import open_request
from trustwright.ceremony.response import open_response
from trustwright.ceremony.transcript import Transcript
from trustwright.errors import CeremonyViolation, VerificationError
from trustwright.ids import serial_number
from trustwright.model.ceremony import Request, Response
from trustwright.x509.crl import Revoked

REQUESTS = "requests"
RESPONSES = "responses"
CRLS = "crls"
ASIDE = "aside"
ABANDONED_REASON = "cessation_of_operation"
"""CRLReason of a serial that was announced and never handed out."""


def history_of(transcript: Transcript, folder: Path) -> History:
    """Return what was answered, checked against the files that were kept.

    Raises:
        VerificationError: a kept file is missing or changed (rule ``CER-306``), or a line refers
            to one that is not there (rule ``CER-310``).
    """
    intents = dict(transcript.saying(Intent))
    return History(
        answers=tuple(answer_of(transcript, folder, each) for each in transcript.saying(Signed)),
        revoked=tuple(_revoked(transcript, folder)),
        serials=frozenset(serial_number(one.serial) for one in intents.values() if one.serial),
        crl_number=max((one.crl_number for one in intents.values()), default=0),
        last_at=transcript.last_at,
    )


def answer_of(transcript: Transcript, folder: Path, line: tuple[Entry, Signed]) -> Answer:
    """Return the request and response of a ``signed`` line.

    Raises:
        VerificationError: rule ``CER-306``.
    """
    entry, signed = line
    where = f"{transcript.path.name}:{entry.number}"
    request = kept_request(folder, signed.request, where)
    return Answer(request, _kept_response(folder, signed, where), signed.file)


def intent_of(transcript: Transcript, entry: Entry, number: int) -> Intent:
    """Return the intent in line `number`, which `entry` refers to.

    Raises:
        VerificationError: rule ``CER-310``.
    """
    found = transcript.entry(number)
    if found is None or not isinstance(found.says, Intent) or number >= entry.number:
        raise VerificationError(
            f"refers to line {number}, which announces nothing",
            rule="CER-310",
            where=f"{transcript.path.name}:{entry.number}",
        )
    return found.says


def request_path(folder: Path, digest: str) -> Path:
    """Return where a request is kept."""
    return folder / REQUESTS / f"{digest}.request.json"


def kept_request(folder: Path, digest: str, where: str) -> Request:
    """Return a kept request.

    Raises:
        VerificationError: missing or changed (rule ``CER-306``).
        ConfigurationError: it cannot be read (rule ``FILE-READ``).
    """
    path = request_path(folder, digest)
    try:
        request = open_request(durable.read(path))
    except (FileNotFoundError, CeremonyViolation):
        raise _lost(path, where) from None
    if request.digest() != digest:
        raise _lost(path, where)
    return request


def _kept_response(folder: Path, signed: Signed, where: str) -> Response:
    path = folder / RESPONSES / Path(signed.file).name
    try:
        data = durable.read(path)
        response = open_response(data)
    except (FileNotFoundError, CeremonyViolation):
        raise _lost(path, where) from None
    if response.digest() != signed.response or data != file_form(response):
        raise _lost(path, where)
    return response


def file_form(artifact: Request | Response) -> bytes:
    """Return the bytes of a ceremony file: the canonical form and a line end."""
    return artifact.canonical() + b"\n"


def _revoked(transcript: Transcript, folder: Path) -> Iterator[Revoked]:
    for entry, abandoned in transcript.saying(Abandoned):
        if abandoned.serial is not None:
            yield Revoked(serial_number(abandoned.serial), crl_time(entry.at), ABANDONED_REASON)
    for entry, closed in transcript.saying(Signed):
        answer = answer_of(transcript, folder, (entry, closed))
        reason = answer.request.revocation_reason or "unspecified"
        announced = intent_of(transcript, entry, closed.intent)
        since = crl_time(transcript.entries[closed.intent - 1].at)
        for serial in announced.revokes:
            yield Revoked(serial_number(serial), since, reason)


def _lost(path: Path, where: str) -> VerificationError:
    return VerificationError(
        f"its file {path.parent.name}/{path.name} is missing or was changed",
        rule="CER-306",
        hint="put the file back from a copy before you sign anything",
        where=where,
    )
