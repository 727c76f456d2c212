"""An estate role as OpenBao parameters; every parameter that widens a role is said out loud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustwright.errors import PolicyViolation
from trustwright.x509.profiles import VAULT_BACKDATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustwright.model.estate import Environment, Role
    from trustwright.ports import SignOrder

KEY_BITS = {"ec-p256": 256, "ec-p384": 384}

NARROW: dict[str, Any] = {
    "allow_any_name": False,
    "allow_bare_domains": False,
    "allow_glob_domains": False,
    "allow_ip_sans": False,
    "allow_localhost": False,
    "allow_subdomains": True,
    "allow_wildcard_certificates": False,
    "allowed_domains_template": False,
    "allowed_uri_sans_template": False,
    "allowed_other_sans": [],
    "allowed_serial_numbers": [],
    "allowed_user_ids": [],
    "basic_constraints_valid_for_non_ca": False,
    "cn_validations": ["hostname"],
    "code_signing_flag": False,
    "email_protection_flag": False,
    "enforce_hostnames": True,
    "ext_key_usage": [],
    "ext_key_usage_oids": [],
    "generate_lease": False,
    "issuer_ref": "default",
    "key_type": "ec",
    "key_usage": ["DigitalSignature"],
    "no_store": False,
    "not_after": "",
    "not_before_duration": VAULT_BACKDATE,
    "require_cn": True,
    "signature_bits": 0,
    "use_csr_common_name": False,
    "use_csr_sans": False,
}
"""The same for every role. Names come from the call, never from the request: we sign what we
checked. Everything is stored and nothing is leased."""

OPENBAO_ONLY: dict[str, Any] = {"not_after_bound": "forbid", "not_before_bound": "forbid"}
"""The caller cannot choose dates; Vault has no such parameters and would warn."""


def parameters(
    role: Role, environment: str, facts: Environment, org: str, uris: Sequence[str]
) -> dict[str, Any]:
    """Return the parameters of ``<mount>/roles/<name>``, as the server reads them back.

    The URIs are exact: a pattern would let ``*`` stand for slashes and dots, too, so that
    ``spiffe://…/server/../admin/alice`` passed for a server (docs/adr/0010).

    Args:
        role: of the estate.
        environment: its name, written as OU.
        facts: the environment.
        org: organization, written as O.
        uris: every URI that a certificate of the role may carry.

    Raises:
        PolicyViolation: the server would read a URI as a pattern, or as two.
    """
    for uri in uris:
        if "*" in uri or "," in uri:
            raise PolicyViolation(f"{uri!r} is not one URI", rule="VAULT-NAMES")
    return {
        **NARROW,
        "allowed_domains": [role.names],
        "allowed_uri_sans": list(uris),
        "client_flag": "client" in role.usage,
        "server_flag": "server" in role.usage,
        "key_bits": KEY_BITS[role.key],
        "max_ttl": role.ttl,
        "ttl": role.ttl,
        "organization": [org],
        "ou": [environment],
        "policy_identifiers": [facts.policy],
    }


def as_sent(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as they are written: the URIs as one text.

    OpenBao refuses a request with a thousand texts or more in it.
    """
    return {**parameters, "allowed_uri_sans": ",".join(parameters["allowed_uri_sans"])}


def sign_body(order: SignOrder) -> dict[str, str]:
    """Return the body of ``issuer/<id>/sign/<role>``: the parameters that the policy allows.

    Raises:
        PolicyViolation: no name, or one that the server would read as two or as an e-mail address.
    """
    for name in (*order.names, *order.uris):
        if not name or not name.isascii() or not name.isprintable() or set(name) & set(", @"):
            raise PolicyViolation(
                f"{name[:60]!r} is not one name",
                rule="VAULT-NAMES",
                hint="names hold neither comma nor space, and no @: they are no e-mail addresses",
            )
    if not order.names:
        raise PolicyViolation("a certificate needs a DNS name", rule="VAULT-NAMES")
    return {
        "csr": order.csr,
        "common_name": order.names[0],
        "alt_names": ",".join(order.names),
        "uri_sans": ",".join(order.uris),
        "ttl": f"{order.ttl}s",
    }
