"""A real world without Prefect: OpenBao, a store on disk, delivered folders, an offline root."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.openbao import OpenBao
from tests.fakes.ports import FakeEvents, FakeNotifier, FakeRuns
from tests.fakes.root import TestRoot
from tests.fakes.world import (
    POLICIES,
    SERVICES,
    consumer_settings,
    environment_settings,
    run_bootstrap,
)
from trustwright.clock import Clock, SystemClock
from trustwright.delivery.directory import DirectoryTarget
from trustwright.delivery.kv import KvTarget
from trustwright.endpoints.handshake import Handshakes
from trustwright.model.ceremony import Request
from trustwright.model.estate import Consumer, Estate
from trustwright.store.migrate import migrate
from trustwright.store.records import open_records
from trustwright.vault import connect
from trustwright.vault.auditlog import AuditLog
from trustwright.vault.identities import create_identity_keys


def untouched(_name: str, part: Any) -> Any:
    """Wrap nothing."""
    return part


@dataclass
class RealPorts:
    """Ports over real adapters; only chat and orchestrator are stand-ins."""

    estate: Estate
    root_certificate: str
    folder: Path
    provisioner_key: Path
    store_url: str
    audit_log: Path
    actor: str = "run-1"
    process: str = "process-1"
    clock: Clock = field(default_factory=SystemClock)
    through: Callable[[str, Any], Any] = untouched

    def __post_init__(self) -> None:
        """Open the store."""
        migrate(self.store_url)
        self.store = open_records(self.store_url)
        self.chat = FakeNotifier()
        self.orchestrator = FakeRuns()
        self.doorbell = FakeEvents()

    @property
    def records(self) -> Any:
        """Return the store, every table wrapped."""
        return _Tables(self)

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
        return self.through("prober", Handshakes())

    @property
    def witness(self) -> Any:
        """Return the reader of the server's audit log."""
        return self.through("witness", AuditLog((self.audit_log,)))

    @property
    def runs(self) -> Any:
        """Return the orchestrator."""
        return self.through("runs", self.orchestrator)

    def provisioner(self, environment: str) -> Any:
        """Return the provisioner."""
        found = self.estate.environments[environment]
        made = connect.provisioner(environment, found, self.provisioner_key)
        return self.through("provisioner", made)

    def rotator(self, environment: str) -> Any:
        """Return the rotator."""
        made = connect.rotator(environment, self.estate.environments[environment])
        return self.through("rotator", made)

    def anchor_signer(self, environment: str) -> Any:
        """Return the anchor identity."""
        made = connect.anchor_signer(environment, self.estate.environments[environment])
        return self.through("anchor", made)

    def signer(self, environment: str) -> Any:
        """Return the day-to-day identity."""
        made = connect.signer(environment, self.estate.environments[environment])
        return self.through("signer", made)

    def admin_signer(self, environment: str) -> Any:
        """Return the identity that signs for admins."""
        made = connect.admin_signer(environment, self.estate.environments[environment])
        return self.through("admin", made)

    def target(self, consumer: Consumer) -> Any:
        """Return the consumer's folder, or its secret."""
        directory = consumer.deliver.directory
        if directory is not None:
            return self.through("target", DirectoryTarget(directory, consumer.name, self.clock))
        name = consumer.environment
        mount = self.through("secrets", connect.secrets(name, self.estate.environments[name]))
        return KvTarget(mount, consumer, self.clock)

    def workspace(self) -> Path:
        """Return the folder for requests."""
        return self.folder / "ceremonies"


class _Tables:
    def __init__(self, ports: RealPorts) -> None:
        self._ports = ports

    def __getattr__(self, name: str) -> Any:
        return self._ports.through(f"records.{name}", getattr(self._ports.store, name))


@dataclass
class RealWorld:
    """Two environments in one OpenBao.

    Attributes:
        suffix: makes the namespaces of this world its own.
        store: URL of the store; empty means SQLite in the folder.
    """

    server: OpenBao
    folder: Path
    suffix: str
    services: tuple[tuple[str, str, str], ...] = SERVICES
    store: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Write the root, the login keys and the estate; open the ports."""
        self.root = TestRoot(SystemClock().now())
        self.answers: dict[str, bytes] = {}
        (self.folder / "root.pem").write_text(self.root.pem)
        for name in POLICIES:
            create_identity_keys(self.folder / "identities" / name)
        self.ports = self.open_ports()

    def open_ports(self) -> RealPorts:
        """Return ports as a new process would open them."""
        return RealPorts(
            estate=self.estate(),
            root_certificate=self.root.pem,
            folder=self.folder,
            provisioner_key=self.server.provisioner_key,
            store_url=self.store or f"sqlite:///{self.folder / 'store.db'}",
            audit_log=self.server.audit,
        )

    def namespace(self, name: str) -> str:
        """Return the namespace of an environment in this world."""
        return f"{name}-{self.suffix}"

    def estate(self) -> Estate:
        """Return the estate."""
        return Estate.model_validate(self.estate_file())

    def estate_file(self) -> dict[str, Any]:
        """Return the estate as its file writes it."""
        return {
            "organization": "Example",
            "root": {
                "certificate": str(self.folder / "root.pem"),
                "fingerprint": self.root.fingerprint,
            },
            "environments": {name: self._environment(name) for name in POLICIES},
            "consumers": [
                consumer_settings(name, environment, role, key, self.folder / "hosts")
                for environment in POLICIES
                for name, role, key in self.services
            ],
        }

    def _environment(self, name: str) -> dict[str, Any]:
        vault = {
            "address": self.server.address,
            "ca": self.server.ca,
            "namespace": self.namespace(name),
            "identity": self.folder / "identities" / name,
        }
        return environment_settings(name, vault)

    def answer(self, request_text: str) -> bytes:
        """Return the response to a request; the same one whenever it is asked again."""
        request = Request.parse(request_text.encode())
        if request.digest() not in self.answers:
            response = self.root.answer(request, SystemClock().now())
            self.answers[request.digest()] = response.canonical()
        return self.answers[request.digest()]

    def bootstrap(self, name: str) -> Any:
        """Run a whole bootstrap."""
        return run_bootstrap(self.ports, name, self.answer)

    def delivered(self, environment: str, consumer: str) -> Path:
        """Return a consumer's folder."""
        return self.folder / "hosts" / environment / consumer

    def leave_host_request(self, environment: str, consumer: str) -> None:
        """Make key and request on the host, as the runbook says."""
        folder = self.delivered(environment, consumer)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "openssl",
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-keyout",
                folder / "host.key",
                "-out",
                folder / "host.csr",
                "-subj",
                f"/CN={consumer}.{environment}.example.internal",
            ],
            check=True,
            capture_output=True,
        )
        (folder / "host.key").chmod(0o600)
