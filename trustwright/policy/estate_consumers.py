"""Rules about consumers: names, trust, delivery and probes that fit their environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from trustwright.model.estate import Consumer, Environment, Estate
from trustwright.model.values import PROBE_REMEDY
from trustwright.policy.breach import Breach, Location, below
from trustwright.policy.naming import CANARY

LONGEST_COMMON_NAME = 64
"""ub-common-name (RFC 5280, appendix A.1)."""
LARGEST_PORT = 65_535
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", re.ASCII)


def check_environment(estate: Estate) -> Iterator[Breach]:
    """EST-CONSUMER-ENVIRONMENT: a consumer lives in an environment of the file."""
    for place, consumer in _consumers(estate):
        if consumer.environment not in estate.environments:
            yield Breach(
                (*place, "environment"),
                f"no environment {consumer.environment!r}",
                f"there is: {_names(estate.environments)}",
            )


def check_role(estate: Estate) -> Iterator[Breach]:
    """EST-CONSUMER-ROLE: a consumer's environment has its role."""
    for place, consumer, environment in _placed(estate):
        if consumer.role not in environment.roles:
            yield Breach(
                (*place, "role"),
                f"environment {consumer.environment} has no role {consumer.role!r}",
                f"there is: {_names(environment.roles)}",
            )


def check_trusts(estate: Estate) -> Iterator[Breach]:
    """EST-TRUSTS: a consumer trusts environments of the file, each named once."""
    for place, consumer in _consumers(estate):
        for index, name in enumerate(consumer.trusts):
            if name not in estate.environments:
                yield Breach(
                    (*place, "trusts", index),
                    f"no environment {name!r} to trust",
                    f"there is: {_names(estate.environments)}",
                )
            elif name in consumer.trusts[:index]:
                yield Breach(
                    (*place, "trusts", index),
                    f"{name} stands twice in trusts",
                    "name each environment once",
                )


def check_own_trust(estate: Estate) -> Iterator[Breach]:
    """EST-TRUSTS-OWN: a consumer trusts its own environment.

    Without it the separation proof (own environment accepted) cannot hold, and peers of the same
    environment, with which it shares a certificate, would be strangers to it.
    """
    for place, consumer, _ in _placed(estate):
        if consumer.environment not in consumer.trusts:
            yield Breach(
                (*place, "trusts"),
                f"{consumer.name} does not trust its own environment {consumer.environment}",
                f"add {consumer.environment} to trusts",
            )


def check_name(estate: Estate) -> Iterator[Breach]:
    """EST-CONSUMER-TWICE: a consumer's name stands once in an environment."""
    seen: dict[tuple[str, str], int] = {}
    for place, consumer in _consumers(estate):
        key = (consumer.environment, consumer.name)
        if key in seen:
            yield Breach(
                (*place, "name"),
                f"environment {consumer.environment} already has a consumer {consumer.name}",
                "name each consumer differently",
            )
        seen.setdefault(key, len(seen))


def check_owner(estate: Estate) -> Iterator[Breach]:
    """EST-OWNER: an owner can be read where it is told: in notices and lists, on one line."""
    for place, consumer in _consumers(estate):
        if consumer.owner != consumer.owner.strip() or not consumer.owner.isprintable():
            yield Breach(
                (*place, "owner"),
                "the owner is blank, or has outer blanks or control characters",
                "name the team or person to tell, like payments or alice@example.org",
            )


def check_canary(estate: Estate) -> Iterator[Breach]:
    """EST-CONSUMER-CANARY: nobody else has the canary's name: its certificate is revoked."""
    for place, consumer in _consumers(estate):
        if consumer.name == CANARY:
            yield Breach(
                (*place, "name"),
                f"{CANARY} is the certificate that proves an issuer's CRL",
                "name the consumer differently",
            )


def check_dns_names(estate: Estate) -> Iterator[Breach]:
    """EST-NAME-TWICE: a DNS name belongs to one consumer."""
    holder: dict[str, Consumer] = {}
    for place, consumer in _consumers(estate):
        for index, name in enumerate(consumer.names):
            if name in holder:
                yield Breach(
                    (*place, "names", index),
                    f"{name} already belongs to {holder[name].name}",
                    "a DNS name belongs to one consumer and stands once",
                )
            holder.setdefault(name, consumer)


