"""After a power cut: what was left is explained, adopted or abandoned, and recorded.

The order of a ceremony is: request kept, intent line, signatures in memory, response file,
``signed`` line, copy to the output. So an intent without its closing line means: if the response
file is complete, everything was signed and checked, and it is adopted; if not, a signature may
have been made and lost, and the serial is abandoned: every later root CRL lists it. A file that is
there and cannot be read decides nothing: the intent stays open until the disk answers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trustwright.ceremony import durable, transcript
from trustwright.ceremony.checks import check_response
from trustwright.ceremony.entries import (
    Abandoned,
    CrlSigned,
    Entry,
    Event,
    Intent,
    Repaired,
    Signed,
)
from trustwright.ceremony.history import History
from trustwright.ceremony.ledger import ASIDE, CRLS, REQUESTS, RESPONSES, file_form, kept_request
from trustwright.ceremony.response import open_response, response_name
from trustwright.ceremony.rootfolder import RootFolder
from trustwright.ceremony.rootpolicy import from_text
from trustwright.errors import PolicyViolation, TrustwrightError, VerificationError
from trustwright.ids import serial_number, sha256_hex
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import parse
from trustwright.x509.crl import crl_number, verify_crl

_LONGEST = 1000
_CUT_OFF = TrustwrightError("it was cut off before its result was complete")


@dataclass(frozen=True)
class _Left:
    """An open intent and the file that was kept for it."""

    entry: Entry
    intent: Intent
    path: Path
    data: bytes


def recover(
    folder: RootFolder, now: datetime, refusal: TrustwrightError | None = None
) -> list[str]:
    """Bring a folder that a power cut left into order; return what was done, a sentence each.

    Starts from the files and not from what is in memory: a line that could not be written may
    stand there whole, in part or not at all.

    Args:
        folder: held exclusively.
        now: aware.
        refusal: why the last intent came to nothing, where that is known.

    Raises:
        VerificationError: the transcript does not hold.
        CeremonyViolation: the time cannot be; nothing was touched.
        ConfigurationError: the folder cannot be written; what is open stays open.
    """
    folder.read_again()
    folder.require_time(now)
    return [
        *_make_places(folder.path),
        *_mend_transcript(folder, now),
        *_drop_parts(folder.path),
        *_close_intents(folder, now, refusal),
    ]


def left_open(record: transcript.Transcript) -> list[tuple[Entry, Intent]]:
    """Return the intents that no later line closed."""
    said = (entry.says for entry in record.entries)
    closed = {each.intent for each in said if isinstance(each, Signed | CrlSigned | Abandoned)}
    return [(entry, says) for entry, says in record.saying(Intent) if entry.number not in closed]


def unfinished(record: transcript.Transcript) -> list[str]:
    """Return what `recover` would have to do, a sentence each, for those who only read."""
    lines = [
        f"line {entry.number} announced {_name(says)} and nothing closed it"
        for entry, says in left_open(record)
    ]
    if record.torn:
        lines.append(f"a line after line {len(record.entries)} is torn")
    return lines


def crl_file(number: int) -> str:
    """Return the name under which a root CRL without a request is kept."""
    return f"{number:04d}.root-crl.pem"


def _mend_transcript(folder: RootFolder, now: datetime) -> Iterator[str]:
    record = folder.transcript
    if record.head_behind:
        transcript.write_head(record.path, len(record.entries), record.head)
    if record.torn:
        name = f"torn-after-{len(record.entries):04d}-{sha256_hex(record.torn)[:12]}"
        durable.write_new(folder.path / ASIDE / name, record.torn, mode=durable.PRIVATE)
        durable.cut(record.path, record.path.stat().st_size - len(record.torn))
    if record.head_behind or record.torn:
        folder.read_again()
    known = {says.file for _, says in record.saying(Repaired)}
    for path in sorted((folder.path / ASIDE).glob("torn-after-*")):
        if path.name not in known:
            data = durable.read(path)
            says = Repaired(file=path.name, size=len(data), octets=sha256_hex(data))
            folder.record(says, now)
            yield (
                f"a transcript line was torn while it was written; its {len(data)} octets were "
                f"moved to {ASIDE}/{path.name}; what it was to announce had not been done yet"
            )


def _make_places(path: Path) -> Iterator[str]:
    for name in (REQUESTS, RESPONSES, CRLS, ASIDE):
        if durable.make_folder(path / name):
            yield f"{name}/ was missing and was made: a copy may have dropped it for being empty"


def _drop_parts(path: Path) -> Iterator[str]:
    for name in (".", REQUESTS, RESPONSES, CRLS, ASIDE):
        for part in sorted((path / name).glob(".*.part")):
            durable.remove(part)
            yield f"{part.name} was never finished and was removed"


def _close_intents(
    folder: RootFolder, now: datetime, refusal: TrustwrightError | None
) -> Iterator[str]:
    last = max((entry.number for entry, _ in folder.transcript.saying(Intent)), default=0)
    for entry, intent in left_open(folder.transcript):
        adopted = next(_adoptable(folder, entry, intent), None)
        if adopted is None:
            known = refusal if entry.number == last else None
            yield _abandon(folder, (entry, intent), now, known or _CUT_OFF)
            continue
        closing, path = adopted
        folder.record(closing, now)
        yield (
            f"line {entry.number} announced {_name(intent)}; it was cut off after everything was "
            f"signed and checked: {path.parent.name}/{path.name} is complete and was adopted"
        )


def _abandon(
    folder: RootFolder, line: tuple[Entry, Intent], now: datetime, refusal: TrustwrightError
) -> str:
    entry, intent = line
    for path in _candidates(folder, intent):
        durable.move(path, folder.path / ASIDE / f"refused-{entry.number:04d}-{path.name}")
    why = refusal.what[:_LONGEST]
    says = Abandoned(intent=entry.number, serial=intent.serial, rule=refusal.rule, why=why)
    folder.record(says, now)
    serial = (
        f"serial {intent.serial} is abandoned and stands on every later root CRL; "
        if intent.serial
        else ""
    )
    return (
        f"line {entry.number} announced {_name(intent)}; {why}; {serial}"
        "nothing of it was handed out: start it again"
    )


def _adoptable(folder: RootFolder, entry: Entry, intent: Intent) -> Iterator[tuple[Event, Path]]:
    for path in _candidates(folder, intent):
        with contextlib.suppress(FileNotFoundError):
            closing = _adopted(folder, _Left(entry, intent, path, durable.read(path)))
            if closing is not None:
                yield closing, path


def _adopted(folder: RootFolder, left: _Left) -> Event | None:
    """Return the line that closes an intent with what it left; None when that breaks a rule."""
    if left.intent.request is None:
        with contextlib.suppress(PolicyViolation, VerificationError):
            return _adopted_crl(folder, left)
        return None
    # Outside of the judgement: other files of this root say nothing about this one.
    request = kept_request(folder.path, left.intent.request, folder.transcript.path.name)
    history = folder.history
    with contextlib.suppress(PolicyViolation, VerificationError):
        return _adopted_response(folder, left, request, history)
    return None


def _adopted_response(
    folder: RootFolder, left: _Left, request: Request, history: History
) -> Signed:
    number = len(history.answers) + 1
    response = open_response(left.data)
    _check_announced(folder, left, request, response, history)
    found = (left.path.name, left.data, response.number)
    if found != (response_name(request, number), file_form(response), number):
        raise VerificationError("not as it was written", rule="CER-306", where=left.path.name)
    return Signed(
        intent=left.entry.number,
        request=request.digest(),
        response=response.digest(),
        number=number,
        file=left.path.name,
        recovered=True,
    )


def _check_announced(
    folder: RootFolder, left: _Left, request: Request, response: Response, history: History
) -> None:
    own = serial_number(left.intent.serial) if left.intent.serial else 0
    check_response(
        response,
        request,
        root=folder.certificate,
        now=response.signed_at,
        known_serials=history.serials - {own},
        listed=history.listed,
        # The policy that was in force, not what policy.toml says by now.
        domains=from_text(folder.accepted_policy.policy_text).domains,
    )
    check_octets(left.intent, folder.transcript.digest_of(left.entry.number), response)


def check_octets(intent: Intent, line: str, response: Response) -> None:
    """Check that a response holds the octets that an intent line announced.

    Raises:
        VerificationError: rule ``CER-307``.
    """
    announced = (line, intent.certificate_tbs, intent.crl_tbs, intent.crl_number)
    certificate, crl = response.certificate, parse.crl(response.root_crl)
    tbs = sha256_hex(parse.certificate(certificate).tbs_certificate_bytes) if certificate else None
    found = (response.transcript, tbs, sha256_hex(crl.tbs_certlist_bytes), crl_number(crl))
    if announced != found:
        raise VerificationError("holds other octets than its intent announced", rule="CER-307")


def _adopted_crl(folder: RootFolder, left: _Left) -> CrlSigned:
    crl = parse.crl(left.data)
    verify_crl(crl, folder.certificate, at=left.entry.at, freshness=False)
    if sha256_hex(crl.tbs_certlist_bytes) != left.intent.crl_tbs:
        raise VerificationError("is not the CRL that was announced", rule="CER-307")
    return CrlSigned(
        intent=left.entry.number,
        crl_number=left.intent.crl_number,
        crl=sha256_hex(left.data),
        file=left.path.name,
        recovered=True,
    )


def _candidates(folder: RootFolder, intent: Intent) -> Iterator[Path]:
    if intent.request is None:
        places = [folder.path / CRLS / crl_file(intent.crl_number)]
    else:
        pattern = f"*-{intent.request[:12]}.response.json"
        known = {says.file for _, says in folder.transcript.saying(Signed)}
        found = sorted((folder.path / RESPONSES).glob(pattern))
        places = [path for path in found if path.name not in known]
    yield from (path for path in places if path.exists())


def _name(intent: Intent) -> str:
    if intent.act == "sign-intermediate":
        return f"the intermediate of {intent.environment} generation {intent.generation}"
    if intent.act == "revoke-intermediate":
        return f"the revocation of {intent.environment} generation {intent.generation}"
    return f"root CRL {intent.crl_number}"
