"""CER-201 … CER-223: what a response and its certificate must be.

The signer enforces them before a response leaves the offline machine, the import gate enforces
them again before anything of it is believed.
"""

from __future__ import annotations

from datetime import timedelta

from trustwright.ceremony.request_case import SKEW
from trustwright.ceremony.response_case import Extensions, ResponseCase
from trustwright.ceremony.rootpolicy import overlap
from trustwright.ceremony.rules import Problem, RuleBook
from trustwright.clock import utc_text
from trustwright.errors import TrustwrightError
from trustwright.ids import SERIAL_BYTES, serial_text
from trustwright.model.ceremony import Kind
from trustwright.x509 import der, lint, parse, path

RESPONSE_RULES: RuleBook[ResponseCase] = RuleBook()
_rule = RESPONSE_RULES.rule
_SIGN: Kind = "sign-intermediate"
_SERIAL_BITS = SERIAL_BYTES * 8 - 1


@_rule("CER-201", "it answers this request")
def check_answers_request(case: ResponseCase) -> Problem | None:
    """Refuse the response to another request."""
    wanted = case.request.digest()
    if case.response.request == wanted:
        return None
    return Problem(
        f"it answers request {case.response.request[:12]}…, not {wanted[:12]}…",
        "submit it to the ceremony that it answers",
    )


@_rule("CER-202", "it comes from the pinned root")
def check_pinned_root(case: ResponseCase) -> Problem | None:
    """Refuse a response that names another root."""
    if case.response.root == case.request.root == parse.fingerprint(case.root):
        return None
    return Problem(f"it names the root {case.response.root[:19]}…")


@_rule("CER-203", "it is of the kind asked for")
def check_kind(case: ResponseCase) -> Problem | None:
    """Refuse another kind of response."""
    if case.response.kind == case.request.kind:
        return None
    return Problem(f"{case.response.kind}, where {case.request.kind} was asked for")


@_rule("CER-204", "it is for the environment that asked")
def check_response_environment(case: ResponseCase) -> Problem | None:
    """Refuse a response for another environment."""
    if case.response.environment == case.request.environment:
        return None
    return Problem(f"it is for {case.response.environment}, not {case.request.environment}")


@_rule("CER-205", "it was signed while the request could be signed")
def check_signing_time(case: ResponseCase) -> Problem | None:
    """Refuse a response signed before the request was made or after it expired."""
    signed = case.response.signed_at
    if case.request.created - SKEW <= signed <= case.request.expires:
        return None
    return Problem(
        f"signed {utc_text(signed)}; the request could be signed from "
        f"{utc_text(case.request.created)} until {utc_text(case.request.expires)}"
    )


@_rule("CER-206", "it was not signed in the future")
def check_not_ahead(case: ResponseCase) -> Problem | None:
    """Refuse a signing time that lies ahead of now."""
    if case.response.signed_at <= case.now + SKEW:
        return None
    return Problem(
        f"signed {utc_text(case.response.signed_at)}, now is {utc_text(case.now)}",
        "compare the clocks of both machines",
    )


@_rule("CER-207", "number 1 follows nothing, every other number something")
def check_number(case: ResponseCase) -> Problem | None:
    """Refuse a response whose number and predecessor contradict each other."""
    if (case.response.number == 1) == (case.response.previous is None):
        return None
    return Problem(f"number {case.response.number} with predecessor {case.response.previous}")


@_rule("CER-208", "it holds one readable certificate and nothing else", _SIGN)
def check_readable(case: ResponseCase) -> Problem | None:
    """Refuse anything but one certificate in the PEM that we write."""
    if case.response.certificate == parse.pem(case.certificate):
        return None
    return Problem("the certificate is not in the PEM form that trustwright-root writes")


@_rule("CER-209", "its certificate is not self-signed", _SIGN)
def check_not_self_signed(case: ResponseCase) -> Problem | None:
    """Refuse a certificate that is its own issuer."""
    fields = der.certificate_fields(case.certificate)
    if fields.subject != fields.issuer:
        return None
    return Problem("the certificate names itself as its issuer")


@_rule("CER-210", "the pinned root signed its certificate", _SIGN)
def check_issued(case: ResponseCase) -> Problem | None:
    """Refuse a certificate whose issuer, key identifier or signature is not the root's."""
    try:
        path.verify_issued(case.certificate, case.root)
    except TrustwrightError as error:
        return Problem(f"{error.what} ({error.rule})")
    return None


@_rule("CER-211", "its certificate is over the key that asked", _SIGN)
def check_public_key(case: ResponseCase) -> Problem | None:
    """Refuse a certificate over another key."""
    if parse.spki_sha256(case.certificate) == parse.spki_sha256(case.csr):
        return None
    return Problem("the certificate is over another public key")


