"""Everything together."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from trustwright.clock import Clock
from trustwright.model.estate import Consumer, Estate
from trustwright.ports.delivery import Target
from trustwright.ports.endpoints import Prober
from trustwright.ports.people import Events, Notifier, Runs
from trustwright.ports.store import Records
from trustwright.ports.vault import AdminSigner, AnchorSigner, Provisioner, Rotator, Signer
from trustwright.ports.witness import Witness


class Ports(Protocol):
    """Everything that the lifecycle needs, assembled for one estate."""

    @property
    def estate(self) -> Estate:
        """The estate file."""
        ...

    @property
    def clock(self) -> Clock:
        """The one clock."""
        ...

    @property
    def records(self) -> Records:
        """The store."""
        ...

    @property
    def notifier(self) -> Notifier:
        """Chat and mail."""
        ...

    @property
    def events(self) -> Events:
        """Where other flows hear of what happened."""
        ...

    @property
    def prober(self) -> Prober:
        """Looks at consumers' endpoints."""
        ...

    @property
    def witness(self) -> Witness:
        """Reads Vault's audit log, as far as this machine has it."""
        ...

    @property
    def runs(self) -> Runs:
        """The orchestrator's runs."""
        ...

    @property
    def root_certificate(self) -> str:
        """PEM of the pinned root."""
        ...

    @property
    def actor(self) -> str:
        """Flow run or command that acts; a claim, for the audit trail."""
        ...

    @property
    def process(self) -> str:
        """Token of this process: a run that Prefect started twice has two of them."""
        ...

    def provisioner(self, environment: str) -> Provisioner:
        """Return the provisioner for the server that holds this environment."""
        ...

    def rotator(self, environment: str) -> Rotator:
        """Return the rotator of this environment's mount."""
        ...

    def anchor_signer(self, environment: str) -> AnchorSigner:
        """Return the anchor identity of this environment's mount."""
        ...

    def signer(self, environment: str) -> Signer:
        """Return the day-to-day identity of this environment's mount."""
        ...

    def admin_signer(self, environment: str) -> AdminSigner:
        """Return the identity that signs for this environment's admins."""
        ...

    def target(self, consumer: Consumer) -> Target:
        """Return where this consumer's set goes."""
        ...

    def workspace(self) -> Path:
        """Return the folder for request files and reports."""
        ...
