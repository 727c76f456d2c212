"""The rules over a parsed estate that look at more than one value, by identifier.

Each rule is one pure function; `judge` runs them all. Reading the file and saying at which line a
value stands is `trustwright.estatefile`'s part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from trustwright.model.estate import Estate
from trustwright.policy import estate_consumers as consumers
from trustwright.policy import estate_delivery as delivery
from trustwright.policy import estate_environments as environments
from trustwright.policy import estate_paths as paths
from trustwright.policy.breach import Breach, Rule

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "EST-ORGANIZATION": environments.check_organization,
        "EST-ISSUER-NAME": environments.check_intermediate_name,
        "EST-RESERVED": environments.check_reserved,
        "EST-DOMAIN-OVERLAP": environments.check_domains,
        "EST-POLICY-TWICE": environments.check_policies,
        "EST-POLICY-ANY": environments.check_any_policy,
        "EST-NAMESPACE-TWICE": environments.check_namespaces,
        "EST-CANARY-NAME": environments.check_canary_name,
        "EST-IDENTITY-TWICE": environments.check_identities,
        "EST-ROLE-DOMAIN": environments.check_role_names,
        "EST-TTL": environments.check_ttls,
        "EST-RENEW": environments.check_renewal,
        "EST-VALIDITY": environments.check_validity,
        "EST-LEAD": environments.check_lead,
        "EST-ADMIN-USAGE": environments.check_admin_usage,
        "EST-USAGE-TWICE": environments.check_usage,
        "EST-CONSUMER-ENVIRONMENT": consumers.check_environment,
        "EST-CONSUMER-ROLE": consumers.check_role,
        "EST-CONSUMER-TWICE": consumers.check_name,
        "EST-OWNER": consumers.check_owner,
        "EST-CONSUMER-CANARY": consumers.check_canary,
        "EST-TRUSTS": consumers.check_trusts,
        "EST-TRUSTS-OWN": consumers.check_own_trust,
        "EST-NAME-TWICE": consumers.check_dns_names,
        "EST-NAME-DOMAIN": consumers.check_subtree,
        "EST-NAME-ROLE": consumers.check_role_subtree,
        "EST-COMMON-NAME": consumers.check_common_name,
        "EST-DELIVER": delivery.check_target,
        "EST-DELIVER-ADMIN": delivery.check_admin_target,
        "EST-DELIVERY-MOUNT": delivery.check_delivery_mounts,
        "EST-PATH-TWICE": paths.check_paths,
        "EST-PATH-SYSTEM": paths.check_system_paths,
        "EST-PATH-IDENTITY": paths.check_identity_paths,
        "EST-KEY-MODE": delivery.check_key_mode,
        "EST-HOOK": delivery.check_hooks,
        "EST-PROBE": consumers.check_probe,
        "EST-ROUTE": consumers.check_routes,
    }
)


def judge(estate: Estate) -> Iterator[tuple[str, Breach]]:
    """Yield every broken rule's identifier with its breach."""
    for identifier, rule in RULES.items():
        for breach in rule(estate):
            yield identifier, breach