@_rule("CER-212", "its subject is the one asked for", _SIGN)
def check_response_subject(case: ResponseCase) -> Problem | None:
    """Refuse another subject, octet for octet."""
    found = der.certificate_fields(case.certificate).subject
    if found == der.certificate_fields(case.expected).subject:
        return None
    return Problem(f"subject {case.certificate.subject.rfc4514_string()!r}")


@_rule("CER-213", "no extension is missing", _SIGN)
def check_no_extension_missing(case: ResponseCase) -> Problem | None:
    """Refuse a certificate without an extension that was asked for."""
    return _listed("missing", set(case.expected_extensions) - set(case.extensions))


@_rule("CER-214", "no extension is added", _SIGN)
def check_no_extension_added(case: ResponseCase) -> Problem | None:
    """Refuse a certificate with an extension that nobody asked for."""
    return _listed("added", set(case.extensions) - set(case.expected_extensions))


@_rule("CER-215", "every extension is as critical as asked for", _SIGN)
def check_criticality(case: ResponseCase) -> Problem | None:
    """Refuse an extension whose critical flag was turned."""
    return _listed("of other criticality", _differing(case, 0))


@_rule("CER-216", "every extension says what was asked for", _SIGN)
def check_extension_values(case: ResponseCase) -> Problem | None:
    """Refuse an extension with other octets."""
    return _listed("of other content", _differing(case, 1))


@_rule("CER-217", "it lives as long as asked for", _SIGN)
def check_lifetime(case: ResponseCase) -> Problem | None:
    """Refuse another time between notBefore and notAfter."""
    found = case.certificate.not_valid_after_utc - case.certificate.not_valid_before_utc
    wanted = timedelta(seconds=case.profile.validity + case.profile.backdate)
    if found == wanted:
        return None
    return Problem(f"valid for {found}, where {wanted} was asked for")


@_rule("CER-218", "it begins when it was signed", _SIGN)
def check_start(case: ResponseCase) -> Problem | None:
    """Refuse a notBefore that is not the signing time less the backdating asked for."""
    found = case.certificate.not_valid_before_utc
    wanted = case.response.signed_at - timedelta(seconds=case.profile.backdate)
    if found == wanted:
        return None
    return Problem(f"notBefore {utc_text(found)}, expected {utc_text(wanted)}")


@_rule("CER-219", "its serial is new", _SIGN)
def check_serial_unused(case: ResponseCase) -> Problem | None:
    """Refuse a serial that this root has used (RFC 5280 §4.1.2.2)."""
    taken = {case.root.serial_number, *case.known_serials}
    if case.certificate.serial_number not in taken:
        return None
    return Problem(f"serial {serial_text(case.certificate.serial_number)} was used before")


@_rule("CER-220", "its serial is long enough to be unguessable", _SIGN)
def check_serial_length(case: ResponseCase) -> Problem | None:
    """Refuse a serial that is not of the 20 octets that trustwright-root draws."""
    if case.certificate.serial_number.bit_length() == _SERIAL_BITS:
        return None
    return Problem(f"serial {serial_text(case.certificate.serial_number)}")


@_rule("CER-221", "its to-be-signed octets are exactly those asked for", _SIGN)
def check_octets(case: ResponseCase) -> Problem | None:
    """Refuse whatever the rules above did not name: the certificate is built again and compared."""
    found, wanted = case.certificate.tbs_certificate_bytes, case.expected.tbs_certificate_bytes
    if found == wanted:
        return None
    return Problem("the certificate's octets differ from those that the request fixes")


@_rule("CER-222", "its certificate breaks no clause", _SIGN)
def check_lint(case: ResponseCase) -> Problem | None:
    """Refuse a certificate with lint findings."""
    findings = lint.lint_certificate(case.certificate, "intermediate")
    if not findings:
        return None
    return Problem("; ".join(f"{finding.clause}: {finding.message}" for finding in findings))


@_rule("CER-223", "its names are its environment's and nobody else's", _SIGN)
def check_domain(case: ResponseCase) -> Problem | None:
    """Refuse a permitted subtree that is not this environment's, or that another one shares."""
    constraints = case.profile.name_constraints
    permitted = constraints.permitted_dns if constraints else ()
    mine = case.request.environment or ""
    if permitted != (case.domains.get(mine),):
        return Problem(f"permitted {', '.join(permitted) or 'everything'}, for {mine}")
    for name, domain in case.domains.items():
        if name != mine and overlap(permitted[0], domain):
            return Problem(f"{permitted[0]} reaches into {domain}, which is {name}'s")
    return None


def _differing(case: ResponseCase, part: int) -> set[str]:
    found, wanted = case.extensions, case.expected_extensions
    both: Extensions = {oid: found[oid] for oid in found if oid in wanted}
    return {oid for oid, value in both.items() if value[part] != wanted[oid][part]}


def _listed(how: str, oids: set[str]) -> Problem | None:
    return Problem(f"extension {', '.join(sorted(oids))} {how}") if oids else None
