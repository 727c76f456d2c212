"""CER-121 … CER-129: is the key the next of its environment, possessed, allowed and unshared?"""

from __future__ import annotations

from trustwright.ceremony.request_case import RequestCase
from trustwright.ceremony.rules import Problem, RuleBook
from trustwright.errors import TrustwrightError
from trustwright.ids import serial_text
from trustwright.model.ceremony import Kind
from trustwright.x509 import encoding, keys, lint, parse

KEY_RULES: RuleBook[RequestCase] = RuleBook()
_rule = KEY_RULES.rule
_SIGN: Kind = "sign-intermediate"

SKIPPED_AT_MOST = 9
"""Generations in a row that may have been given up unsigned."""


@_rule("CER-121", "its generation is the next", _SIGN)
def check_generation(case: RequestCase) -> Problem | None:
    """Refuse an earlier generation, and one that lies too far ahead.

    The last one may come again over the same key. The other side gives a generation up when its key
    is lost before this root signed it: then the next one that is signed leaves a gap, which the
    page shows, and what was left out can never be signed later.
    """
    asked = case.request.generation or 0
    if case.is_again or 0 <= case.skipped <= SKIPPED_AT_MOST:
        return None
    return Problem(
        f"it asks for generation {asked}; the next is {asked - case.skipped}",
        f"up to {SKIPPED_AT_MOST} may have been given up in between",
    )


@_rule("CER-122", "the last generation again means the same key", _SIGN)
def check_same_key(case: RequestCase) -> Problem | None:
    """Refuse another key under a generation that was signed: a new key is a new generation."""
    if not case.is_again or case.before is None or case.before.spki == case.spki:
        return None
    return Problem(
        f"generation {case.request.generation} was signed over another key",
        f"ask for generation {(case.request.generation or 0) + 1}",
    )


@_rule("CER-123", "its CSR proves possession of the key", _SIGN)
def check_possession(case: RequestCase) -> Problem | None:
    """Refuse a certification request that the key itself did not sign (RFC 2986 §4.2)."""
    if case.csr.is_signature_valid:
        return None
    return Problem("the CSR's signature is not by its own key", "make a new CSR")


@_rule("CER-124", "its CSR names the subject asked for", _SIGN)
def check_csr_subject(case: RequestCase) -> Problem | None:
    """Refuse a certification request for another subject."""
    if case.csr.subject == encoding.subject_name(case.profile.subject):
        return None
    return Problem(
        f"the CSR is for {case.csr.subject.rfc4514_string()!r}, "
        f"the profile for CN={case.profile.subject.common_name!r}"
    )


@_rule("CER-125", "its CSR breaks no clause", _SIGN)
def check_csr_lint(case: RequestCase) -> Problem | None:
    """Refuse a certification request with lint findings."""
    findings = lint.lint_request(case.csr)
    if not findings:
        return None
    return Problem("; ".join(f"{finding.clause}: {finding.message}" for finding in findings))


@_rule("CER-126", "the policy allows its kind of key", _SIGN)
def check_key_kind(case: RequestCase) -> Problem | None:
    """Refuse a kind of key that policy.toml does not list."""
    try:
        kind = keys.key_kind(case.csr.public_key())
    except TrustwrightError as error:
        return Problem(error.what)
    return None if kind in case.policy.keys else Problem(f"the policy allows no {kind}")


@_rule("CER-127", "its key is not the root's", _SIGN)
def check_not_root_key(case: RequestCase) -> Problem | None:
    """Refuse to certify the root's own key."""
    if case.spki != parse.spki_sha256(case.root):
        return None
    return Problem("it asks to certify the root's own key")


@_rule("CER-128", "its key serves no other environment or generation", _SIGN)
def check_key_unused(case: RequestCase) -> Problem | None:
    """Refuse a key that was signed for another environment or generation."""
    mine = (case.request.environment, case.request.generation)
    for answer in case.history.same_key(case.spki):
        if (answer.request.environment, answer.request.generation) != mine:
            return Problem(
                f"this key was signed for {answer.request.environment} "
                f"generation {answer.request.generation}",
                "make a new key: rekey, never share",
            )
    return None


@_rule("CER-129", "its key was never revoked", _SIGN)
def check_key_not_revoked(case: RequestCase) -> Problem | None:
    """Refuse to certify again a key of which any certificate is revoked."""
    for answer in case.history.same_key(case.spki):
        if case.history.is_revoked(answer.serial):
            return Problem(
                f"this key was certified under serial {serial_text(answer.serial)}, "
                "which is revoked",
                "make a new key: a new generation",
            )
    return None
