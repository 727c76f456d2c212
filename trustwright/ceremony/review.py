"""A request before it is signed: what is asked, what changes, whether it may be signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trustwright.ceremony.checks import judge_request
from trustwright.ceremony.draft import CrlDraft, draft_certificate, draft_crl
from trustwright.ceremony.extensions import Explained, explain
from trustwright.ceremony.history import Answer, History
from trustwright.ceremony.key_rules import SKIPPED_AT_MOST
from trustwright.ceremony.request import CRL_SUBJECT, short_name
from trustwright.ceremony.request_case import last_generation
from trustwright.ceremony.rules import Verdict
from trustwright.ceremony.shown import printable
from trustwright.ceremony.words import digest_words
from trustwright.clock import utc_text
from trustwright.errors import CeremonyViolation, LintViolation, TrustwrightError
from trustwright.ids import serial_text
from trustwright.model.ceremony import Request
from trustwright.x509 import parse

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from trustwright.ceremony.rootfolder import RootFolder


@dataclass(frozen=True)
class Change:
    """A member of the profile that differs from the last one signed for the environment."""

    member: str
    before: str
    after: str


@dataclass(frozen=True)
class Review:
    """What is known about a request before it is signed.

    Attributes:
        drafted: the intermediate as it would be signed, by a throwaway key; None where it cannot
            be drafted or none is asked for.
        lint: what a draft breaks, or why there is none.
        last: the last answer that certified a key for the environment.
        crl: the root CRL as it would be signed; None where it cannot be drafted.
        affected: the answers whose certificates would be revoked.
    """

    now: datetime
    request: Request
    history: History
    verdicts: tuple[Verdict, ...]
    drafted: Certificate | None
    lint: str
    last: Answer | None
    changes: tuple[Change, ...]
    crl: CrlDraft | None
    affected: tuple[Answer, ...]

    @property
    def revokes(self) -> tuple[str, ...]:
        """Return the serials (hex) that would be revoked."""
        return self.crl.revokes if self.crl else ()

    @property
    def signable(self) -> bool:
        """Return whether every rule holds and the draft is clean."""
        return not self.lint and all(verdict.outcome == "holds" for verdict in self.verdicts)

    @property
    def subject(self) -> str:
        """Return what a person types to say which environment this is about."""
        return self.request.environment or CRL_SUBJECT


def review(folder: RootFolder, request: Request, now: datetime) -> Review:
    """Judge a request; nothing is signed and nothing changed."""
    folder.require_accepted_policy()
    history = folder.history
    verdicts = judge_request(
        request, root=folder.certificate, policy=folder.policy, history=history, now=now
    )
    drafted, crl, lint = _draft(folder, history, request, now)
    last = history.last_intermediate(request.environment)
    revokes = crl.revokes if crl else ()
    return Review(
        now=now,
        request=request,
        history=history,
        verdicts=verdicts,
        drafted=drafted,
        lint=lint,
        last=last,
        changes=tuple(_changes(request, last)),
        crl=crl,
        affected=tuple(
            answer for answer in history.intermediates if serial_text(answer.serial) in revokes
        ),
    )


def refuse_unsignable(review: Review) -> None:
    """Refuse what the page calls not signable.

    Raises:
        CeremonyViolation: for the first rule that is broken.
        LintViolation: every rule holds, but the draft breaks a clause.
    """
    for verdict in review.verdicts:
        if verdict.outcome != "holds":
            raise CeremonyViolation(verdict.problem, rule=verdict.rule, hint=verdict.hint)
    if review.lint:
        raise LintViolation(review.lint, rule="CER-LINT")


def facts(review: Review) -> dict[str, Any]:
    """Return the review as a JSON value."""
    request = review.request
    return {
        "request": short_name(request),
        "digest": request.digest(),
        "words": digest_words(request.digest()),
        "kind": request.kind,
        "environment": request.environment,
        "generation": request.generation,
        "signable": review.signable,
        "lint": review.lint,
        "extensions": [vars(each) for each in explained(review)],
        "changes": [vars(change) for change in review.changes],
        "remarks": list(remarks(review)),
        "revokes": list(review.revokes),
        "revoked_before": [serial_text(entry.serial) for entry in review.history.revoked],
        "crl": _crl_facts(review.crl),
        "this_machine": utc_text(review.now),
        "verdicts": [vars(verdict) for verdict in review.verdicts],
    }


def remarks(review: Review) -> Iterator[str]:
    """Yield what the rules let pass and a person should know: a gap, an answer unseen."""
    request, newest = review.request, review.history.last(review.request.environment)
    if request.kind != "sign-intermediate":
        return
    first, asked = last_generation(review.last) + 1, request.generation or 0
    for left_out in range(first, asked)[:SKIPPED_AT_MOST]:
        yield f"Generation {left_out} is left out: this root never signed it, and never will."
    chained = any(each.rule == "CER-109" and each.outcome == "holds" for each in review.verdicts)
    if chained and newest is not None and request.previous != newest.binding:
        number = newest.response.number
        yield f"The other side does not know response {number}: ask whether it is to be revoked."


def _crl_facts(crl: CrlDraft | None) -> dict[str, Any] | None:
    if crl is None:
        return None
    return {
        "number": crl.number,
        "from": utc_text(crl.this_update),
        "to": utc_text(crl.next_update),
        "entries": len(crl.revoked),
    }


def word_lines(digest: str) -> list[str]:
    """Return the 32 words of a digest in lines of four."""
    return in_lines(digest_words(digest))


def in_lines(words: list[str]) -> list[str]:
    """Return words in columns, four to a line."""
    rows = [words[start : start + 4] for start in range(0, len(words), 4)]
    return [" ".join(f"{word:<13}" for word in row).rstrip() for row in rows]


def _draft(
    folder: RootFolder, history: History, request: Request, now: datetime
) -> tuple[Certificate | None, CrlDraft | None, str]:
    certificate = None
    try:
        if request.kind == "sign-intermediate":
            certificate = draft_certificate(request, folder.certificate, now).certificate
        crl = draft_crl(history, folder.policy, folder.certificate, now, request)
    except TrustwrightError as error:
        return certificate, None, error.what
    return certificate, crl, ""


def _changes(request: Request, last: Answer | None) -> Iterator[Change]:
    if last is None or last.request.profile is None or request.profile is None:
        return
    before, after = last.request.profile.model_dump(), request.profile.model_dump()
    for member, value in after.items():
        if before[member] != value:
            shown = _in_days if member == "validity" else _shown
            yield Change(member.replace("_", " "), shown(before[member]), shown(value))
    old, new = last.spki, _spki(request)
    kept = "the same key again" if old == new else new[:16] + "…"
    yield Change("key", old[:16] + "…", kept)


def _in_days(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    return f"{days} days" + (f" {rest} seconds" if rest else "")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(_shown(each) for each in value.values() if each is not None)
    if isinstance(value, tuple):
        return ", ".join(_shown(each) for each in value) or "none"
    return printable(str(value))


def _spki(request: Request) -> str:
    try:
        return parse.spki_sha256(parse.request(request.csr or ""))
    except TrustwrightError:
        return "unreadable"


def explained(review: Review) -> tuple[Explained, ...]:
    """Return the draft's extensions in words; none where there is no draft."""
    return explain(review.drafted) if review.drafted else ()
