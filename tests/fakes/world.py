"""A small world: two environments, five consumers, an offline root, and everything fake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes.clock import HeldClock
from tests.fakes.ports import FakePorts
from tests.fakes.root import TestRoot
from trustwright.lifecycle import (
    announcement,
    application,
    consumers,
    environments,
    gate,
    introduction,
    planning,
    preparation,
    proof,
    reconciliation,
    requests,
    retirement,
    separation,
)
from trustwright.model.ceremony import Request
from trustwright.model.estate import Estate
from trustwright.model.plan import EnvironmentPlan

POLICIES = {"test": "1.3.6.1.4.1.32473.1.1", "prod": "1.3.6.1.4.1.32473.1.2"}
ROLES: dict[str, dict[str, Any]] = {
    "server": {"ttl": "72h", "renew_before": "24h", "usage": ["server"]},
    "admin": {"ttl": "12h", "renew_before": "2h", "usage": ["client"]},
    "proxy": {"ttl": "72h", "renew_before": "24h", "usage": ["server", "client"]},
    "agent": {"ttl": "24h", "renew_before": "8h", "usage": ["client"]},
}
SERVICES = (
    ("billing", "server", "managed"),
    ("gateway", "proxy", "managed"),
    ("collector", "agent", "managed"),
    ("ledger", "server", "host"),
    ("alice", "admin", "managed"),
)


def environment_settings(name: str, vault: dict[str, Any]) -> dict[str, Any]:
    """Return an environment as the estate file writes it."""
    domain = f"{name}.example.internal"
    return {
        "domain": domain,
        "policy": POLICIES[name],
        "vault": vault,
        "roles": {role: {"names": domain, **settings} for role, settings in ROLES.items()},
    }


def consumer_settings(
    name: str, environment: str, role: str, key: str, path: Path
) -> dict[str, Any]:
    """Return a consumer as the estate file writes it."""
    return {
        "name": name,
        "environment": environment,
        "role": role,
        "owner": "platform",
        "names": [f"{name}.{environment}.example.internal"],
        "trusts": [environment],
        "key": key,
        "deliver": {"directory": {"path": str(path / environment / name)}},
    }


def small_estate(root: TestRoot, folder: Path) -> Estate:
    """Return an estate whose Vault is a fake."""
    return Estate.model_validate(
        {
            "organization": "Example",
            "root": {"certificate": folder / "root.pem", "fingerprint": root.fingerprint},
            "environments": {
                name: environment_settings(
                    name,
                    {
                        "address": "https://127.0.0.1:1",
                        "namespace": name,
                        "identity": folder / name,
                    },
                )
                for name in POLICIES
            },
            "consumers": [
                consumer_settings(name, environment, role, key, folder / "hosts")
                for environment in POLICIES
                for name, role, key in SERVICES
            ],
        }
    )


class World:
    """Fake ports and the root that answers them."""

    def __init__(self, folder: Path) -> None:
        self.clock = HeldClock()
        self.root = TestRoot(self.clock.now())
        self.ports = FakePorts(
            estate=small_estate(self.root, folder),
            root_certificate=self.root.pem,
            folder=folder / "ceremonies",
            clock=self.clock,
        )
        self.answers: dict[str, bytes] = {}

    def answer(self, request_text: str) -> bytes:
        """Return the response to a request; the same one whenever it is asked again."""
        request = Request.parse(request_text.encode())
        if request.digest() not in self.answers:
            response = self.root.answer(request, self.clock.now())
            self.answers[request.digest()] = response.canonical()
        return self.answers[request.digest()]


def run_bootstrap(ports: Any, name: str, answer: Any) -> list[consumers.Served]:
    """Do what the flow's body does, with the gate answered at once."""
    environments.claim(ports, name, ports.actor)
    preparation.prepare_environment(ports, name)
    ceremony = requests.request_intermediate(ports, name)
    while ceremony.state == "pending":
        announcement.announce_ceremony(ports, ceremony.id, ports.actor)
        current = gate.ceremony_of(ports, ceremony.id)
        gate.consider_response(ports, current, answer(ceremony.request))
        ceremony = requests.request_intermediate(ports, name)
    gate.record_signed(ports, ceremony)
    introduction.introduce_intermediate(ports, name)
    proof.prove_intermediate(ports, name)
    touched = consumers.consumers_touched_by(ports, name)
    served = consumers.serve_consumers(ports, environments.while_held(ports, name, touched))
    reconciliation.settle_all_left_behind(ports, name)
    separation.prove_separation(ports, name)
    environments.finish(ports, name, ports.actor)
    return served


def run_application(ports: Any, name: str, *destroy: str) -> EnvironmentPlan:
    """Do what the body of the flow that applies the estate file does; return what is left."""
    application.claim_ready(ports, name, ports.actor)
    done = preparation.prepare_environment(ports, name, destroy)
    application.restore_default(ports, name)
    touched = consumers.consumers_touched_by(ports, name)
    consumers.refuse_held(
        consumers.serve_consumers(ports, environments.while_held(ports, name, touched))
    )
    retired = retirement.retire_consumers(ports, name, destroy)
    reconciliation.settle_all_left_behind(ports, name)
    left = planning.plan_environment(ports, name)
    application.tell_applied(ports, left, [*done, *retired])
    environments.release(ports, name, ports.actor)
    return left
