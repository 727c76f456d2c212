"""Profiles say what the design says, and bad values get one clear error."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.vectors import pki
from trustwright.errors import LintViolation
from trustwright.model.profile import NameConstraints, Subject
from trustwright.x509 import profiles


def test_root_profile() -> None:
    """A root has no path length, no constraints, no usage but signing."""
    profile = profiles.root_profile("Example", "Example Root CA", 3600)
    assert profile.subject == Subject(organization="Example", common_name="Example Root CA")
    assert (profile.ca, profile.path_length) == (True, None)
    assert profile.key_usage == ("key_cert_sign", "crl_sign")
    assert profile.name_constraints is None
    assert (profile.extended_key_usage, profile.policies) == ((), ())


def test_intermediate_profile() -> None:
    """An intermediate is bound to its environment in name, names, policy and path length."""
    profile = pki.intermediate_profile("prod")
    assert profile.subject.common_name == "Example prod Issuing CA G1"
    assert profile.subject.unit == "prod"
    assert (profile.ca, profile.path_length) == (True, 0)
    assert profile.extended_key_usage == ("server", "client")
    assert profile.name_constraints == NameConstraints(
        permitted_dns=("prod.example.internal",), excluded_ip=("0.0.0.0/0", "::/0")
    )
    assert profile.policies == (pki.POLICIES["prod"],)
    assert (profile.crl_urls, profile.issuer_urls) == ((), ())


def test_end_entity_profile() -> None:
    """The first name is the common name, and the key only signs."""
    profile = pki.end_entity_profile(names=("a.prod.example.internal", "b.prod.example.internal"))
    assert profile.subject.common_name == "a.prod.example.internal"
    assert profile.dns_names == ("a.prod.example.internal", "b.prod.example.internal")
    assert profile.key_usage == ("digital_signature",)
    assert (profile.ca, profile.backdate) == (False, profiles.VAULT_BACKDATE)


def test_spiffe_uri() -> None:
    """Domain, role and subject, in this order."""
    uri = profiles.spiffe_uri("prod.example.internal", "server", "billing")
    assert uri == "spiffe://prod.example.internal/server/billing"


@pytest.mark.parametrize(
    "domain", [".prod.example.internal", "prod", "*.prod.example.internal", "PROD.example.internal"]
)
def test_a_domain_is_a_plain_dns_name(domain: str) -> None:
    """A leading dot, a wildcard, a single label or upper case never reaches a name constraint."""
    with pytest.raises(LintViolation) as caught:
        profiles.intermediate_profile(
            organization="Example",
            environment="prod",
            domain=domain,
            policy="1.2.3",
            generation=1,
            validity=3600,
        )
    assert caught.value.rule == "HOUSE-PROFILE"


def test_a_name_longer_than_a_common_name_is_refused() -> None:
    """The common name has at most 64 characters; the error says so and shows no traceback."""
    with pytest.raises(LintViolation) as caught:
        pki.end_entity_profile(names=("a" * 60 + ".prod.example.internal",))
    assert caught.value.rule == "HOUSE-PROFILE"
    assert "common_name" in caught.value.what


def test_an_end_entity_needs_a_name() -> None:
    """Without a DNS name there is no profile."""
    with pytest.raises(LintViolation, match="needs a DNS name"):
        profiles.end_entity_profile(
            organization="Example",
            environment="prod",
            role_usage=("server",),
            names=(),
            uris=(pki.URI,),
            policy="1.2.3",
            ttl=3600,
        )


def test_a_name_is_measured_in_octets() -> None:
    """Sixty-four letters fit; as many with one umlaut are one octet too long for encoders."""
    assert Subject(organization="Example", common_name="a" * 64).common_name == "a" * 64
    with pytest.raises(ValidationError, match="has 65 octets in UTF-8, at most 64 are allowed"):
        Subject(organization="Example", common_name="a" * 63 + "ä")
