"""The transcript judged from its first line to its last, with every file and signature in it.

Rules beside those of `trustwright.ceremony.transcript`: CER-306 a file is missing or changed;
CER-307 a signature does not verify, or is not the announced one; CER-308 CRL numbers do not rise;
CER-309 a file is there that no line accounts for; CER-310 a line closes an intent that is missing
or closed; CER-318 the versions of the policy do not rise; CER-319 an intent says something else
than its request, or its request broke a rule then; CER-320 a line that needs the root key bears no
code of its holder (whether it is the right one, only the key can tell). CER-239 holds for every
root CRL: exactly what was revoked or abandoned before stands on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trustwright.ceremony import transcript
from trustwright.ceremony.checks import check_request, check_response
from trustwright.ceremony.clock_rules import crl_time
from trustwright.ceremony.draft import revoked_by
from trustwright.ceremony.entries import (
    Abandoned,
    Created,
    CrlSigned,
    Entry,
    Intent,
    PolicyAccepted,
    Repaired,
    Signed,
)
from trustwright.ceremony.history import Answer, History
from trustwright.ceremony.ledger import (
    ABANDONED_REASON,
    ASIDE,
    CRLS,
    RESPONSES,
    answer_of,
    intent_of,
)
from trustwright.ceremony.mac import check_present
from trustwright.ceremony.recovery import check_octets, left_open, recover, unfinished
from trustwright.ceremony.rootpolicy import RootPolicy, from_text
from trustwright.errors import TrustwrightError, VerificationError
from trustwright.ids import serial_number, serial_text, sha256_hex
from trustwright.x509 import parse
from trustwright.x509.crl import Revoked, crl_number, verify_crl

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

    from trustwright.ceremony.rootfolder import RootFolder


@dataclass
class Audit:
    """What was verified.

    Attributes:
        open: what a power cut left, for the next start to close.
    """

    lines: int = 0
    responses: int = 0
    crls: int = 0
    abandoned: int = 0
    head: str = ""
    open: list[str] = field(default_factory=list)


@dataclass
class _Walk:
    """Where the walk stands."""

    record: transcript.Transcript
    folder: Path
    root: Certificate
    audit: Audit
    policy: RootPolicy | None = None
    crl_number: int = 0
    previous: str | None = None
    answers: list[Answer] = field(default_factory=list)
    serials: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    revoked: dict[int, Revoked] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


def audit(path: Path, root: Certificate, *, head: str | None = None) -> Audit:
    """Judge the transcript at `path`, and the files in its folder.

    Args:
        path: of ``transcript.jsonl``.
        root: the root's certificate.
        head: a digest that a witness wrote down; some line must have it.

    Raises:
        VerificationError: naming rule and line.
    """
    record = transcript.read(path, head=head)
    found = Audit(len(record.entries), head=record.head, open=unfinished(record))
    walk = _Walk(record, path.parent, root, found)
    for entry in record.entries:
        _judge(walk, entry)
    _check_strays(walk)
    return found


def prepare(folder: RootFolder, now: datetime) -> list[str]:
    """Bring a folder into order before its key is opened; return what was done, a sentence each.

    What the record no longer knows, the root would do a second time and in another way: give a CRL
    number again, leave a revoked certificate off. So all of it is audited, after what a power cut
    left is closed.

    Raises:
        VerificationError: the transcript or a file does not hold.
        CeremonyViolation: the time cannot be; nothing was touched.
        ConfigurationError: the folder cannot be written; what is open stays open.
    """
    done = recover(folder, now)
    audit(folder.transcript.path, folder.certificate)
    return done


def _judge(walk: _Walk, entry: Entry) -> None:
    says = entry.says
    where = f"{walk.record.path.name}:{entry.number}"
    check_present(entry, where)
    if isinstance(says, Created | PolicyAccepted):
        _judge_policy(walk, entry, says, where)
    elif isinstance(says, Intent):
        _judge_intent(walk, says, where)
    elif isinstance(says, Signed):
        _judge_response(walk, entry, says, where)
    elif isinstance(says, CrlSigned):
        _judge_crl(walk, entry, says, where)
    elif isinstance(says, Abandoned):
        _judge_abandoned(walk, entry, says, where)
    elif isinstance(says, Repaired):
        _file(walk, ASIDE, says.file, says.octets, where)


def _judge_policy(walk: _Walk, entry: Entry, says: Created | PolicyAccepted, where: str) -> None:
    if isinstance(says, Created) != (entry.number == 1):
        raise _broken("CER-311", "the first line, and no other, creates the root", where)
    if isinstance(says, Created) and says.root != parse.fingerprint(walk.root):
        raise _broken("CER-311", "is of another root", where)
    if sha256_hex(says.policy_text.encode()) != says.policy:
        raise _broken("CER-306", "the policy in it has another digest", where)
    policy = from_text(says.policy_text)
    if isinstance(says, PolicyAccepted):
        before = walk.policy.version if walk.policy else 0
        if not before < policy.version == says.version:
            raise _broken("CER-318", f"policy version {says.version} after {before}", where)
    walk.policy = policy


def _judge_intent(walk: _Walk, says: Intent, where: str) -> None:
    if says.crl_number <= walk.crl_number:
        what = f"CRL number {says.crl_number} after {walk.crl_number}"
        raise _broken("CER-308", what, where)
    walk.crl_number = says.crl_number
    if walk.policy is None or says.policy != walk.policy.digest():
        raise _broken("CER-319", "it was announced under a policy that was not in force", where)


def _judge_abandoned(walk: _Walk, entry: Entry, says: Abandoned, where: str) -> None:
    intent = _closed(walk, entry, says)
    if says.serial != intent.serial:
        raise _broken("CER-310", "it abandons another serial than was announced", where)
    if says.serial is not None:
        serial = serial_number(says.serial)
        walk.revoked[serial] = Revoked(serial, crl_time(entry.at), ABANDONED_REASON)
    walk.audit.abandoned += 1


def _judge_response(walk: _Walk, entry: Entry, says: Signed, where: str) -> None:
    intent = _closed(walk, entry, says)
    answer = answer_of(walk.record, walk.folder, (entry, says))
    response = answer.response
    number = walk.audit.responses + 1
    if (says.number, response.number, response.previous) != (number, number, walk.previous):
        raise _broken("CER-307", "its response is not the next of this root", where)
    announced = walk.record.entries[says.intent - 1]
    _judge_request(walk, intent, answer, announced, where)
    try:
        check_octets(intent, walk.record.digest_of(says.intent), response)
        check_response(
            response,
            answer.request,
            root=walk.root,
            now=response.signed_at,
            known_serials=walk.serials,
            domains=walk.policy.domains if walk.policy else {},
        )
    except TrustwrightError as error:
        raise _broken("CER-307", f"{error.what} ({error.rule})", where) from None
    since, reason = crl_time(announced.at), answer.request.revocation_reason
    for serial in map(serial_number, intent.revokes):
        walk.revoked[serial] = Revoked(serial, since, reason or "unspecified")
    _judge_entries(walk, parse.crl(response.root_crl), where)
    walk.answers.append(answer)
    walk.serials.add(answer.serial)
    walk.previous = response.digest()
    walk.files.add(says.file)
    walk.audit.responses += 1


def _judge_crl(walk: _Walk, entry: Entry, says: CrlSigned, where: str) -> None:
    intent = _closed(walk, entry, says)
    data = _file(walk, CRLS, says.file, says.crl, where)
    try:
        crl = parse.crl(data)
        verify_crl(crl, walk.root, at=entry.at, freshness=False)
    except TrustwrightError as error:
        raise _broken("CER-307", f"{error.what} ({error.rule})", where) from None
    found = (sha256_hex(crl.tbs_certlist_bytes), crl_number(crl))
    if found != (intent.crl_tbs, says.crl_number) or says.crl_number != intent.crl_number:
        raise _broken("CER-307", "its CRL is not the announced one", where)
    _judge_entries(walk, crl, where)
    walk.audit.crls += 1


def _closed(walk: _Walk, entry: Entry, says: Signed | CrlSigned | Abandoned) -> Intent:
    """Return the intent that a line closes. Twice would put a living serial on the CRL."""
    intent = intent_of(walk.record, entry, says.intent)
    if says.intent in walk.closed:
        where = f"{walk.record.path.name}:{entry.number}"
        raise _broken("CER-310", f"line {says.intent} was closed before", where)
    walk.closed.add(says.intent)
    return intent


def _judge_request(
    walk: _Walk, intent: Intent, answer: Answer, announced: Entry, where: str
) -> None:
    """Ask what the signer asked, with the policy and the history of that day."""
    request, before = answer.request, walk.record.entry(announced.number - 1)
    history = History(
        answers=tuple(walk.answers),
        revoked=tuple(walk.revoked.values()),
        serials=frozenset(walk.serials),
        last_at=before.at if before else None,
    )
    now = answer.response.signed_at
    try:
        revokes = revoked_by(history, request, now)
        check_request(request, root=walk.root, policy=_in_force(walk), history=history, now=now)
    except TrustwrightError as error:
        raise _broken("CER-319", f"its request: {error.what} ({error.rule})", where) from None
    said = (intent.act, intent.request, intent.environment, intent.generation, intent.revokes)
    if said != (
        request.kind,
        request.digest(),
        request.environment,
        request.generation,
        tuple(serial_text(each.serial) for each in revokes),
    ):
        raise _broken("CER-319", "its intent says something else than its request", where)


def _in_force(walk: _Walk) -> RootPolicy:
    if walk.policy is None:
        raise VerificationError("no policy was fixed", rule="CER-311")
    return walk.policy


def _judge_entries(walk: _Walk, crl: CertificateRevocationList, where: str) -> None:
    found = {(entry.serial_number, entry.revocation_date_utc) for entry in crl}
    if found != {(entry.serial, entry.at) for entry in walk.revoked.values()}:
        raise _broken("CER-239", "its CRL does not list what was revoked until then", where)


def _file(walk: _Walk, place: str, name: str, digest: str, where: str) -> bytes:
    path = walk.folder / place / Path(name).name
    data = path.read_bytes() if path.is_file() else b""
    if sha256_hex(data) != digest:
        raise _broken("CER-306", f"its file {place}/{path.name} is missing or was changed", where)
    walk.files.add(path.name)
    return data


def _check_strays(walk: _Walk) -> None:
    if left_open(walk.record):
        return  # the next start adopts or moves what the open intent left
    for path in _kept(walk.folder):
        if path.name not in walk.files:
            raise _broken(
                "CER-309",
                f"no line accounts for {path.parent.name}/{path.name}: lines after "
                f"line {len(walk.record.entries)} are missing, or the file was put there",
                f"{walk.record.path.name}:{len(walk.record.entries) + 1}",
            )


def _kept(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / RESPONSES).glob("*.response.json"))
    yield from sorted((folder / CRLS).glob("*.pem"))


def _broken(rule: str, what: str, where: str) -> VerificationError:
    return VerificationError(
        what, rule=rule, hint="compare with a copy before you sign anything", where=where
    )
