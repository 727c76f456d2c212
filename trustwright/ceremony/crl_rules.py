"""CER-231 … CER-239: what the root CRL in a response must be."""

from __future__ import annotations

from trustwright.ceremony.clock_rules import BACKWARDS, crl_time
from trustwright.ceremony.response_case import ResponseCase
from trustwright.ceremony.rules import Problem, RuleBook
from trustwright.clock import utc_text
from trustwright.errors import TrustwrightError
from trustwright.ids import serial_number, serial_text
from trustwright.model.ceremony import Kind
from trustwright.x509 import crl as revocation
from trustwright.x509 import lint, parse

CRL_RULES: RuleBook[ResponseCase] = RuleBook()
_rule = CRL_RULES.rule
_SIGN: Kind = "sign-intermediate"
_REVOKE: Kind = "revoke-intermediate"
_OTHER_RULES = frozenset({"CRL-NUMBER", "CRL-FUTURE", "CRL-STALE"})


@_rule("CER-231", "it holds one readable root CRL and nothing else")
def check_crl_readable(case: ResponseCase) -> Problem | None:
    """Refuse anything but one CRL in the PEM that we write."""
    if case.response.root_crl == parse.pem(case.crl):
        return None
    return Problem("the CRL is not in the PEM form that trustwright-root writes")


@_rule("CER-232", "the pinned root signed the CRL")
def check_crl_signature(case: ResponseCase) -> Problem | None:
    """Refuse a CRL of another issuer, or one that does not speak for every certificate."""
    error = _problem(case)
    if error is None or error.rule in _OTHER_RULES:
        return None
    return Problem(f"{error.what} ({error.rule})")


@_rule("CER-233", "the CRL's number is higher than any before")
def check_crl_number(case: ResponseCase) -> Problem | None:
    """Refuse a CRL without a number, or with one that does not rise (RFC 5280 §5.2.3)."""
    try:
        number = revocation.crl_number(case.crl)
    except TrustwrightError as error:
        return Problem(error.what)
    if number > case.last_crl_number:
        return None
    return Problem(f"CRL number {number}; {case.last_crl_number} was seen before")


@_rule("CER-234", "the CRL is in force")
def check_crl_fresh(case: ResponseCase) -> Problem | None:
    """Refuse a CRL that is stale or lies in the future."""
    error = _problem(case)
    if error is None:
        return None
    return Problem(f"{error.what} ({error.rule})", "ask the root for a fresh CRL: kind root-crl")


@_rule("CER-235", "the CRL was made with the response")
def check_crl_time(case: ResponseCase) -> Problem | None:
    """Refuse a CRL of another time than the response.

    Where the signer's clock ran back a little, the CRL keeps the time of the one before.
    """
    wanted, found = crl_time(case.response.signed_at), case.crl.last_update_utc
    if wanted <= found <= wanted + BACKWARDS:
        return None
    return Problem(f"thisUpdate {utc_text(found)}, expected {utc_text(wanted)}")


@_rule("CER-236", "the CRL does not list the new certificate", _SIGN)
def check_not_listed(case: ResponseCase) -> Problem | None:
    """Refuse a certificate that is revoked on arrival."""
    if not revocation.is_revoked(case.crl, case.certificate.serial_number):
        return None
    return Problem("the CRL lists the serial of the certificate that comes with it")


@_rule("CER-237", "the CRL lists what was to be revoked", _REVOKE)
def check_listed(case: ResponseCase) -> Problem | None:
    """Refuse a revocation that did not take place."""
    serial = case.request.serial or "00"
    if revocation.is_revoked(case.crl, serial_number(serial)):
        return None
    return Problem(f"the CRL does not list {serial}")


@_rule("CER-238", "the CRL breaks no clause")
def check_crl_lint(case: ResponseCase) -> Problem | None:
    """Refuse a CRL with lint findings."""
    findings = lint.lint_crl(case.crl)
    if not findings:
        return None
    return Problem("; ".join(f"{finding.clause}: {finding.message}" for finding in findings))


@_rule("CER-239", "the CRL still lists what an earlier one listed")
def check_still_listed(case: ResponseCase) -> Problem | None:
    """Refuse a CRL that forgives: what is revoked stays revoked."""
    missing = [each for each in case.listed if not revocation.is_revoked(case.crl, each)]
    if not missing:
        return None
    return Problem(f"the CRL no longer lists {', '.join(map(serial_text, sorted(missing)))}")


def _problem(case: ResponseCase) -> TrustwrightError | None:
    try:
        revocation.verify_crl(case.crl, case.root, at=case.now)
    except TrustwrightError as error:
        return error
    return None
