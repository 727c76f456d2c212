"""The certificate profiles of this project (RFC 5280), as data.

What each extension is for, and which relying party breaks on what we left out, stands in
``docs/adr/0006-lint-findings.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from trustwright.errors import LintViolation
from trustwright.model.base import first_problem
from trustwright.model.profile import NameConstraints, Profile, Subject, Usage

VAULT_BACKDATE = 30
"""Seconds that Vault and OpenBao put notBefore before the signing (role, not_before_duration)."""


def root_profile(organization: str, common_name: str, validity: int) -> Profile:
    """Return the profile of the offline root: CA without path length, keyCertSign and cRLSign.

    Args:
        organization: O of the subject, at most 64 characters.
        common_name: CN of the subject, at most 64 characters.
        validity: seconds from signing to notAfter.

    Raises:
        LintViolation: a value does not fit a profile (rule ``HOUSE-PROFILE``).
    """
    return _profile(
        subject=_subject(organization, None, common_name),
        validity=validity,
        ca=True,
        key_usage=("key_cert_sign", "crl_sign"),
    )


def intermediate_profile(
    *,
    organization: str,
    environment: str,
    domain: str,
    policy: str,
    generation: int,
    validity: int,
    crl_urls: Sequence[str] = (),
    issuer_urls: Sequence[str] = (),
) -> Profile:
    """Return the profile of an environment's intermediate.

    Path length 0, only `domain` permitted and every address excluded, server and client
    authentication, one policy OID. The common name carries the generation, so that two
    generations never share a name.

    Args:
        organization: O of the subject.
        environment: name of the environment; OU of the subject.
        domain: permitted DNS subtree, without a leading dot.
        policy: certificate policy OID of the environment.
        generation: 1 for the first intermediate of the environment.
        validity: seconds from signing to notAfter.
        crl_urls: where the *root's* CRL can be fetched; usually empty, delivery distributes it.
        issuer_urls: where the root certificate can be fetched; usually empty.

    Raises:
        LintViolation: a value does not fit a profile (rule ``HOUSE-PROFILE``).
    """
    common_name = f"{organization} {environment} Issuing CA G{generation}"
    return _profile(
        subject=_subject(organization, environment, common_name),
        validity=validity,
        ca=True,
        path_length=0,
        key_usage=("key_cert_sign", "crl_sign"),
        extended_key_usage=("server", "client"),
        name_constraints=_constraints(domain),
        policies=(policy,),
        crl_urls=tuple(crl_urls),
        issuer_urls=tuple(issuer_urls),
    )


def end_entity_profile(
    *,
    organization: str,
    environment: str,
    role_usage: Sequence[Usage],
    names: Sequence[str],
    uris: Sequence[str],
    policy: str,
    ttl: int,
) -> Profile:
    """Return what Vault must give back for one order.

    Args:
        organization: O of the subject.
        environment: OU of the subject.
        role_usage: extended key usages of the role.
        names: DNS names; the first is the common name, hence at most 64 characters.
        uris: URI names.
        policy: certificate policy OID of the environment.
        ttl: seconds from signing to notAfter.

    Raises:
        LintViolation: a value does not fit a profile (rule ``HOUSE-PROFILE``).
    """
    if not names:
        raise LintViolation(
            "an end entity needs a DNS name",
            rule="HOUSE-PROFILE",
            hint="a common name alone escapes name constraints in most relying parties",
        )
    return _profile(
        subject=_subject(organization, environment, names[0]),
        validity=ttl,
        backdate=VAULT_BACKDATE,
        ca=False,
        key_usage=("digital_signature",),
        extended_key_usage=tuple(role_usage),
        policies=(policy,),
        dns_names=tuple(names),
        uris=tuple(uris),
    )


def spiffe_uri(environment_domain: str, role: str, subject: str) -> str:
    """Return ``spiffe://<domain>/<role>/<subject>``: who an end entity is, beside its DNS names."""
    return f"spiffe://{environment_domain}/{role}/{subject}"


def _profile(**values: Any) -> Profile:
    try:
        return Profile(**values)
    except ValidationError as error:
        raise _misfit(error) from None


def _subject(organization: str, unit: str | None, common_name: str) -> Subject:
    try:
        return Subject(organization=organization, unit=unit, common_name=common_name)
    except ValidationError as error:
        raise _misfit(error) from None


def _constraints(domain: str) -> NameConstraints:
    try:
        return NameConstraints(permitted_dns=(domain,))
    except ValidationError as error:
        raise _misfit(error) from None


def _misfit(error: ValidationError) -> LintViolation:
    member = str(next(iter(error.errors(include_input=False)[0]["loc"][-1:]), ""))
    is_name = member in Subject.model_fields
    return LintViolation(
        f"not a certificate profile: {first_problem(error)}",
        rule="HOUSE-PROFILE",
        hint="a common name and an organization have 1 to 64 characters" if is_name else "",
    )
