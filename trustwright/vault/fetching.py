"""What consumers that fetch their sets need in Vault: a KV mount, a policy and a login for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, Denied
from trustwright.policy.naming import CONSUMER_LOGIN, REQUEST, SET, secret_path
from trustwright.ports import HostLogin
from trustwright.vault import policies, replies
from trustwright.vault.identities import TOKEN_SECONDS, policy_name
from trustwright.vault.policies import within
from trustwright.vault.settle import settle, settle_absence, settle_mount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    connection: Connection, environment: Environment, consumers: Sequence[Consumer]
) -> Iterator[str]:
    """Make mount, policies and logins so; withdraw those of everybody else.

    An environment without such consumers gets no mount. Once there is one, it stays.

    Raises:
        ConfigurationError: something else is mounted there (rule ``VAULT-MOUNT``).
        VerificationError: the server took a write and says something else.
    """
    if not consumers and not _begun(connection, environment):
        return
    yield from _mounts(connection, environment)
    for consumer in consumers:
        yield from _consumer(connection, environment, consumer)
    yield from _leavers(connection, environment, {each.name for each in consumers})


def enrol(
    connection: Connection, environment: Environment, consumer: Consumer, *, replace: bool
) -> HostLogin:
    """Return a new login of a consumer, its secret wrapped for one use.

    Every secret of a role dies with it: `replace` makes the role anew.

    Raises:
        Rejected: the environment was not prepared for this consumer (rule ``VAULT-ABSENT``).
    """
    role = within(environment, role_path(consumer.name))
    if replace:
        for _ in settle_absence(connection, role, ""):
            pass
        for _ in _login(connection, environment, consumer):
            pass
    known = connection.read(f"{role}/role-id")
    wrapped = connection.wrapped(f"{role}/secret-id", {}, WRAPPED_SECONDS)
    return HostLogin(replies.text(known, "role_id", role), wrapped, WRAPPED_SECONDS)


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


def _begun(connection: Connection, environment: Environment) -> bool:
    """Return whether the mount is there; a provisioner that may not look has made none."""
    path = within(environment, f"sys/mounts/{environment.vault.delivery}")
    try:
        return connection.find(path) is not None
    except Denied:
        return False


def _mounts(connection: Connection, environment: Environment) -> Iterator[str]:
    mount = environment.vault.delivery
    path = within(environment, f"sys/mounts/{mount}")
    wanted = {**KV, "description": "Trustwright: sets that consumers fetch"}
    yield from settle_mount(connection, path, wanted, f"mount {mount} made")
    found = connection.find(path)
    if found is not None and (found.get("options") or {}).get("version") != "2":
        raise ConfigurationError(
            "the KV engine that is mounted there keeps no versions",
            rule="VAULT-MOUNT",
            hint="choose another vault.delivery, or move what is there",
            where=path,
        )
    config = within(environment, f"{mount}/config")
    yield from settle(connection, config, CONFIG, f"mount {mount} keeps one version")
    login = within(environment, f"sys/auth/{CONSUMER_LOGIN}")
    yield from settle_mount(connection, login, {"type": "approle"}, "login of consumers made")


def _consumer(
    connection: Connection, environment: Environment, consumer: Consumer
) -> Iterator[str]:
    policy = within(environment, _policy_path(consumer.name))
    wanted = {"policy": policies.render_consumer(consumer, environment)}
    yield from settle(connection, policy, wanted, f"policy of consumer {consumer.name} written")
    place = within(environment, _metadata(environment, secret_path(consumer, SET)))
    yield from settle(connection, place, SETTINGS, f"path of consumer {consumer.name} made")
    yield from _login(connection, environment, consumer)


def _login(connection: Connection, environment: Environment, consumer: Consumer) -> Iterator[str]:
    path = within(environment, role_path(consumer.name))
    yield from settle(connection, path, role(consumer), f"login of consumer {consumer.name} bound")


def _leavers(connection: Connection, environment: Environment, stay: set[str]) -> Iterator[str]:
    """Withdraw login, policy and secrets of everybody who does not fetch here any more."""
    logins = _names(connection, environment, f"auth/{CONSUMER_LOGIN}/role", PREFIX)
    for name in sorted(logins - stay):
        path = within(environment, role_path(name))
        yield from settle_absence(connection, path, f"login of consumer {name} withdrawn")
    written = _names(connection, environment, "sys/policies/acl", policy_name(PREFIX))
    for name in sorted(written - stay):
        path = within(environment, _policy_path(name))
        yield from settle_absence(connection, path, f"policy of consumer {name} deleted")
    folders = _names(connection, environment, _metadata(environment, "").rstrip("/"), "")
    for name in sorted({each.rstrip("/") for each in folders} - stay):
        for what in (SET, REQUEST):
            path = within(environment, _metadata(environment, f"{name}/{what}"))
            yield from settle_absence(connection, path, f"{what} of consumer {name} deleted")


def _names(connection: Connection, environment: Environment, path: str, prefix: str) -> set[str]:
    found = connection.listing(within(environment, path)).get("keys") or ()
    return {str(each).removeprefix(prefix) for each in found if str(each).startswith(prefix)}


def _policy_path(consumer: str) -> str:
    return f"sys/policies/acl/{policy_name(f'{PREFIX}{consumer}')}"


def _metadata(environment: Environment, path: str) -> str:
    return f"{environment.vault.delivery}/metadata/{path}"
