"""Linting: every clause that a certificate, CRL or certification request of ours must keep.

One function per clause; the identifier of the clause is that of its finding and of its test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustwright.errors import LintViolation, VerificationError
from trustwright.x509 import parse
from trustwright.x509.lint import crl as crl_clauses
from trustwright.x509.lint import house, rfc5280
from trustwright.x509.lint import request as request_clauses
from trustwright.x509.lint.clause import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

__all__ = ["Finding", "Kind", "lint_certificate", "lint_crl", "lint_request", "refuse"]


def lint_certificate(certificate: x509.Certificate, kind: Kind) -> tuple[Finding, ...]:
    """Return what is wrong with a certificate that is meant to be of this kind; empty when clean.

    A certificate that cannot be read to the end has one finding, ``X509-PARSE``.
    """
    try:
        parse.readable(certificate)
    except VerificationError as error:
        return (Finding(error.rule, error.what),)
    return tuple(
        finding
        for table in (rfc5280.CERTIFICATE, house.CERTIFICATE)
        for finding in table.findings(certificate, kind)
    )


def lint_crl(crl: x509.CertificateRevocationList) -> tuple[Finding, ...]:
    """Return what is wrong with a CRL; empty when clean.

    A CRL with an unreadable entry has one finding, ``X509-PARSE``.
    """
    try:
        with parse.translated("CRL"):
            return tuple(crl_clauses.CRL.findings(crl, "root"))
    except VerificationError as error:
        return (Finding(error.rule, error.what),)


def lint_request(request: x509.CertificateSigningRequest) -> tuple[Finding, ...]:
    """Return what is wrong with a certification request; empty when clean."""
    return tuple(request_clauses.REQUEST.findings(request, "root"))


def refuse(findings: Iterable[Finding]) -> None:
    """Raise when there is a finding.

    Raises:
        LintViolation: names every finding; its rule is the first one's clause.
    """
    listed = list(findings)
    if listed:
        raise LintViolation(
            "; ".join(f"{finding.clause}: {finding.message}" for finding in listed),
            rule=listed[0].clause,
            hint="do not sign, record or deliver it; find out who made it so",
        )
