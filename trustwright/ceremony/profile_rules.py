"""CER-131 … CER-144: is the profile asked for the one that the policy fixes?"""

from __future__ import annotations

from datetime import timedelta

from trustwright.ceremony.history import Answer
from trustwright.ceremony.request_case import RequestCase
from trustwright.ceremony.rootpolicy import overlap
from trustwright.ceremony.rules import Problem, RuleBook
from trustwright.clock import utc_text
from trustwright.model.ceremony import Kind
from trustwright.model.profile import NameConstraints, Profile, is_pointer
from trustwright.x509 import profiles

MAXIMUM_BACKDATE = 3600
"""Seconds that notBefore may lie before the signing."""

PROFILE_RULES: RuleBook[RequestCase] = RuleBook()
_rule = PROFILE_RULES.rule
_SIGN: Kind = "sign-intermediate"
_WAIT = "revoke that one first, or wait until it has expired"


@_rule("CER-131", "it names the policy's organization", _SIGN)
def check_organization(case: RequestCase) -> Problem | None:
    """Refuse another organization."""
    asked = case.profile.subject.organization
    if asked == case.policy.organization:
        return None
    return Problem(f"organization {asked!r}; the policy says {case.policy.organization!r}")


@_rule("CER-132", "its subject names environment and generation", _SIGN)
def check_subject(case: RequestCase) -> Problem | None:
    """Refuse a unit or common name that is not this environment's and generation's."""
    subject, request = case.profile.subject, case.request
    name = f"{subject.organization} {request.environment} Issuing CA G{request.generation}"
    if (subject.unit, subject.common_name) == (request.environment, name):
        return None
    return Problem(f"subject OU={subject.unit!r}, CN={subject.common_name!r}; CN must be {name!r}")


@_rule("CER-133", "it is an authority without authorities below it", _SIGN)
def check_path_length(case: RequestCase) -> Problem | None:
    """Refuse anything but a CA of the path length that the policy fixes."""
    if case.profile.ca and case.profile.path_length == case.policy.maximum_path_length:
        return None
    return Problem(f"CA {case.profile.ca}, path length {case.profile.path_length}; must be 0")


@_rule("CER-134", "its key signs certificates and CRLs, nothing else", _SIGN)
def check_key_usage(case: RequestCase) -> Problem | None:
    """Refuse any other key usage."""
    if sorted(case.profile.key_usage) == ["crl_sign", "key_cert_sign"]:
        return None
    return Problem(f"key usage {', '.join(case.profile.key_usage)}")


@_rule("CER-135", "it issues for servers and clients, nothing else", _SIGN)
def check_extended_key_usage(case: RequestCase) -> Problem | None:
    """Refuse any other extended key usage."""
    if sorted(case.profile.extended_key_usage) == ["client", "server"]:
        return None
    return Problem(f"extended key usage {', '.join(case.profile.extended_key_usage) or 'none'}")


@_rule("CER-136", "it names nothing of another environment", _SIGN)
def check_foreign_names(case: RequestCase) -> Problem | None:
    """Refuse a permitted subtree that shares names with another environment.

    What an environment was given lives on when the policy gives it to another: such names stay
    its own until every intermediate that may use them is revoked or has expired.
    """
    for name, other in case.policy.environments.items():
        for domain in _permitted(case.profile):
            if name != case.request.environment and overlap(domain, other.domain):
                return Problem(f"{domain} reaches into {other.domain}, which is {name}'s")
    for answer in case.living_elsewhere:
        for domain in _permitted(case.profile):
            if any(overlap(domain, taken) for taken in _permitted_by(answer)):
                return Problem(f"{domain} is what {_alive(answer)} may name", _WAIT)
    return None


@_rule("CER-137", "it may name exactly its environment's domain", _SIGN)
def check_names(case: RequestCase) -> Problem | None:
    """Refuse any permitted subtree but the environment's domain."""
    permitted = _permitted(case.profile)
    if permitted == (case.allowed.domain,):
        return None
    return Problem(f"permitted {', '.join(permitted) or 'everything'}; not {case.allowed.domain}")


@_rule("CER-138", "it may name no address", _SIGN)
def check_addresses(case: RequestCase) -> Problem | None:
    """Refuse a profile that leaves IP addresses open."""
    wanted = NameConstraints(permitted_dns=(case.allowed.domain,)).excluded_ip
    constraints = case.profile.name_constraints
    excluded = constraints.excluded_ip if constraints else ()
    if excluded == wanted:
        return None
    return Problem(f"excluded addresses {', '.join(excluded) or 'none'}; must be all")


