"""A second opinion: pkilint's PKIX linters, over certificates and CRLs from anywhere."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pkilint import loader, validation
from pkilint.pkix import certificate as pkix_certificate
from pkilint.pkix import create_attribute_decoder, create_extension_decoder, extension, name
from pkilint.pkix import crl as pkix_crl

from trustwright.x509 import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

ARGUED = {"pkix.invalid_uri_syntax"}
"""Findings in an end entity that ``docs/adr/0006-lint-findings.md`` argues for."""

NOTICE = validation.ValidationFindingSeverity.NOTICE


@cache
def _certificate_linter() -> Any:
    return pkix_certificate.create_pkix_certificate_validator_container(
        pkix_certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            pkix_certificate.create_issuer_validator_container([]),
            pkix_certificate.create_validity_validator_container(),
            pkix_certificate.create_subject_validator_container([]),
            pkix_certificate.create_extensions_validator_container([]),
            pkix_certificate.create_spki_validator_container([]),
        ],
    )


@cache
def _crl_linter() -> Any:
    return pkix_crl.create_pkix_crl_validator_container(
        [
            create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            pkix_crl.create_issuer_validator_container([]),
            pkix_crl.create_validity_validator_container([]),
            pkix_crl.create_extensions_validator_container([]),
        ],
    )


def _codes(results: Any) -> Iterator[str]:
    for result in results:
        for described in result.finding_descriptions:
            if described.finding.severity <= NOTICE:
                yield described.finding.code


def certificate_findings(certificate: x509.Certificate) -> set[str]:
    """Return the codes of what pkilint finds in a certificate, NOTICE or worse."""
    document = loader.load_certificate(parse.der(certificate), "certificate")
    return set(_codes(_certificate_linter().validate(document.root)))


def crl_findings(made: x509.CertificateRevocationList) -> set[str]:
    """Return the codes of what pkilint finds in a CRL, NOTICE or worse."""
    document = loader.load_crl(parse.der(made), "crl")
    return set(_codes(_crl_linter().validate(document.root)))
