"""What must not be shared: one key between two logins, one namespace between two environments."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from trustwright.errors import ConfigurationError
from trustwright.vault import identities, policies
from trustwright.vault.credentials import read_approle
from trustwright.vault.identities import IDENTITIES, PROVISIONER
from trustwright.vault.logins import PinnedKey, SharedSecret, role_path
from trustwright.vault.policies import within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trustwright.model.estate import Environment
    from trustwright.vault.client import Connection
    from trustwright.vault.identities import Identity
    from trustwright.vault.logins import Login

_MAKE = "then `trustwright identity create`"


def refuse_shared_keys(
    folder: Path, logins: Mapping[Identity, Login], others: Mapping[str, Path], provisioner: str
) -> None:
    """Refuse a login that opens a second door, and a key pair whose halves do not fit.

    Args:
        folder: of the environment whose logins are about to be made known.
        logins: what it holds.
        others: identity folder of every other environment, by its name.
        provisioner: public key of the provisioner (PEM).

    Raises:
        ConfigurationError: rule ``KEY-PAIR``; ``KEY-SHARED`` within the environment or with the
            provisioner; ``VAULT-SHARED`` with another environment.
    """
    held = {provisioner: PROVISIONER}
    elsewhere = dict(_held_elsewhere(others))
    for identity, login in logins.items():
        _refuse_misfit(folder, identity, login)
        secret = login.public if isinstance(login, PinnedKey) else login.secret_id
        if secret in held:
            raise _shared("KEY-SHARED", folder, identity, login, held[secret])
        if secret in elsewhere:
            raise _shared("VAULT-SHARED", folder, identity, login, elsewhere[secret])
        held[secret] = identity


def _held_elsewhere(others: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Yield public keys and AppRole secrets of other environments, as far as they are here."""
    for name, folder in others.items():
        for identity in IDENTITIES:
            public, approle = identities.public_key(folder, identity), f"{identity}.approle"
            if public is not None:
                yield public, name
            elif (folder / approle).exists():
                # One that belongs to another account cannot be compared, and is not ours to judge.
                with suppress(ConfigurationError):
                    yield read_approle(folder / approle)["secret_id"], name


def _refuse_misfit(folder: Path, identity: Identity, login: Login) -> None:
    key = folder / f"{identity}.key"
    if not isinstance(login, PinnedKey) or not key.exists():
        return
    if identities.public_half(key) != login.public:
        raise ConfigurationError(
            f"{identity}.pub is not the public half of {key.name}",
            rule="KEY-PAIR",
            hint=f"remove the one that is wrong, or both; {_MAKE}",
            where=str(folder),
        )


def _shared(
    rule: str, folder: Path, identity: Identity, login: Login, owner: str
) -> ConfigurationError:
    if isinstance(login, SharedSecret):
        what, hint = f"the secret_id in {identity}.approle", "write another one into it"
    else:
        what, hint = f"{identity}.pub", f"remove the copy's .key and .pub, {_MAKE}"
    return ConfigurationError(
        f"{what} is also that of {owner}", rule=rule, hint=hint, where=str(folder)
    )


def refuse_shared_namespace(
    connection: Connection,
    name: str,
    environment: Environment,
    logins: Mapping[Identity, Login],
) -> None:
    """Refuse a namespace or a mount in which anything shows another environment at work.

    Its identities have the same names there: their policies and logins would be written over, and
    its keys would open what is ours.

    Raises:
        ConfigurationError: rule ``VAULT-SHARED``; nothing was written.
    """
    for identity, login in logins.items():
        sign = _sign_of_another(connection, name, environment, identity, login)
        if sign:
            raise _occupied(name, "namespace", sign)
    sign = _foreign_role(connection, name, environment)
    if sign:
        raise _occupied(name, "mount", sign)


def _sign_of_another(
    connection: Connection, name: str, environment: Environment, identity: Identity, login: Login
) -> str:
    """Return what in the namespace belongs to somebody else, whatever kind of login it has."""
    path = within(environment, f"sys/policies/acl/{identities.policy_name(identity)}")
    policy = (connection.find(path) or {}).get("policy") or ""
    owner = policies.owner(policy)
    written = f"the policy {identities.policy_name(identity)} was written"
    if owner is not None and owner != (name, environment.vault.mount):
        return f"{written} for environment {owner[0]} and mount {owner[1]}"
    if policy and owner is None and not _is_marked(connection, name, environment):
        return f"{written} by somebody else"
    pinned = connection.find(within(environment, role_path("jwt", identity))) or {}
    audiences = pinned.get("bound_audiences") or []
    if audiences and audiences != [identities.audience(name)]:
        return f"the login of {identity} is for {', '.join(audiences)}"
    if not policy and _foreign_approle(connection, environment, identity, login):
        return f"the AppRole login of {identity} is somebody else's"
    return ""


def _foreign_approle(
    connection: Connection, environment: Environment, identity: Identity, login: Login
) -> bool:
    """Return whether an AppRole stands there that nothing shows to be ours."""
    role = within(environment, role_path("approle", identity))
    if connection.find(role) is None:
        return False
    found = (connection.find(f"{role}/role-id") or {}).get("role_id")
    return not isinstance(login, SharedSecret) or found != login.role_id


def _foreign_role(connection: Connection, name: str, environment: Environment) -> str:
    mount = environment.vault.mount
    found = connection.find(within(environment, f"sys/mounts/{mount}")) or {}
    if found.get("type") != "pki":
        return ""
    for role in sorted(environment.roles):
        facts = connection.find(within(environment, f"{mount}/roles/{role}"))
        if facts is not None and facts.get("ou") != [name]:
            if not facts.get("ou") and _is_marked(connection, name, environment):
                continue
            return f"its role {role} signs for the unit {', '.join(facts.get('ou') or ['(none)'])}"
    return ""


def _is_marked(connection: Connection, name: str, environment: Environment) -> bool:
    """Return whether another policy in the namespace says that the mount is this environment's.

    Then what bears no mark was written by hand over what was ours: drift, not somebody else's.
    """
    paths = (f"sys/policies/acl/{identities.policy_name(identity)}" for identity in IDENTITIES)
    found = ((connection.find(within(environment, path)) or {}).get("policy") for path in paths)
    return any(policies.owner(text or "") == (name, environment.vault.mount) for text in found)


def _occupied(name: str, place: str, sign: str) -> ConfigurationError:
    return ConfigurationError(
        f"the {place} holds another environment already: {sign}",
        rule="VAULT-SHARED",
        hint="give each environment a vault.namespace of its own; an environment keeps its mount",
        where=f"environments.{name}.vault.{place}",
    )
