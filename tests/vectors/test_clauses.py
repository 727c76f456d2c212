"""Every clause of the lint has good cases that it passes and bad cases that it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import pytest
from cryptography import x509

from tests.vectors import octets, pki
from tests.vectors.bad_certificates import BAD, Bad
from tests.vectors.bad_crls import BAD_CRLS, BAD_REQUESTS, good_crls, good_requests
from trustwright.errors import LintViolation
from trustwright.x509 import build, parse
from trustwright.x509.lint import (
    Finding,
    Kind,
    house,
    lint_certificate,
    lint_crl,
    lint_request,
    refuse,
    rfc5280,
)
from trustwright.x509.lint.clause import Clause
from trustwright.x509.lint.crl import CRL
from trustwright.x509.lint.request import REQUEST

CERTIFICATE_CLAUSES = list(chain(rfc5280.CERTIFICATE, house.CERTIFICATE))
# One bad case has a name that is too long: the library warns, the clause is what we test.
pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be:UserWarning")

KINDS: tuple[Kind, ...] = ("root", "intermediate", "anchor", "end-entity")


def _cases(table: Mapping[str, Sequence[object]]) -> list[object]:
    return [
        pytest.param(clause, case, id=f"{clause}-{number}")
        for clause, cases in table.items()
        for number, case in enumerate(cases, 1)
    ]


def _clauses(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.clause for finding in findings}


def test_every_clause_has_bad_cases() -> None:
    """A clause without a bad case, or a bad case without a clause, does not get in."""
    assert {clause.identifier for clause in CERTIFICATE_CLAUSES} == BAD.keys()
    assert {clause.identifier for clause in CRL} == BAD_CRLS.keys()
    assert {clause.identifier for clause in REQUEST} == BAD_REQUESTS.keys()
    assert all([*BAD.values(), *BAD_CRLS.values(), *BAD_REQUESTS.values()])


@pytest.mark.parametrize("clause", CERTIFICATE_CLAUSES, ids=lambda clause: clause.identifier)
def test_a_clause_passes_the_good_cases(clause: Clause[x509.Certificate]) -> None:
    """A clause finds nothing in the good certificates that it applies to, and says its rule."""
    assert clause.rule.endswith(".")
    assert clause.kinds
    for kind in clause.kinds:
        for certificate in pki.good(kind):
            assert list(clause.findings(certificate, kind)) == []


@pytest.mark.parametrize(("clause", "case"), _cases(BAD))
def test_a_clause_finds_the_bad_certificate(clause: str, case: Bad) -> None:
    """The bad certificate has a finding under the clause that it breaks."""
    kind, make = case
    assert clause in _clauses(lint_certificate(make(), kind))


@pytest.mark.parametrize(("clause", "make"), _cases(BAD_CRLS))
def test_a_clause_finds_the_bad_crl(
    clause: str, make: Callable[[], x509.CertificateRevocationList]
) -> None:
    """The bad CRL has a finding under the clause that it breaks."""
    assert clause in _clauses(lint_crl(make()))


@pytest.mark.parametrize(("clause", "make"), _cases(BAD_REQUESTS))
def test_a_clause_finds_the_bad_request(
    clause: str, make: Callable[[], x509.CertificateSigningRequest]
) -> None:
    """The bad request has a finding under the clause that it breaks."""
    assert clause in _clauses(lint_request(make()))


@pytest.mark.parametrize("kind", KINDS)
def test_good_certificates_are_clean(kind: Kind) -> None:
    """What the project builds has no finding at all, also after a trip through PEM."""
    for certificate in pki.good(kind):
        assert lint_certificate(parse.certificate(parse.pem(certificate)), kind) == ()


def test_good_crls_and_requests_are_clean() -> None:
    """CRLs with and without entries and plain requests have no finding."""
    assert [lint_crl(crl) for crl in good_crls()] == [(), (), ()]
    assert [lint_request(request) for request in good_requests()] == [(), ()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_certificate_of_one_kind_is_none_of_another(kind: Kind, other: Kind) -> None:
    """A good certificate linted as another kind has findings."""
    for certificate in pki.good(kind):
        assert (lint_certificate(certificate, other) == ()) == (kind == other)


def test_a_root_that_lives_past_2049_is_clean() -> None:
    """From 2050 on a time is a GeneralizedTime, which the clause accepts."""
    draft = pki.Draft.of(pki.root().certificate)
    profile = pki.ROOT_PROFILE
    certificate = build.sign_certificate(
        profile.__class__(
            **{**profile.model_dump(), "validity": 25 * 365 * pki.DAY, "subject": profile.subject}
        ),
        public_key=pki.root().key.public_key(),
        serial=draft.serial,
        signed_at=pki.NOW,
        issuer_key=pki.root().key,
        issuer_name=draft.subject,
        issuer_skid=None,
    )
    assert certificate.not_valid_after_utc.year == 2051
    assert lint_certificate(certificate, "root") == ()


def test_an_unreadable_certificate_has_one_finding() -> None:
    """One extension twice cannot be read, so nothing else is said about the certificate."""
    whole = parse.der(pki.end_entity())

    def twice(fields: octets.Parts) -> octets.Parts:
        listed = octets.parts(octets.parts(fields[7])[0])
        again = octets.tlv(0xA3, octets.tlv(0x30, *listed, listed[-1]))
        return octets.put(7, again)(fields)

    bad = octets.rebuild(whole, pki.intermediate().key, twice)
    findings = lint_certificate(x509.load_der_x509_certificate(bad), "end-entity")
    assert [finding.clause for finding in findings] == ["X509-PARSE"]


def test_refuse_names_every_finding() -> None:
    """The error's rule is the first clause, its text names all; no finding, no error."""
    refuse(())
    with pytest.raises(LintViolation) as caught:
        refuse((Finding("RFC5280-4.2", "one"), Finding("HOUSE-KEY", "two")))
    assert caught.value.rule == "RFC5280-4.2"
    assert caught.value.what == "RFC5280-4.2: one; HOUSE-KEY: two"
