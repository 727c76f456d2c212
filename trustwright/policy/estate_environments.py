"""Rules about environments: separate trust paths, and lifetimes that leave time to act."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import combinations

from trustwright.model.estate import Environment, Estate, RoleName
from trustwright.model.profile import LONGEST_NAME
from trustwright.policy.breach import Breach, Location, below, duration_text
from trustwright.policy.naming import CANARY, canary_name, probe_role
from trustwright.policy.renewal import SHORTEST_SERVICE

SHORTEST_TTL = 60
LONGEST_VALIDITY = 40 * 366 * 86_400
CRL_SUBJECT = "root-crl"
"""Stands in the place of an environment's name in ceremonies: `trustwright.ceremony.request`."""
ANY_POLICY = "2.5.29.32.0"
_Values = dict[Location, Hashable]


def check_organization(estate: Estate) -> Iterator[Breach]:
    """EST-ORGANIZATION: the organization can stand in a subject (RFC 5280, appendix A.1)."""
    text = estate.organization
    if text != text.strip() or not text.isprintable():
        yield Breach(
            ("organization",),
            "the organization has outer blanks or control characters",
            "write it as it should read in every certificate",
        )


def check_intermediate_name(estate: Estate) -> Iterator[Breach]:
    """EST-ISSUER-NAME: the intermediate's common name fits ub-common-name."""
    for name in estate.environments:
        octets = len(f"{estate.organization} {name} Issuing CA G9999".encode())
        if octets > LONGEST_NAME:
            yield Breach(
                ("environments", name),
                f"the intermediate's common name would have {octets} octets, "
                f"{LONGEST_NAME} are allowed",
                "shorten the organization or the environment's name",
            )


def check_reserved(estate: Estate) -> Iterator[Breach]:
    """EST-RESERVED: no environment has the name that a ceremony for the root's CRL goes by."""
    if CRL_SUBJECT in estate.environments:
        yield Breach(
            ("environments", CRL_SUBJECT),
            f"{CRL_SUBJECT} is what a request for a root CRL is called, no environment",
            "call the environment otherwise: the root's policy refuses this name",
        )


def check_domains(estate: Estate) -> Iterator[Breach]:
    """EST-DOMAIN-OVERLAP: no environment's domain lies in another's."""
    for (one, first), (two, second) in combinations(estate.environments.items(), 2):
        if below(first.domain, second.domain) or below(second.domain, first.domain):
            yield Breach(
                ("environments", two, "domain"),
                f"{second.domain} overlaps with {first.domain} of {one}: "
                "name constraints would not separate them",
                "give each environment a domain of its own, side by side",
            )


def check_policies(estate: Estate) -> Iterator[Breach]:
    """EST-POLICY-TWICE: each environment has its own certificate policy."""
    marks: _Values = {
        ("environments", name, "policy"): each.policy for name, each in estate.environments.items()
    }
    for place, other in _shared(marks):
        yield Breach(
            place, f"the policy OID is also that of {other[1]}", "number each environment's policy"
        )


def check_any_policy(estate: Estate) -> Iterator[Breach]:
    """EST-POLICY-ANY: an environment's policy is not anyPolicy (RFC 5280 §4.2.1.4)."""
    for name, environment in estate.environments.items():
        if environment.policy == ANY_POLICY:
            yield Breach(
                ("environments", name, "policy"),
                f"{ANY_POLICY} is anyPolicy, which stands for every environment's",
                "take a number below your own arc, like 1.3.6.1.4.1.32473.1.1",
            )


def check_namespaces(estate: Estate) -> Iterator[Breach]:
    """EST-NAMESPACE-TWICE: no two environments share a namespace of one server.

    The identities' policies and logins live in the namespace: two environments in it would write
    over each other's, whatever their mounts. A namespace below another is a place of its own: the
    server mounts nothing into a namespace from outside, and the policies name mounts only.
    """
    marks: _Values = {
        ("environments", name, "vault"): _place(each) for name, each in estate.environments.items()
    }
    for place, other in _shared(marks):
        namespace = estate.environments[str(place[1])].vault.namespace
        yield Breach(
            place,
            f"address and namespace ({namespace or 'root'}) are also those of {other[1]}: they "
            "would share logins and policies",
            "give each environment a vault.namespace of its own, or a server of its own",
        )


def check_canary_name(estate: Estate) -> Iterator[Breach]:
    """EST-CANARY-NAME: the common name of the probe that proves an issuer fits (RFC 5280, A.1)."""
    for name, environment in estate.environments.items():
        role, canary = probe_role(environment), canary_name(environment)
        if len(canary) > LONGEST_NAME:
            yield Breach(
                ("environments", name, "roles", role, "names"),
                f"the probe that proves the issuer would be called {canary}, which has "
                f"{len(canary)} characters; X.520 allows {LONGEST_NAME}",
                f"use a subtree of at most {LONGEST_NAME - len(CANARY) - 1} characters",
            )


