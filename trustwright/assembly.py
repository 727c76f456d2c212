"""The one place where adapters are chosen and put together."""

from __future__ import annotations

import getpass
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

from trustwright.clock import Clock, SystemClock
from trustwright.delivery.directory import DirectoryTarget
from trustwright.delivery.kv import KvTarget
from trustwright.endpoints.handshake import Handshakes
from trustwright.errors import ConfigurationError, VerificationError
from trustwright.estatefile import load_estate
from trustwright.model.estate import Consumer, Estate
from trustwright.notify.apprise_notifier import AppriseNotifier
from trustwright.ports import (
    AdminSigner,
    AnchorSigner,
    Events,
    Notifier,
    Prober,
    Provisioner,
    Records,
    Rotator,
    Runs,
    Signer,
    Target,
    Witness,
)
from trustwright.prefect_api import PrefectApi, PrefectRuns
from trustwright.prefect_api.events import NoEvents, PrefectEvents
from trustwright.settings import Settings
from trustwright.store.records import open_records
from trustwright.vault import connect
from trustwright.vault.auditlog import AuditLog
from trustwright.x509 import parse

T = TypeVar("T")

_PROCESS = secrets.token_hex(8)


@dataclass(frozen=True)
class Assembly:
    """The ports of one estate on this machine (fulfils `trustwright.ports.Ports`)."""

    settings: Settings
    estate: Estate
    clock: Clock
    records: Records
    notifier: Notifier
    root_certificate: str
    actor: str
    _doors: dict[str, object] = field(default_factory=dict, repr=False)

    @cached_property
    def prefect(self) -> PrefectApi:
        """Prefect's API.

        Raises:
            ConfigurationError: its address is not known (rule ``SET-PREFECT``).
        """
        return PrefectApi(self.settings.prefect_api, self.settings.prefect_auth)

    @property
    def runs(self) -> Runs:
        """The orchestrator's runs."""
        return PrefectRuns(self.prefect)

    @cached_property
    def events(self) -> Events:
        """Where other flows hear of what happened; nowhere on a machine without Prefect."""
        if self.settings.prefect_url is None:
            return NoEvents()
        return PrefectEvents(self.settings.prefect_api, self.settings.prefect_auth)

    @property
    def prober(self) -> Prober:
        """Looks at consumers' endpoints."""
        return Handshakes()

    @property
    def witness(self) -> Witness:
        """Reads Vault's audit log, as far as this machine has it."""
        return AuditLog(self.settings.audit_logs)

    @property
    def process(self) -> str:
        """Return the token of this process, another one after a fork."""
        return f"{_PROCESS}-{os.getpid()}"

    def provisioner(self, environment: str) -> Provisioner:
        """Return the provisioner for the server that holds this environment."""
        found = self.estate.environments[environment]
        key = self.settings.provisioner_key
        others = {
            name: each.vault.identity
            for name, each in self.estate.environments.items()
            if name != environment
        }
        return self._door(
            f"provisioner/{environment}",
            lambda: connect.provisioner(environment, found, key, others),
        )

    def rotator(self, environment: str) -> Rotator:
        """Return the rotator of this environment's mount."""
        found = self.estate.environments[environment]
        return self._door(f"rotator/{environment}", lambda: connect.rotator(environment, found))

    def anchor_signer(self, environment: str) -> AnchorSigner:
        """Return the anchor identity of this environment's mount."""
        found = self.estate.environments[environment]
        return self._door(
            f"anchor/{environment}", lambda: connect.anchor_signer(environment, found)
        )

    def signer(self, environment: str) -> Signer:
        """Return the day-to-day identity of this environment's mount."""
        found = self.estate.environments[environment]
        return self._door(f"signer/{environment}", lambda: connect.signer(environment, found))

    def admin_signer(self, environment: str) -> AdminSigner:
        """Return the identity that signs for this environment's admins."""
        found = self.estate.environments[environment]
        return self._door(f"admin/{environment}", lambda: connect.admin_signer(environment, found))

    def _door(self, name: str, make: Callable[[], T]) -> T:
        """Return one identity's connection, logged in once and kept while the ports are open."""
        if name not in self._doors:
            self._doors[name] = make()
        return cast("T", self._doors[name])

    def target(self, consumer: Consumer) -> Target:
        """Return where this consumer's set goes."""
        directory = consumer.deliver.directory
        if directory is not None:
            return DirectoryTarget(directory, consumer.name, self.clock)
        name = consumer.environment
        found = self.estate.environments[name]
        mount = self._door(f"secrets/{name}", lambda: connect.secrets(name, found))
        return KvTarget(mount, consumer, self.clock)

    def workspace(self) -> Path:
        """Return the folder for request files."""
        return self.settings.workspace


@contextmanager
def assembled(
    actor: str | None = None, settings: Settings | None = None, *, orchestrated: bool = True
) -> Iterator[Assembly]:
    """Yield the ports, with the store open.

    Args:
        actor: flow run or command that acts; None names the account on this machine.
        settings: None reads the environment.
        orchestrated: Prefect is needed, which is said now and not halfway; False for what works on
            a machine without it, like an admin's.

    Raises:
        ConfigurationError: estate, settings or store do not fit, or nobody has said where Prefect
            is and it is needed.
        VerificationError: the root certificate is not the pinned one.
    """
    settings = settings or Settings.from_environment()
    if orchestrated:
        _ = settings.prefect_api
    estate = load_estate(settings.estate)
    clock = SystemClock()
    with open_records(settings.store_url) as records:
        yield Assembly(
            settings=settings,
            estate=estate,
            clock=clock,
            records=records,
            notifier=AppriseNotifier(estate.notify, records.audit, clock),
            root_certificate=pinned_root(estate),
            actor=actor or getpass.getuser(),
        )


def nothing_begun(settings: Settings | None = None) -> bool:
    """Return whether there is neither an estate file nor an environment in the record yet.

    A stack is started before its estate is written; an estate that got lost is another thing.

    Raises:
        ConfigurationError: settings or store do not fit.
    """
    settings = settings or Settings.from_environment()
    if settings.estate.exists():
        return False
    with open_records(settings.store_url) as records:
        return not any(records.environments.find())


def pinned_root(estate: Estate) -> str:
    """Return the root certificate's PEM after comparing it with the pinned fingerprint.

    Raises:
        ConfigurationError: the file cannot be read.
        VerificationError: it holds another certificate.
    """
    path = estate.root.certificate
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read the root certificate: {error}",
            rule="EST-ROOT",
            hint="export it: trustwright-root show --certificate",
            where=str(path),
        ) from error
    found = parse.fingerprint(parse.certificate(text))
    if found != estate.root.fingerprint:
        raise VerificationError(
            f"the root certificate is {found}, the estate pins {estate.root.fingerprint}",
            rule="EST-ROOT",
            hint="compare both with the offline machine",
            where=str(path),
        )
    return text
