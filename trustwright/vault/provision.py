"""Preparing an environment: namespace, mount, settings, policies, logins, roles."""

from __future__ import annotations

from contextlib import closing
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, Denied
from trustwright.vault import identities, policies, roles, urls
from trustwright.vault.connect import connect
from trustwright.vault.credentials import read_approle
from trustwright.vault.probe import OPENBAO, probe
from trustwright.vault.settle import settle, settle_mount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trustwright.model.estate import Environment
    from trustwright.ports import Capabilities
    from trustwright.vault.client import Connection
    from trustwright.vault.identities import Identity

CRL: dict[str, Any] = {
    "disable": False,
    "expiry": "72h",
    "auto_rebuild": True,
    "auto_rebuild_grace_period": "36h",
    "enable_delta": True,
    "delta_rebuild_interval": "15m",
}
"""A CRL lives three days and is rebuilt by itself after half of that: relying parties that refuse
everything under an expired CRL keep working through an outage of a day. Without ``auto_rebuild``
each revocation costs a rebuild of the whole list."""


class VaultProvisioner:
    """Prepares environments (fulfils `trustwright.ports.Provisioner`).

    Every step reads first and writes only what differs, so it may die and run again anywhere.

    Args:
        connection: of the identity ``provisioner``.
        others: identity folder of every other environment of the estate, by its name.
    """

    def __init__(
        self, connection: Connection, others: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        self._connection = connection
        self._others = others

    def probe(self) -> Capabilities:
        """Return what the server can do."""
        return probe(self._connection)

    def prepare(self, name: str, environment: Environment, organization: str) -> tuple[str, ...]:
        """Make everything so that the estate asks for; return what changed, one phrase each.

        Raises:
            ConfigurationError: another environment lives in the namespace or has one of the keys,
                something else is mounted, the halves of a key do not fit, or an identity has
                neither public key nor AppRole file.
            UpstreamError: the server said no, or not everything was heard; run again.
        """
        identities.refuse_foreign_keys(environment.vault.identity, self._others)
        product = self.probe().product
        steps = (
            self._namespaces(environment),
            self._refuse_another_environment(name, environment),
            self._mount(environment),
            self._settings(environment),
            self._policies(name, environment),
            self._logins(name, environment),
            self._roles(name, environment, organization, product),
            _try_logins(name, environment),
        )
        return tuple(chain.from_iterable(steps))

    def _namespaces(self, environment: Environment) -> Iterator[str]:
        for path in policies.namespace_paths(environment.vault.namespace):
            if self._connection.find(path) is None:
                self._connection.write(path, {})
                yield f"namespace {path.rsplit('/', 1)[-1]} made"

    def _refuse_another_environment(self, name: str, environment: Environment) -> Iterator[str]:
        """Yield nothing; two environments in one namespace would share their identities."""
        for identity in identities.IDENTITIES:
            role = self._connection.find(_at(environment, _role_path("jwt", identity)))
            found = (role or {}).get("bound_audiences") or []
            if found and found != [identities.audience(name)]:
                raise ConfigurationError(
                    f"the namespace holds another environment already ({', '.join(found)})",
                    rule="VAULT-SHARED",
                    hint="give each environment a vault.namespace of its own",
                    where=f"environments.{name}.vault.namespace",
                )
        yield from ()

    def _mount(self, environment: Environment) -> Iterator[str]:
        mount = environment.vault.mount
        path = _at(environment, f"sys/mounts/{mount}")
        description = "Trustwright: one environment's intermediate"
        wanted = {"type": "pki", "description": description}
        yield from settle_mount(self._connection, path, wanted, f"mount {mount} made")
        longest = max(role.ttl for role in environment.roles.values())
        tuning = {
            "default_lease_ttl": longest,
            "max_lease_ttl": longest,
            "passthrough_request_headers": ["If-Modified-Since"],
            "allowed_response_headers": ["Last-Modified"],
            "audit_non_hmac_response_keys": ["serial_number"],
        }
        yield from settle(self._connection, f"{path}/tune", tuning, f"mount {mount} tuned")

    def _settings(self, environment: Environment) -> Iterator[str]:
        base = _at(environment, environment.vault.mount)
        published = urls.templates(environment)
        yield from settle(self._connection, f"{base}/config/urls", published, "URLs set")
        yield from settle(self._connection, f"{base}/config/crl", CRL, "CRL settings set")

    def _policies(self, name: str, environment: Environment) -> Iterator[str]:
        for identity in identities.IDENTITIES:
            wanted = {"policy": policies.render(identity, name, environment)}
            path = _at(environment, f"sys/policies/acl/{identities.policy_name(identity)}")
            yield from settle(self._connection, path, wanted, f"policy of {identity} written")

    def _logins(self, name: str, environment: Environment) -> Iterator[str]:
        for identity in identities.IDENTITIES:
            folder = environment.vault.identity
            public = identities.public_key(folder, identity)
            if public is not None:
                yield from self._signed_login(name, environment, identity, public)
            else:
                yield from self._approle(environment, identity, folder)

    def _signed_login(
        self, name: str, environment: Environment, identity: Identity, public: str
    ) -> Iterator[str]:
        mount = _at(environment, f"sys/auth/jwt-{identity}")
        yield from settle_mount(
            self._connection, mount, {"type": "jwt"}, f"login of {identity} made"
        )
        config = _at(environment, f"auth/jwt-{identity}/config")
        pinned = identities.login_config(public, identity)
        yield from settle(self._connection, config, pinned, f"key of {identity} pinned")
        role = _at(environment, _role_path("jwt", identity))
        bound = identities.login_role(identity, name)
        yield from settle(self._connection, role, bound, f"login of {identity} bound")

    def _approle(self, environment: Environment, identity: Identity, folder: Path) -> Iterator[str]:
        file = folder / f"{identity}.approle"
        if not file.exists():
            raise ConfigurationError(
                f"neither {identity}.pub nor {file.name} is there",
                rule="KEY-FILE",
                hint="make keys with `trustwright identity create`",
                where=str(folder),
            )
        secret = read_approle(file)
        mount = _at(environment, f"sys/auth/approle-{identity}")
        yield from settle_mount(
            self._connection, mount, {"type": "approle"}, f"login of {identity} made"
        )
        role = _at(environment, _role_path("approle", identity))
        bound = identities.token_settings(identity)
        yield from settle(self._connection, role, bound, f"login of {identity} bound")
        named = {"role_id": secret["role_id"]}
        yield from settle(self._connection, f"{role}/role-id", named, f"role_id of {identity} set")
        known = {"secret_id": secret["secret_id"]}
        if not self._connection.write(f"{role}/secret-id/lookup", known):
            self._connection.write(f"{role}/custom-secret-id", known)
            yield f"secret_id of {identity} known"

    def _roles(
        self, name: str, environment: Environment, organization: str, product: str
    ) -> Iterator[str]:
        more = roles.OPENBAO_ONLY if product == OPENBAO else {}
        for role, facts in sorted(environment.roles.items()):
            wanted = roles.parameters(role, facts, name, environment, organization) | more
            path = _at(environment, f"{environment.vault.mount}/roles/{role}")
            yield from settle(self._connection, path, wanted, f"role {role} written")


def _try_logins(name: str, environment: Environment) -> Iterator[str]:
    """Yield nothing; log in once as each identity whose secret is here, with its own key."""
    folder = environment.vault.identity
    for identity in identities.IDENTITIES:
        if not identities.holds_secret(folder, identity):
            continue
        with closing(connect(identity, name, environment)) as connection:
            try:
                connection.token()
            except Denied as error:
                raise Denied(
                    f"{identity} cannot log in although it was just made known: {error.what}",
                    rule="VAULT-LOGIN",
                    hint="compare the clocks of this machine and the server, and read the "
                    "server's log",
                    where=error.where,
                ) from error
    yield from ()


def _at(environment: Environment, path: str) -> str:
    namespace = environment.vault.namespace
    return f"{namespace}/{path}" if namespace else path


def _role_path(kind: str, identity: Identity) -> str:
    return f"auth/{kind}-{identity}/role/{identity}"
