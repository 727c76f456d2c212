"""The page that a tired person can judge: a review as text for a terminal of 80 columns.

What others wrote stands behind ``| ``: see `trustwright.ceremony.shown.quoted`.
"""

from __future__ import annotations

from collections.abc import Iterator

from trustwright.ceremony.extensions import validity_words
from trustwright.ceremony.history import Answer
from trustwright.ceremony.request import short_name
from trustwright.ceremony.review import Review, explained, in_lines, remarks
from trustwright.ceremony.shown import printable, quoted
from trustwright.ceremony.words import CONFIRMED_WORDS, digest_words
from trustwright.clock import utc_text
from trustwright.ids import serial_text
from trustwright.x509 import parse

_LEFT = 16
_RULE = 9
_MASK = "········"


def page(review: Review, *, masked: bool = False) -> str:
    """Return the review as text for a terminal.

    Args:
        review: what is known.
        masked: hide the words that a person types back, and the hex digits that stand for them,
            also those of the request's name, so that they can only come from the other side.
    """
    parts = (_head(review, masked=masked), _asked(review), _compared(review), _judged(review))
    return "\n".join(line for part in parts for line in part) + "\n"


def _row(left: str, right: str) -> str:
    return f"  {left:<{_LEFT}} {right}"


def _foreign(left: str, text: str) -> Iterator[str]:
    for number, line in enumerate(quoted(text)):
        yield _row("" if number else left, line)


def _head(review: Review, *, masked: bool) -> Iterator[str]:
    request = review.request
    name, beginning = short_name(request), request.digest()[:12]
    yield f"REQUEST {name.removesuffix(beginning) + _MASK if masked else name}"
    yield f"  this machine's time: {utc_text(review.now)}"
    yield ""
    yield _row("may be signed", f"{utc_text(request.created)} to {utc_text(request.expires)}")
    yield from _digest_lines(request.digest(), masked=masked)
    yield from _foreign("reason", request.reason)
    yield from _foreign("claims to be by", request.requested_by)


def _digest_lines(digest: str, *, masked: bool) -> Iterator[str]:
    words = digest_words(digest)
    if masked:
        words[:CONFIRMED_WORDS] = [_MASK] * CONFIRMED_WORDS
    yield _row("digest", _MASK * 4 if masked else digest[:32])
    yield _row("", digest[32:])
    for number, line in enumerate(in_lines(words)):
        yield _row("in words" if number == 0 else "", line)
    if masked:
        yield _row("", f"The other side shows the first {CONFIRMED_WORDS} words; type those.")


def _asked(review: Review) -> Iterator[str]:
    request = review.request
    yield ""
    yield "WHAT IS ASKED"
    yield ""
    if request.kind == "sign-intermediate":
        yield from _asked_intermediate(review)
    elif request.kind == "revoke-intermediate":
        yield from _asked_revocation(review)
    else:
        yield "  A fresh CRL of the root; no certificate."
    yield from _listed(review)


def _asked_intermediate(review: Review) -> Iterator[str]:
    request = review.request
    yield (
        f"  Make an issuing authority for {request.environment}, generation {request.generation}."
    )
    if review.drafted is None:
        return
    yield from _foreign("subject", review.drafted.subject.rfc4514_string())
    yield _row("valid", validity_words(review.drafted))
    yield _row("key", f"SHA-256 {parse.spki_sha256(review.drafted)[:32]}…")
    for each in explained(review):
        critical = " (critical)" if each.critical else ""
        yield f"  {each.name}{critical}"
        yield from (f"      {line}" for line in quoted(each.meaning))


def _asked_revocation(review: Review) -> Iterator[str]:
    request = review.request
    whose = f"{request.environment}, generation {request.generation}"
    yield f"  Revoke the intermediate of {whose}."
    yield _row("serial", request.serial or "")
    yield _row("because of", (request.revocation_reason or "").replace("_", " "))
    for answer in review.affected:
        yield _row("will be revoked", _certified(review, answer))
        yield _row("", f"serial {serial_text(answer.serial)}")
        yield from _foreign("", _subject(answer))


def _certified(review: Review, answer: Answer) -> str:
    end = parse.certificate(answer.response.certificate or "").not_valid_after_utc
    newest = review.history.last_intermediate(answer.request.environment)
    in_force = newest is not None and newest.serial == answer.serial and review.now < end
    said = f"response {answer.response.number}, valid to {end:%Y-%m-%d %H:%M} UTC"
    return f"{said}, THE ONE IN FORCE" if in_force else said


def _subject(answer: Answer) -> str:
    return parse.certificate(answer.response.certificate or "").subject.rfc4514_string()


def _listed(review: Review) -> Iterator[str]:
    """Say what the CRL that is signed with every answer lists."""
    if review.crl is not None:
        crl = review.crl
        count = len(crl.revoked)
        listed = "1 entry" if count == 1 else f"{count} entries"
        yield _row("root CRL", f"number {crl.number} is signed with it, {listed}")
        yield _row("", f"from {utc_text(crl.this_update)} to {utc_text(crl.next_update)}")
    before = review.history.revoked
    if not before:
        yield _row("revoked before", "nothing")
    for entry in before:
        answer = review.history.with_serial(serial_text(entry.serial))
        reason = entry.reason.replace("_", " ")
        yield _row("revoked before", f"{utc_text(entry.at)}, {reason}: {_whose(answer)}")
        yield _row("", f"serial {serial_text(entry.serial)}")


def _whose(answer: Answer | None) -> str:
    if answer is None:
        return "never handed out"
    request = answer.request
    return (
        f"{request.environment} generation {request.generation}, response {answer.response.number}"
    )


def _compared(review: Review) -> Iterator[str]:
    if review.request.kind != "sign-intermediate":
        return
    yield ""
    if review.last is None:
        yield "WHAT CHANGES"
        yield ""
        yield f"  The first intermediate of {review.request.environment}: nothing to compare with."
        yield from (f"  {each}" for each in remarks(review))
        return
    serial = serial_text(review.last.serial)
    yield f"WHAT CHANGES against response {review.last.response.number} (serial {serial})"
    yield ""
    for change in review.changes:
        yield from _foreign(change.member, change.before)
        yield from _foreign(f"{'becomes':>{_LEFT}}", change.after)
    yield from (f"  {each}" for each in remarks(review))


def _judged(review: Review) -> Iterator[str]:
    yield ""
    yield "RULES"
    yield ""
    for verdict in review.verdicts:
        mark = {"holds": "ok ", "broken": "NO "}.get(verdict.outcome, " ? ")
        yield f"  {verdict.rule:<{_RULE}} {mark} {verdict.title}"
        if verdict.problem:
            yield from (f"  {'':<{_RULE}}     {line}" for line in quoted(verdict.problem))
        if verdict.hint:
            yield f"  {'':<{_RULE}}     → {printable(verdict.hint)}"
    yield f"  {'lint':<{_RULE}} " + (
        "NO  a clause is broken" if review.lint else "ok  no clause broken"
    )
    if review.lint:
        yield from (f"  {'':<{_RULE}}     {line}" for line in quoted(review.lint))
    yield ""
    yield _verdict(review)


def _verdict(review: Review) -> str:
    if review.signable:
        return "SIGNABLE. Compare the words with those that the other side shows, then sign."
    broken = [each.rule for each in review.verdicts if each.outcome == "broken"]
    return f"NOT SIGNABLE: {', '.join(broken) or 'the draft breaks a clause'}"
