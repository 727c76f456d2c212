"""A second opinion: pkilint's PKIX linters over everything that we produce.

Each finding is either absent or in `ALLOWED`, whose reasons stand in
``docs/adr/0006-lint-findings.md``. An entry that no longer occurs fails as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.readme import ROOT
from tests.vectors import pki
from tests.vectors.bad_certificates import BAD
from tests.vectors.bad_crls import BAD_CRLS, REVOKED, good_crl
from tests.vectors.second_opinion import ARGUED, certificate_findings, crl_findings
from trustwright.x509 import crl

if TYPE_CHECKING:
    from cryptography import x509

    from trustwright.model.profile import Usage

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
    label: ARGUED if label in ROLES else set() for label in CERTIFICATES
}


@pytest.mark.parametrize("label", CERTIFICATES)
def test_certificates(label: str) -> None:
    """Each certificate has exactly the findings that are argued for."""
    assert certificate_findings(CERTIFICATES[label]) == ALLOWED[label]


@pytest.mark.parametrize("revoked", [(), REVOKED], ids=["empty", "entries"])
def test_crls(revoked: tuple[crl.Revoked, ...]) -> None:
    """CRLs have no finding at all."""
    assert crl_findings(good_crl(*revoked)) == set()


def test_the_allowed_finding_is_about_spiffe_only() -> None:
    """Without the SPIFFE identifier the same end entity has no finding."""
    assert certificate_findings(pki.end_entity(uris=())) == set()


def test_every_exception_is_argued() -> None:
    """The decision record names each finding that is allowed."""
    argued = (ROOT / "docs" / "adr" / "0006-lint-findings.md").read_text()
    for code in set().union(*ALLOWED.values()):
        assert f"`{code}`" in argued


@pytest.mark.parametrize("clause", ["RFC5280-4.2.1.9", "RFC5280-4.2.1.10", "RFC8813-3"])
def test_the_linter_is_awake(clause: str) -> None:
    """It finds what our own clauses find: a silent linter would prove nothing."""
    _kind, make = BAD[clause][0]
    assert certificate_findings(make())


def test_the_crl_linter_is_awake() -> None:
    """A CRL that breaks a clause of ours has a finding there too."""
    assert crl_findings(BAD_CRLS["RFC5280-5.2.3"][0]())
