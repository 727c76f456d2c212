"""The estate file as a person writes it (DESIGN: environments, roles, consumers, notifications).

Paths are relative to the estate file's folder. Durations read ``90s``, ``15m``, ``72h``, ``730d``.
Rules that look at more than one value live in `trustwright.policy.estate`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from trustwright.model.base import Setting
from trustwright.model.profile import KeyKind, Usage
from trustwright.model.values import (
    Account,
    Address,
    Command,
    Duration,
    HostName,
    HostPath,
    Identifier,
    Kept,
    Mode,
    Mount,
    Namespace,
    Network,
    Organization,
    Owner,
    Pin,
    Place,
    PolicyOid,
    Probe,
    Published,
)

RoleName = Literal["server", "admin", "proxy", "agent"]


class Root(Setting):
    """The pinned root: certificate file and fingerprint, never a key."""

    certificate: Place
    fingerprint: Pin


class VaultTarget(Setting):
    """Where an environment's intermediate lives.

    Attributes:
        namespace: OpenBao namespace; empty for the root namespace.
        mount: path of the PKI secrets engine.
        delivery: path of the KV engine that holds the sets of consumers with `vault_kv`.
        ca: PEM bundle that verifies the address; None uses the machine's store.
        identity: folder with the ``.key`` (mode 0600) and ``.pub`` of the identities issuer,
            rotator, anchor and admin, as far as this machine needs them, or ``*.approle`` files.
    """

    address: Address
    namespace: Namespace = ""
    mount: Mount = "pki"
    delivery: Mount = "trustwright-delivery"
    ca: Place | None = None
    identity: Place


class Intermediate(Setting):
    """How the environment's intermediate is made and when it is renewed.

    Attributes:
        validity: of the intermediate and of its anchor.
        ceremony_lead: how long before the deadline people are asked to sign.
        overlap: how long two generations live side by side in a rotation.
        request_validity: how long a ceremony request may be signed.
    """

    key: KeyKind = "ec-p384"
    validity: Duration = 730 * 86_400
    ceremony_lead: Duration = 14 * 86_400
    overlap: Duration = 14 * 86_400
    request_validity: Duration = 7 * 86_400


class Role(Setting):
    """One issuance role.

    Attributes:
        ttl: life of a certificate; also the role's maximum in Vault.
        renew_before: how long before expiry it is replaced.
        names: DNS subtree that the role may name, at or below the environment's domain.
        usage: extended key usage of its certificates.
    """

    ttl: Duration
    renew_before: Duration
    names: HostName
    usage: tuple[Usage, ...] = Field(min_length=1, max_length=2)
    key: KeyKind = "ec-p256"


class Environment(Setting):
    """One trust path: domain, intermediate, mount and roles.

    Attributes:
        domain: permitted DNS subtree of the intermediate.
        policy: certificate policy OID that marks this environment's certificates.
        publish: base URL where CRL and issuer certificate can be fetched; None means Vault's own
            unauthenticated endpoints under `vault.address`.
    """

    domain: HostName
    policy: PolicyOid
    vault: VaultTarget
    intermediate: Intermediate = Field(default_factory=Intermediate)
    roles: dict[RoleName, Role] = Field(min_length=1)
    publish: Published | None = None


class Directory(Setting):
    """Directory delivery.

    Attributes:
        path: folder that holds the delivered set; ``key.pem`` and the rest appear in it.
        user, group: owner of the files; None keeps the account that runs the flows.
        mode: of key.pem; the public files are 0644, their folder is passable.
        reload: command run after the swap; a failure undoes the delivery.
        check: command run after the reload; a failure undoes the delivery.
        timeout: for each of the two commands.
        keep: how many older versions stay.
    """

    path: Place
    user: Account | None = None
    group: Account | None = None
    mode: Mode = "0600"
    reload: Command | None = None
    check: Command | None = None
    timeout: Duration = 30
    keep: Kept = 2


class VaultKv(Setting):
    """Delivery into Vault's KV engine, from where an agent on the consumer's host fetches it.

    What is said of files is for that agent (``trustwright consumer agent-config``): this machine
    does not see the host.

    Attributes:
        path: folder on the host; None when the software reads the secret itself.
        user, group: owner of the files; None keeps the account that runs the agent.
        mode: of key.pem; the public files are 0644.
        reload: command that the agent runs after the swap; a failure undoes the swap.
        timeout: for the agent's whole step, reload included.
        sources: networks that the consumer may log in from; empty means any.
    """

    path: HostPath | None = None
    user: Account | None = None
    group: Account | None = None
    mode: Mode = "0600"
    reload: Command | None = None
    timeout: Duration = 30
    sources: tuple[Network, ...] = Field(default=(), max_length=20)


def _one_member(schema: dict[str, Any]) -> None:
    """Have an editor show what is wrong inside of a member, not that neither it nor null fits."""
    members = schema["properties"]
    schema["properties"] = {name: each["anyOf"][0] for name, each in members.items()}
    schema |= {"minProperties": 1, "maxProperties": 1}


class Delivery(Setting):
    """Where a consumer's set goes: one of the two (rule ``EST-DELIVER``)."""

    model_config = ConfigDict(json_schema_extra=_one_member)

    directory: Directory | None = None
    vault_kv: VaultKv | None = None


class Consumer(Setting):
    """A service user: what it is called, what it gets and whom it trusts.

    Attributes:
        owner: team or person to tell.
        names: DNS names; the first is the common name.
        trusts: environments whose anchors go into trust.pem.
        key: *managed* makes the key here and delivers it; *host* signs the host's own request.
        probe: ``tls://``, ``smtp://`` (STARTTLS) or ``postgres://``, with ``host:port``: where the
            certificate is served.
    """

    name: Identifier
    environment: Identifier
    role: RoleName
    owner: Owner
    names: tuple[HostName, ...] = Field(min_length=1, max_length=20)
    trusts: tuple[Identifier, ...] = Field(min_length=1)
    key: Literal["managed", "host"] = "managed"
    probe: Probe | None = None
    deliver: Delivery


Severity = Literal["info", "warning", "critical"]


class Route(Setting):
    """Which notices go where.

    Attributes:
        channel: name of an apprise URL in the environment variable
            ``TRUSTWRIGHT_NOTIFY_<CHANNEL>`` or in the URLs file.
        at_least: lowest severity that is sent.
        environments: only these; empty means all.
    """

    channel: Identifier
    at_least: Severity = "info"
    environments: tuple[Identifier, ...] = ()


class Notify(Setting):
    """Chat and mail; the URLs are secrets and never stand in the estate file.

    Attributes:
        urls_file: file with ``channel = URL`` lines, mode 0600; environment variables go first.
    """

    urls_file: Place | None = None
    routes: tuple[Route, ...] = ()


class Estate(Setting):
    """The whole estate file."""

    organization: Organization
    root: Root
    environments: dict[Identifier, Environment] = Field(min_length=1)
    consumers: tuple[Consumer, ...] = ()
    notify: Notify = Notify()