def check_subtree(estate: Estate) -> Iterator[Breach]:
    """EST-NAME-DOMAIN: a name lies in the domain of its environment."""
    for place, name, _, environment in _dns_names(estate):
        if not below(name, environment.domain):
            yield Breach(
                place,
                f"{name} lies outside the environment's domain {environment.domain}",
                f"use a name below {environment.domain}",
            )


def check_role_subtree(estate: Estate) -> Iterator[Breach]:
    """EST-NAME-ROLE: a name lies below the subtree's top that its role may name.

    Roles sign no bare domain: the top itself is the whole subtree's name.
    """
    for place, name, consumer, environment in _dns_names(estate):
        role = environment.roles.get(consumer.role)
        if role is None or not below(name, environment.domain):
            continue
        if name == role.names:
            yield Breach(
                place,
                f"{name} is the top of the subtree that the role {consumer.role} may name, and "
                "the role signs only names below it",
                f"use a name below it, like {consumer.name}.{role.names}",
            )
        elif not below(name, role.names):
            yield Breach(
                place,
                f"{name} lies outside {role.names}, which is all that the role "
                f"{consumer.role} may name",
                f"use a name below {role.names}",
            )


def check_common_name(estate: Estate) -> Iterator[Breach]:
    """EST-COMMON-NAME: the first name fits into the common name."""
    for place, consumer in _consumers(estate):
        length = len(consumer.names[0])
        if length > LONGEST_COMMON_NAME:
            yield Breach(
                (*place, "names", 0),
                f"the first name is the common name and has {length} characters, X.520 "
                f"allows {LONGEST_COMMON_NAME}",
                "put a shorter name first",
            )


def check_probe(estate: Estate) -> Iterator[Breach]:
    """EST-PROBE: a probe names a host and a port where the certificate is served."""
    for place, consumer, environment in _placed(estate):
        if consumer.probe is None:
            continue
        host, _, port = consumer.probe.partition("://")[2].rpartition(":")
        role = environment.roles.get(consumer.role)
        if not 1 <= int(port) <= LARGEST_PORT:
            yield Breach(
                (*place, "probe"),
                f"there is no port {port}",
                f"a port lies between 1 and {LARGEST_PORT}",
            )
        if not _is_host(host):
            yield Breach(
                (*place, "probe"),
                f"{host!r} is no host",
                PROBE_REMEDY,
            )
        if role and "server" not in role.usage:
            yield Breach(
                (*place, "probe"),
                f"role {consumer.role} has no server usage: nothing is served there",
                "remove the probe, or use the role server or proxy",
            )


def check_routes(estate: Estate) -> Iterator[Breach]:
    """EST-ROUTE: a notification route names environments of the file."""
    for route, each in enumerate(estate.notify.routes):
        for index, name in enumerate(each.environments):
            if name not in estate.environments:
                yield Breach(
                    ("notify", "routes", route, "environments", index),
                    f"no environment {name!r}",
                    f"there is: {_names(estate.environments)}",
                )


def _consumers(estate: Estate) -> Iterator[tuple[Location, Consumer]]:
    for index, consumer in enumerate(estate.consumers):
        yield ("consumers", index), consumer


def _placed(estate: Estate) -> Iterator[tuple[Location, Consumer, Environment]]:
    """Yield the consumers whose environment exists; the others are told so by one rule."""
    for place, consumer in _consumers(estate):
        if consumer.environment in estate.environments:
            yield place, consumer, estate.environments[consumer.environment]


def _dns_names(estate: Estate) -> Iterator[tuple[Location, str, Consumer, Environment]]:
    for place, consumer, environment in _placed(estate):
        for index, name in enumerate(consumer.names):
            yield (*place, "names", index), name, consumer, environment


def _is_host(host: str) -> bool:
    if not (host.startswith("[") and host.endswith("]")):
        return _HOST.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def _names(things: Iterable[str]) -> str:
    return ", ".join(sorted(things))
