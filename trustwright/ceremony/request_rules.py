"""CER-101 … CER-112: is the request for this root, in time, new, and next in its chain?

And, for ``revoke-intermediate``, does it name something that this root signed?
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from trustwright.ceremony.clock_rules import out_of_force, runs_backwards
from trustwright.ceremony.history import Answer
from trustwright.ceremony.request_case import SKEW, RequestCase
from trustwright.ceremony.rules import Problem, RuleBook
from trustwright.clock import utc_text
from trustwright.ids import serial_number, serial_text
from trustwright.model.ceremony import Kind, Request
from trustwright.x509 import parse

GENERAL_RULES: RuleBook[RequestCase] = RuleBook()
_rule = GENERAL_RULES.rule
_SIGN: Kind = "sign-intermediate"
_REVOKE: Kind = "revoke-intermediate"


@_rule("CER-101", "it asks this root")
def check_root(case: RequestCase) -> Problem | None:
    """Refuse a request that another root should answer."""
    own = parse.fingerprint(case.root)
    if case.request.root == own:
        return None
    return Problem(f"it asks the root {case.request.root[:19]}…, this is {own[:19]}…")


@_rule("CER-102", "this machine's clock runs on")
def check_clock(case: RequestCase) -> Problem | None:
    """Refuse to work with a clock that lies before the last transcript line."""
    return runs_backwards(case.history.last_at, case.now)


@_rule("CER-103", "this root is in force")
def check_root_in_force(case: RequestCase) -> Problem | None:
    """Refuse to sign with a root that is not valid now."""
    return out_of_force(case.root, case.now)


@_rule("CER-104", "it was not made in the future")
def check_created(case: RequestCase) -> Problem | None:
    """Refuse a request that is not valid yet."""
    if case.request.created <= case.now + SKEW:
        return None
    return Problem(
        f"it was created {utc_text(case.request.created)}, now is {utc_text(case.now)}",
        "compare the clocks of both machines",
    )


@_rule("CER-105", "it has not expired")
def check_expiry(case: RequestCase) -> Problem | None:
    """Refuse a request after its expiry."""
    if case.now <= case.request.expires:
        return None
    return Problem(f"it expired {utc_text(case.request.expires)}", "seal a new request")


@_rule("CER-106", "it may be signed for a bearable time")
def check_age(case: RequestCase) -> Problem | None:
    """Refuse a request that could be signed for longer than the policy allows."""
    asked = case.request.expires - case.request.created
    limit = timedelta(seconds=case.policy.maximum_request_age)
    if asked <= limit:
        return None
    return Problem(f"it may be signed for {asked.days} days; the policy allows {limit.days}")


@_rule("CER-107", "its texts can be shown as they are")
def check_texts(case: RequestCase) -> Problem | None:
    """Refuse control characters, which could draw another page than the one that is judged."""
    for where, text in _texts(case.request):
        if not text.isprintable():
            return Problem(f"{where} has a character that cannot be shown")
    return None


@_rule("CER-108", "it was not answered before")
def check_replay(case: RequestCase) -> Problem | None:
    """Refuse to answer one request twice."""
    answer = case.history.answer_to(case.request.digest())
    if answer is None:
        return None
    return Problem(
        f"answered {utc_text(answer.response.signed_at)} by response {answer.response.number}, "
        f"{answer.file}",
        "sign --reprint writes the same response again, without a signature",
    )


@_rule("CER-109", "it follows the last response")
def check_chain(case: RequestCase) -> Problem | None:
    """Refuse a request that does not know what was signed last.

    What was signed is named by its binding, not by the digest of a file: parts of a response file
    could be changed on its way without breaking a signature.

    When the last generation is asked for once more, or the one after it, naming what the last
    request named is enough: its response may never have reached the other side, which gave its
    generation up. The page says so.
    """
    last = case.history.last(case.request.environment)
    expected = [last.binding if last else None]
    if _may_have_missed(case, last) and last is not None:
        expected.append(last.request.previous)
    if case.request.previous in expected:
        return None
    return Problem(
        f"it names {_short(case.request.previous)} as the last response, "
        f"this root knows {expected[0] or 'none'}",
        "bring that response to the other side first; sign --reprint writes it again",
    )


@_rule("CER-110", "the policy knows its environment", _SIGN)
def check_environment(case: RequestCase) -> Problem | None:
    """Refuse an environment that policy.toml does not name.

    Not when something is to be revoked: what was signed for an environment stays revocable after
    the environment has left the policy.
    """
    if case.request.environment in case.policy.environments:
        return None
    known = ", ".join(case.policy.environments)
    return Problem(
        f"the policy knows {known}, not {case.request.environment}",
        "add it to policy.toml, then: trustwright-root policy --accept",
    )


@_rule("CER-111", "this root signed what it revokes, for that environment", _REVOKE)
def check_known_serial(case: RequestCase) -> Problem | None:
    """Refuse to revoke a serial that is not this environment's and generation's."""
    serial = case.request.serial or ""
    answer = case.history.with_serial(serial)
    mine = (case.request.environment, case.request.generation)
    if answer and (answer.request.environment, answer.request.generation) == mine:
        return None
    return Problem(
        f"serial {serial} is not an intermediate of {case.request.environment} "
        f"generation {case.request.generation}",
        f"known: {', '.join(_serials(case)) or 'none'}",
    )


@_rule("CER-112", "what it revokes is not revoked yet", _REVOKE)
def check_not_revoked(case: RequestCase) -> Problem | None:
    """Refuse to revoke twice."""
    serial = case.request.serial or "00"
    if not case.history.is_revoked(serial_number(serial)):
        return None
    return Problem(f"serial {serial} is on the root CRL already", "ask for root-crl instead")


def _may_have_missed(case: RequestCase, last: Answer | None) -> bool:
    """Return whether the other side may never have seen the last answer: it certified a key."""
    return case.before is last and (case.kind == _SIGN or case.is_again)


def _texts(request: Request) -> Iterator[tuple[str, str]]:
    yield "reason", request.reason
    yield "requested_by", request.requested_by
    if request.profile is not None:
        subject = request.profile.subject
        yield "organization", subject.organization
        yield "unit", subject.unit or ""
        yield "common name", subject.common_name
        for url in (*request.profile.crl_urls, *request.profile.issuer_urls):
            yield "url", url


def _serials(case: RequestCase) -> list[str]:
    return [
        serial_text(answer.serial)
        for answer in case.history.intermediates
        if answer.request.environment == case.request.environment
    ]


def _short(digest: str | None) -> str:
    return f"{digest[:12]}…" if digest else "none"