def check_identities(estate: Estate) -> Iterator[Breach]:
    """EST-IDENTITY-TWICE: each environment has its own identity folder (least authority)."""
    marks: _Values = {
        ("environments", name, "vault", "identity"): each.vault.identity
        for name, each in estate.environments.items()
    }
    for place, other in _shared(marks):
        yield Breach(
            place,
            f"the identity folder is also that of {other[1]}",
            "keep each environment's logins in a folder of their own",
        )


def check_role_names(estate: Estate) -> Iterator[Breach]:
    """EST-ROLE-DOMAIN: a role names only what lies in its environment's domain."""
    for place, environment, name in _roles(estate):
        role = environment.roles[name]
        if not below(role.names, environment.domain):
            yield Breach(
                (*place, "names"),
                f"{role.names} lies outside the environment's domain {environment.domain}",
                f"use {environment.domain} or a name below it",
            )


def check_ttls(estate: Estate) -> Iterator[Breach]:
    """EST-TTL: a certificate lives at least a minute and ends before its issuer."""
    for place, environment, name in _roles(estate):
        ttl, validity = environment.roles[name].ttl, environment.intermediate.validity
        if ttl >= validity:
            yield Breach(
                (*place, "ttl"),
                f"ttl {duration_text(ttl)} goes past the intermediate's validity "
                f"{duration_text(validity)}",
                "shorten the ttl",
            )
        if ttl < SHORTEST_TTL:
            yield Breach(
                (*place, "ttl"),
                f"ttl {duration_text(ttl)} is too short to be delivered",
                f"at least {duration_text(SHORTEST_TTL)}",
            )


def check_renewal(estate: Estate) -> Iterator[Breach]:
    """EST-RENEW: replacement starts after issuance, and not before a set can be in service."""
    for place, environment, name in _roles(estate):
        role = environment.roles[name]
        service = role.ttl - role.renew_before
        if 0 < service < SHORTEST_SERVICE:
            yield Breach(
                (*place, "renew_before"),
                f"renew_before {duration_text(role.renew_before)} leaves a certificate of "
                f"{duration_text(role.ttl)} {duration_text(service)} in service: a delivery takes "
                "some itself",
                f"leave at least {duration_text(SHORTEST_SERVICE)}; a third of the ttl is usual",
            )
        if role.renew_before >= role.ttl:
            yield Breach(
                (*place, "renew_before"),
                f"renew_before {duration_text(role.renew_before)} is not shorter than the "
                f"ttl {duration_text(role.ttl)}: it would be replaced all the time",
                "a third of the ttl is usual",
            )


def check_validity(estate: Estate) -> Iterator[Breach]:
    """EST-VALIDITY: an intermediate lives at most forty years, its requests shorter than it."""
    for name, environment in estate.environments.items():
        place, made = ("environments", name, "intermediate"), environment.intermediate
        if made.validity > LONGEST_VALIDITY:
            yield Breach(
                (*place, "validity"),
                f"validity {duration_text(made.validity)} is longer than any profile allows",
                "two years (730d) are usual",
            )
        if made.request_validity >= made.validity:
            yield Breach(
                (*place, "request_validity"),
                "a request could be signed for longer than its certificate lives",
                "a week (7d) is usual",
            )


def check_lead(estate: Estate) -> Iterator[Breach]:
    """EST-LEAD: lead, overlap and the longest ttl leave the intermediate time to issue.

    The deadline of a rotation is the issuer's expiry less these three.
    """
    for name, environment in estate.environments.items():
        made = environment.intermediate
        longest = max(
            (each.ttl for each in environment.roles.values() if each.ttl < made.validity), default=0
        )
        spent = made.ceremony_lead + made.overlap + longest
        if spent >= made.validity:
            yield Breach(
                ("environments", name, "intermediate"),
                f"ceremony_lead, overlap and the longest ttl ({duration_text(spent)}) use "
                f"up the validity {duration_text(made.validity)}: "
                "its rotation would be due at once",
                "lengthen validity, or shorten lead, overlap or ttl",
            )


def check_admin_usage(estate: Estate) -> Iterator[Breach]:
    """EST-ADMIN-USAGE: an admin's certificate cannot serve."""
    for place, environment, name in _roles(estate):
        if name == "admin" and "server" in environment.roles[name].usage:
            yield Breach(
                (*place, "usage"),
                "the admin role has server usage",
                "use [client]; services have the role server or proxy",
            )


def check_usage(estate: Estate) -> Iterator[Breach]:
    """EST-USAGE-TWICE: a usage is named once."""
    for place, environment, name in _roles(estate):
        usage = environment.roles[name].usage
        if len(set(usage)) != len(usage):
            yield Breach((*place, "usage"), "a usage stands twice", "name each usage once")


def _roles(estate: Estate) -> Iterator[tuple[Location, Environment, RoleName]]:
    for name, environment in estate.environments.items():
        for role in environment.roles:
            yield ("environments", name, "roles", role), environment, role


def _place(environment: Environment) -> tuple[str, str]:
    vault = environment.vault
    return vault.address.lower().rstrip("/"), vault.namespace


def _shared(values: _Values) -> Iterator[tuple[Location, Location]]:
    """Yield each place whose value stood before, and where it stood first."""
    first: dict[Hashable, Location] = {}
    for place, value in values.items():
        if first.setdefault(value, place) != place:
            yield place, first[value]
