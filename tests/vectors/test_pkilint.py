"""A second opinion: pkilint's PKIX linters over everything that we produce.

Each finding is either absent or in `ALLOWED`, whose reasons stand in
``docs/adr/0006-lint-findings.md``. An entry that no longer occurs fails as well.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.vectors import pki
from tests.vectors.bad_certificates import BAD
from tests.vectors.bad_crls import BAD_CRLS, REVOKED, good_crl
from trustwright.x509 import crl, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

    from trustwright.model.profile import Usage

pytest.importorskip("pkilint")

from pkilint import loader, validation
from pkilint.pkix import certificate as pkix_certificate
from pkilint.pkix import create_attribute_decoder, create_extension_decoder, extension, name
from pkilint.pkix import crl as pkix_crl

ROLES: dict[str, tuple[Usage, ...]] = {
    "server": ("server",),
    "admin": ("client",),
    "proxy": ("server", "client"),
    "agent": ("client",),
}
CERTIFICATES: dict[str, x509.Certificate] = {
    "root": pki.root().certificate,
    "intermediate": pki.intermediate().certificate,
    "intermediate-urls": pki.intermediate(urls=True).certificate,
    "anchor": pki.anchor(),
    **{
        role: pki.end_entity(usage=usage, uris=(f"spiffe://prod.example.internal/{role}/billing",))
        for role, usage in ROLES.items()
    },
}
ALLOWED: dict[str, set[str]] = {
    label: {"pkix.invalid_uri_syntax"} if label in ROLES else set() for label in CERTIFICATES
}
ADR = Path(__file__).parents[2] / "docs" / "adr" / "0006-lint-findings.md"
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


def _certificate_findings(certificate: x509.Certificate) -> set[str]:
    document = loader.load_certificate(parse.der(certificate), "certificate")
    return set(_codes(_certificate_linter().validate(document.root)))


def _crl_findings(made: x509.CertificateRevocationList) -> set[str]:
    document = loader.load_crl(parse.der(made), "crl")
    return set(_codes(_crl_linter().validate(document.root)))


@pytest.mark.parametrize("label", CERTIFICATES)
def test_certificates(label: str) -> None:
    """Each certificate has exactly the findings that are argued for."""
    assert _certificate_findings(CERTIFICATES[label]) == ALLOWED[label]


@pytest.mark.parametrize("revoked", [(), REVOKED], ids=["empty", "entries"])
def test_crls(revoked: tuple[crl.Revoked, ...]) -> None:
    """CRLs have no finding at all."""
    assert _crl_findings(good_crl(*revoked)) == set()


def test_the_allowed_finding_is_about_spiffe_only() -> None:
    """Without the SPIFFE identifier the same end entity has no finding."""
    assert _certificate_findings(pki.end_entity(uris=())) == set()


def test_every_exception_is_argued() -> None:
    """The decision record names each finding that is allowed."""
    text = ADR.read_text()
    for code in set().union(*ALLOWED.values()):
        assert f"`{code}`" in text


@pytest.mark.parametrize("clause", ["RFC5280-4.2.1.9", "RFC5280-4.2.1.10", "RFC8813-3"])
def test_the_linter_is_awake(clause: str) -> None:
    """It finds what our own clauses find: a silent linter would prove nothing."""
    _kind, make = BAD[clause][0]
    assert _certificate_findings(make())


def test_the_crl_linter_is_awake() -> None:
    """A CRL that breaks a clause of ours has a finding there too."""
    assert _crl_findings(BAD_CRLS["RFC5280-5.2.3"][0]())
