"""All ports over fakes, and a way to let the process die at any call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.fakes.clock import HeldClock
from tests.fakes.records import FakeRecords
from tests.fakes.secrets import FakeSecrets
from tests.fakes.target import FakeTarget
from tests.fakes.vault import FakeVault
from trustwright.delivery.kv import KvTarget
from trustwright.errors import Rejected, TrustwrightError, Unavailable
from trustwright.model.estate import Consumer, Estate
from trustwright.ports import (
    AdminSigner,
    AnchorSigner,
    Event,
    Look,
    Notice,
    Presented,
    Provisioner,
    Rotator,
    Signer,
    Signing,
    Target,
    Testimony,
)


class FakeNotifier:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Notice] = []

    def tell(self, notice: Notice) -> tuple[str, ...]:
        """Remember the notice."""
        self.told.append(notice)
        return ()


class FakeEvents:
    """Keeps what was emitted; takes nothing while it is down."""

    def __init__(self) -> None:
        self.emitted: list[Event] = []
        self.down = False

    def emit(self, events: Sequence[Event]) -> bool:
        """Remember the events."""
        if not self.down:
            self.emitted.extend(events)
        return not self.down


class FakeProber:
    """Shows what a test has put behind an address."""

    def __init__(self) -> None:
        self.behind: dict[str, Presented | Exception] = {}

    def presented(self, probe: str, server_name: str) -> Presented:
        """Return what is there, or say that nothing answers."""
        del server_name
        found = self.behind.get(probe, Unavailable("nobody there", rule="PROBE-UNREACHABLE"))
        if isinstance(found, Exception):
            raise found
        return found

    def presented_together(self, looks: Sequence[Look]) -> list[Presented | TrustwrightError]:
        """Return what is behind each."""
        found: list[Presented | TrustwrightError] = []
        for look in looks:
            try:
                found.append(self.presented(look.probe, look.server_name))
            except TrustwrightError as error:
                found.append(error)
        return found


class FakeWitness:
    """Knows what a test has told it."""

    def __init__(self) -> None:
        self.known: dict[str, Signing] = {}
        self.asked: list[str] = []
        self.silence = "no audit log is known here"

    def signings(self, serials: Collection[str], since: datetime) -> Testimony:
        """Return what is known of them."""
        del since
        self.asked.extend(sorted(serials))
        found = {each: self.known[each] for each in serials if each in self.known}
        return Testimony(found, "" if len(found) == len(serials) else self.silence)


class FakeRuns:
    """Runs that are alive while a test says so."""

    def __init__(self) -> None:
        self.living: set[str] = set()
        self.cancelled_runs: set[str] = set()
        self.asleep: set[str] = set()
        self.woken: list[str] = []
        self.deaf: set[str] = set()

    def waits(self, run: str) -> bool:
        """Return whether the test lets it sleep."""
        return run in self.asleep

    def wake(self, run: str) -> None:
        """Wake it, unless it is deaf: it died before it could store its form."""
        if run in self.deaf or run not in self.asleep:
            raise Rejected(f"{run} cannot be resumed", rule="PREFECT-RESUME")
        self.asleep.discard(run)
        self.woken.append(run)

    def alive(self, run: str) -> bool:
        """Return whether the test keeps it alive."""
        return run in self.living

    def cancelled(self, run: str) -> bool:
        """Return whether the test or `end` cancelled it."""
        return run in self.cancelled_runs

    def end(self, run: str, reason: str) -> None:
        """Cancel it."""
        del reason
        self.living.discard(run)
        self.asleep.discard(run)
        self.cancelled_runs.add(run)

    def link(self, run: str | None) -> str:
        """Return a page that does not exist."""
        return f"http://127.0.0.1:1/runs/{run or ''}"


@dataclass
class FakePorts:
    """Ports over fakes; `through` wraps each part before the lifecycle sees it."""

    estate: Estate
    root_certificate: str
    folder: Path
    clock: HeldClock = field(default_factory=HeldClock)
    actor: str = "run-1"
    process: str = "process-1"
    through: Callable[[str, Any], Any] = lambda _name, part: part

    def __post_init__(self) -> None:
        """Make the parts that live as long as the world does."""
        self.store = FakeRecords()
        self.chat = FakeNotifier()
        self.orchestrator = FakeRuns()
        self.doorbell = FakeEvents()
        self.endpoints = FakeProber()
        self.bystander = FakeWitness()
        self.vault = FakeVault(self.clock)
        self.targets: dict[str, FakeTarget] = {}

    @property
    def records(self) -> Any:
        """Return the store."""
        return _Wrapped(self.store, self.through)

    @property
    def notifier(self) -> Any:
        """Return the chat."""
        return self.through("notifier", self.chat)

    @property
    def events(self) -> Any:
        """Return the doorbell."""
        return self.through("events", self.doorbell)

    @property
    def prober(self) -> Any:
        """Return the eye on endpoints."""
        return self.through("prober", self.endpoints)

    @property
    def witness(self) -> Any:
        """Return the reader of the audit log."""
        return self.through("witness", self.bystander)

    @property
    def runs(self) -> Any:
        """Return the orchestrator."""
        return self.through("runs", self.orchestrator)

    def provisioner(self, environment: str) -> Provisioner:
        """Return the fake's provisioner."""
        part: Provisioner = self.through("provisioner", self.vault.provisioner(environment))
        return part

    def rotator(self, environment: str) -> Rotator:
        """Return the fake's rotator."""
        part: Rotator = self.through("rotator", self.vault.rotator(environment))
        return part

    def anchor_signer(self, environment: str) -> AnchorSigner:
        """Return the fake's anchor identity."""
        part: AnchorSigner = self.through("anchor", self.vault.anchor_signer(environment))
        return part

    def signer(self, environment: str) -> Signer:
        """Return the fake's day-to-day identity."""
        part: Signer = self.through("signer", self.vault.signer(environment))
        return part

    def admin_signer(self, environment: str) -> AdminSigner:
        """Return the fake's identity for admins."""
        part: AdminSigner = self.through("admin", self.vault.admin_signer(environment))
        return part

    def target(self, consumer: Consumer) -> Target:
        """Return the consumer's folder in memory, or its secret in the fake."""
        if consumer.deliver.vault_kv is not None:
            mount = self.vault.secrets.setdefault(consumer.environment, FakeSecrets())
            kept: Target = KvTarget(self.through("secrets", mount), consumer, self.clock)
            return kept
        key = f"{consumer.environment}/{consumer.name}"
        made = self.targets.setdefault(key, FakeTarget(consumer.name, self.clock))
        target: Target = self.through("target", made)
        return target

    def workspace(self) -> Path:
        """Return the test's folder."""
        return self.folder


class _Wrapped:
    """The store with every table wrapped."""

    def __init__(self, store: FakeRecords, through: Callable[[str, Any], Any]) -> None:
        self._store, self._through = store, through

    def __getattr__(self, name: str) -> Any:
        return self._through(f"records.{name}", getattr(self._store, name))
