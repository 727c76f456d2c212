"""Preparing an environment: namespace, mount, settings, policies, logins, roles.

One walk over everything that the estate asks for, a step each. A plan looks at the steps, a
preparation takes them: the two cannot disagree.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, Denied
from trustwright.vault import classify, identities, policies, roles, urls
from trustwright.vault.fetching import enrol, settle_fetching
from trustwright.vault.logins import logins_in, settle_login, try_logins
from trustwright.vault.ownpolicy import EARLIER
from trustwright.vault.policies import within
from trustwright.vault.probe import OPENBAO, probe
from trustwright.vault.settle import Step, addressed, settle, settle_mount, settle_presence, taken
from trustwright.vault.sharing import refuse_shared_keys, refuse_shared_namespace
from trustwright.vault.surplus import surplus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from trustwright.model.estate import Consumer, Environment
    from trustwright.model.plan import Found
    from trustwright.ports import Capabilities, HostLogin
    from trustwright.vault.client import Connection

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
        key: its private key: no other login may use it.
        others: identity folder of every other environment of the estate, by its name.
    """

    def __init__(
        self, connection: Connection, key: Path, others: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        self._connection = connection
        self._key = key
        self._others = others

    def probe(self) -> Capabilities:
        """Return what the server can do."""
        return probe(self._connection)

    def plan(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        fetching: Sequence[Consumer] = (),
    ) -> tuple[Found, ...]:
        """Return how the server differs from what the estate asks for; nothing is written.

        Raises:
            ConfigurationError, UpstreamError: as `prepare`.
        """
        looking = VaultProvisioner(self._connection.looking(), self._key, self._others)
        steps = looking._walk(name, environment, organization, uris, fetching)
        found = (each for step in steps for each in (step.change, step.remark))
        with _telling_whose_policy():
            return tuple(each for each in found if each is not None)

    def prepare(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        destroy: Collection[str] = (),
        fetching: Sequence[Consumer] = (),
    ) -> tuple[str, ...]:
        """Make everything so that the estate asks for; return what changed, one phrase each.

        What is surplus stays, unless its address is in `destroy`.

        Raises:
            ConfigurationError: the provisioner's key is not here (rule ``KEY-PROVISIONER``), a
                login key opens a second door, another environment lives in the namespace or the
                mount, something else is mounted, the halves of a key do not fit, or an identity
                has neither public key nor AppRole file.
            UpstreamError: the server said no, or not everything was heard; run again.
        """
        # Nobody asks what is surplus where nothing was approved.
        walk = self._walk if destroy else self._wanted
        with _telling_whose_policy():
            phrases = tuple(taken(walk(name, environment, organization, uris, fetching), destroy))
        try_logins(name, environment)
        return phrases

    def enrol(self, environment: Environment, consumer: Consumer, *, replace: bool) -> HostLogin:
        """Return a new login for a host of this consumer."""
        with _telling_whose_policy():
            return enrol(self._connection, environment, consumer, replace=replace)

    def _walk(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        fetching: Sequence[Consumer],
    ) -> Iterator[Step]:
        """Yield every step, what is surplus last; changes bear the addresses that a plan shows."""
        settled: list[str] = []
        for step in self._wanted(name, environment, organization, uris, fetching):
            settled.append(step.path)
            yield addressed(step, name, environment)
        for step in surplus(self._connection, name, environment, settled):
            yield addressed(step, name, environment)

    def _wanted(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        fetching: Sequence[Consumer],
    ) -> Iterator[Step]:
        folder = environment.vault.identity
        own = _public_half(self._key)
        logins = logins_in(folder)
        refuse_shared_keys(folder, logins, self._others, own)
        openbao = self.probe().product == OPENBAO
        yield from self._namespaces(environment)
        refuse_shared_namespace(self._connection, name, environment, logins)
        yield from self._mount(environment)
        yield from self._settings(environment, openbao=openbao)
        yield from self._policies(name, environment)
        for identity, login in logins.items():
            yield from settle_login(self._connection, name, environment, identity, login)
        yield from self._roles(name, environment, organization, uris, openbao=openbao)
        yield from settle_fetching(self._connection, name, environment, fetching)

    def _namespaces(self, environment: Environment) -> Iterator[Step]:
        for path in policies.namespace_paths(environment.vault.namespace):
            made = f"namespace {path.rsplit('/', 1)[-1]} made"
            yield from settle_presence(self._connection, path, {}, made)

    def _mount(self, environment: Environment) -> Iterator[Step]:
        mount = environment.vault.mount
        path = within(environment, f"sys/mounts/{mount}")
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

    def _settings(self, environment: Environment, *, openbao: bool) -> Iterator[Step]:
        base = within(environment, environment.vault.mount)
        published = urls.templates(environment) | (urls.OPENBAO_ONLY if openbao else {})
        yield from settle(self._connection, f"{base}/config/urls", published, "URLs set")
        yield from settle(self._connection, f"{base}/config/crl", CRL, "CRL settings set")

    def _policies(self, name: str, environment: Environment) -> Iterator[Step]:
        for identity in identities.IDENTITIES:
            wanted = {"policy": policies.render(identity, name, environment)}
            path = within(environment, f"sys/policies/acl/{identities.policy_name(identity)}")
            yield from settle(self._connection, path, wanted, f"policy of {identity} written")

    def _roles(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        *,
        openbao: bool,
    ) -> Iterator[Step]:
        more = roles.OPENBAO_ONLY if openbao else {}
        for role, facts in sorted(environment.roles.items()):
            wanted = more | roles.parameters(
                facts, name, environment, organization, uris.get(role, ())
            )
            path = within(environment, f"{environment.vault.mount}/roles/{role}")
            yield from settle(
                self._connection,
                path,
                wanted,
                f"role {role} written",
                sent=roles.as_sent(wanted),
            )


@contextmanager
def _telling_whose_policy() -> Iterator[None]:
    """Have a 403 name the provisioner's policy: to prepare again would meet it again."""
    try:
        yield
    except Denied as error:
        if error.rule != classify.DENIED.rule or error.where.endswith("/login"):
            raise
        what = f"the provisioner's policy does not allow it: {error.what}"
        raise Denied(what, rule=error.rule, hint=EARLIER, where=error.where) from None


def _public_half(key: Path) -> str:
    """Return the provisioner's public key; a key that is not on this machine has its own rule."""
    try:
        return identities.public_half(key)
    except ConfigurationError as error:
        if os.path.lexists(key):
            raise
        raise ConfigurationError(
            "the provisioner's key is not on this machine",
            rule="KEY-PROVISIONER",
            hint="put it back, or name it with TRUSTWRIGHT_PROVISIONER_KEY",
            where=str(key),
        ) from error
