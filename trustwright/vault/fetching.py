"""What consumers that fetch their sets need in Vault: a KV mount, a policy and a login for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, Rejected
from trustwright.policy.naming import CONSUMER_LOGIN, REQUEST, SET, secret_path
from trustwright.ports import HostLogin
from trustwright.vault import policies, replies
from trustwright.vault.identities import TOKEN_SECONDS, policy_name
from trustwright.vault.policies import within
from trustwright.vault.settle import (
    Step,
    names_at,
    settle,
    settle_absence,
    settle_mount,
    taken,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from trustwright.model.estate import Consumer, Environment
    from trustwright.vault.client import Connection

PREFIX = "consumer-"
"""Begins the names of their roles and, after Trustwright's own, of their policies."""
WRAPPED_SECONDS = 900
"""How long a host may take to unwrap its secret; the provisioner's policy allows an hour."""
KV: Mapping[str, Any] = {"type": "kv", "options": {"version": "2"}}
CONFIG: Mapping[str, Any] = {"max_versions": 1}
"""What a set replaces is gone for good: nobody reads a superseded private key."""
SETTINGS: Mapping[str, Any] = {"cas_required": True}


def settle_fetching(
    connection: Connection, name: str, environment: Environment, consumers: Sequence[Consumer]
) -> Iterator[Step]:
    """Yield the steps for mounts, policies and logins; an environment without consumers has none.

    Raises:
        ConfigurationError: something else is mounted there (rule ``VAULT-MOUNT``).
    """
    if not consumers:
        return
    yield from _mounts(connection, environment)
    for consumer in consumers:
        yield from _consumer(connection, name, environment, consumer)


def surplus_secrets(
    connection: Connection, environment: Environment, wanted: Collection[str]
) -> Iterator[Step]:
    """Yield a destructive step for each secret of a consumer that does not fetch here any more."""
    folder = within(environment, f"{environment.vault.delivery}/metadata")
    for consumer in (each.rstrip("/") for each in names_at(connection, folder)):
        if f"{folder}/{consumer}/{SET}" in wanted:
            continue
        for what in (SET, REQUEST):
            yield from settle_absence(
                connection,
                f"{folder}/{consumer}/{what}",
                f"{what} of consumer {consumer} removed",
                destructive=True,
            )


def enrol(
    connection: Connection, environment: Environment, consumer: Consumer, *, replace: bool
) -> HostLogin:
    """Return a new login of a consumer, its secret wrapped for one use.

    Every secret of a role dies with it: `replace` makes the role anew.

    Raises:
        Rejected: the environment was not prepared for this consumer (rule ``VAULT-ABSENT``).
    """
    path = within(environment, role_path(consumer.name))
    known = connection.read(f"{path}/role-id")
    if known is not None and replace:
        for steps in (
            settle_absence(connection, path, ""),
            _login(connection, environment, consumer),
        ):
            for _ in taken(steps, ()):
                pass
        known = connection.read(f"{path}/role-id")
    if known is None:
        raise Rejected(
            f"nobody can log in as consumer {consumer.name} yet",
            rule="VAULT-ABSENT",
            hint=f"prepare the environment: `trustwright bootstrap {consumer.environment}`",
            where=path,
        )
    wrapped = connection.wrapped(f"{path}/secret-id", {}, WRAPPED_SECONDS)
    return HostLogin(replies.text(known, "role_id", path), wrapped, WRAPPED_SECONDS)


def role_path(consumer: str) -> str:
    """Return the path of a consumer's login role."""
    return f"auth/{CONSUMER_LOGIN}/role/{PREFIX}{consumer}"


def role(consumer: Consumer) -> dict[str, Any]:
    """Return ``auth/approle-consumers/role/consumer-<name>``: short batch tokens, one policy."""
    target = consumer.deliver.vault_kv
    sources = target.sources if target else ()
    return {
        "bind_secret_id": True,
        "secret_id_num_uses": 0,
        "secret_id_ttl": 0,
        "secret_id_bound_cidrs": list(sources),
        "token_policies": [policy_name(f"{PREFIX}{consumer.name}")],
        "token_no_default_policy": True,
        "token_type": "batch",
        "token_ttl": TOKEN_SECONDS,
        "token_max_ttl": TOKEN_SECONDS,
        "token_bound_cidrs": [_shown(each) for each in sources],
    }


def _shown(network: str) -> str:
    """Return a network as the server shows it: one address goes without its prefix."""
    address, _, bits = network.partition("/")
    return address if bits == ("128" if ":" in address else "32") else network


def _mounts(connection: Connection, environment: Environment) -> Iterator[Step]:
    mount = environment.vault.delivery
    path = within(environment, f"sys/mounts/{mount}")
    found = connection.find(path)
    if found and found.get("type") == "kv" and (found.get("options") or {}).get("version") != "2":
        raise ConfigurationError(
            "the KV engine that is mounted there keeps no versions",
            rule="VAULT-MOUNT",
            hint="choose another vault.delivery, or move what is there",
            where=path,
        )
    wanted = {**KV, "description": "Trustwright: sets that consumers fetch"}
    yield from settle_mount(connection, path, wanted, f"mount {mount} made")
    config = within(environment, f"{mount}/config")
    yield from settle(connection, config, CONFIG, f"mount {mount} keeps one version")
    login = within(environment, f"sys/auth/{CONSUMER_LOGIN}")
    yield from settle_mount(connection, login, {"type": "approle"}, "login of consumers made")


def _consumer(
    connection: Connection, name: str, environment: Environment, consumer: Consumer
) -> Iterator[Step]:
    policy = within(environment, f"sys/policies/acl/{policy_name(f'{PREFIX}{consumer.name}')}")
    wanted = {"policy": policies.render_consumer(consumer, name, environment)}
    yield from settle(connection, policy, wanted, f"policy of consumer {consumer.name} written")
    folder = within(environment, f"{environment.vault.delivery}/metadata")
    place = f"{folder}/{secret_path(consumer, SET)}"
    yield from settle(connection, place, SETTINGS, f"path of consumer {consumer.name} made")
    yield from _login(connection, environment, consumer)


def _login(connection: Connection, environment: Environment, consumer: Consumer) -> Iterator[Step]:
    path = within(environment, role_path(consumer.name))
    yield from settle(connection, path, role(consumer), f"login of consumer {consumer.name} bound")