@_rule("CER-139", "it lives no longer than the policy allows", _SIGN)
def check_validity(case: RequestCase) -> Problem | None:
    """Refuse a validity above the policy's maximum."""
    if case.profile.validity <= case.policy.maximum_validity:
        return None
    asked, limit = case.profile.validity // 86_400, case.policy.maximum_validity // 86_400
    return Problem(f"{asked} days; the policy allows {limit}")


@_rule("CER-140", "it does not outlive the root", _SIGN)
def check_within_root(case: RequestCase) -> Problem | None:
    """Refuse an intermediate that would end after the root."""
    end = case.now + timedelta(seconds=case.profile.validity)
    if end <= case.root.not_valid_after_utc:
        return None
    return Problem(
        f"it would end {utc_text(end)}, the root {utc_text(case.root.not_valid_after_utc)}",
        "ask for a shorter validity, or make a new root",
    )


@_rule("CER-141", "it begins at most an hour before its signing", _SIGN)
def check_backdate(case: RequestCase) -> Problem | None:
    """Refuse a start that lies further back than clocks are behind."""
    if case.profile.backdate <= MAXIMUM_BACKDATE:
        return None
    return Problem(f"it would begin {case.profile.backdate} seconds before its signing")


@_rule("CER-142", "its certificate policy is its environment's", _SIGN)
def check_policy_oid(case: RequestCase) -> Problem | None:
    """Refuse any policy OID but the environment's own, or one that lives on in another."""
    asked = case.profile.policies
    for answer in case.living_elsewhere:
        if set(asked) & set(_oids(answer)):
            return Problem(f"policies {_list(asked)}; {_alive(answer)} has the same", _WAIT)
    wanted = case.allowed.policy_oid or _learned_oid(case)
    if wanted is not None:
        return None if asked == (wanted,) else Problem(f"policies {_list(asked)}; not {wanted}")
    taken = {oid for answer in case.history.intermediates for oid in _oids(answer)}
    taken |= {other.policy_oid or "" for other in case.policy.environments.values()}
    if len(asked) == 1 and asked[0] not in taken:
        return None
    return Problem(f"policies {_list(asked)}; exactly one, used by no other environment")


@_rule("CER-143", "its URLs are in the policy", _SIGN)
def check_urls(case: RequestCase) -> Problem | None:
    """Refuse a CRL or issuer URL that is none, or under a prefix that the policy does not list."""
    for url in (*case.profile.crl_urls, *case.profile.issuer_urls):
        if not is_pointer(url):
            return Problem(f"{url!r} is no http://host/path without dot segments")
        if not any(_below(url, prefix) for prefix in case.allowed.url_prefixes):
            return Problem(f"{url} is under no url_prefixes of {case.request.environment}")
    return None


@_rule("CER-144", "it is the house's profile and nothing else", _SIGN)
def check_whole_profile(case: RequestCase) -> Problem | None:
    """Refuse whatever the rules above did not name: the profile is built again and compared."""
    asked = case.profile
    built = profiles.intermediate_profile(
        organization=case.policy.organization,
        environment=case.request.environment or "",
        domain=case.allowed.domain,
        policy=asked.policies[0] if asked.policies else "",
        generation=case.request.generation or 0,
        validity=asked.validity,
        crl_urls=asked.crl_urls,
        issuer_urls=asked.issuer_urls,
    )
    wanted = built.model_dump() | {"backdate": asked.backdate}
    differing = [name for name, value in asked.model_dump().items() if wanted[name] != value]
    return Problem(f"{', '.join(differing)} differ from the profile") if differing else None


def _permitted_by(answer: Answer) -> tuple[str, ...]:
    return _permitted(answer.request.profile) if answer.request.profile else ()


def _alive(answer: Answer) -> str:
    request = answer.request
    return (
        f"the living intermediate of {request.environment}, generation {request.generation} "
        f"(response {answer.response.number}),"
    )


def _permitted(profile: Profile) -> tuple[str, ...]:
    return profile.name_constraints.permitted_dns if profile.name_constraints else ()


def _learned_oid(case: RequestCase) -> str | None:
    return next(iter(_oids(case.before)), None) if case.before else None


def _oids(answer: Answer) -> tuple[str, ...]:
    return answer.request.profile.policies if answer.request.profile else ()


def _below(url: str, prefix: str) -> bool:
    return url == prefix or url.startswith(prefix.rstrip("/") + "/")


def _list(values: tuple[str, ...]) -> str:
    return ", ".join(values) or "none"
