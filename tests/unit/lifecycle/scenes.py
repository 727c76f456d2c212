"""Scenes that the lifecycle's tests begin with, and ports that answer something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.ports import FakePorts
from tests.fakes.world import World, run_bootstrap
from trustwright.lifecycle import announcement, environments, gate, preparation, requests
from trustwright.lifecycle.consumers import Served, consumer_named
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.estate import Consumer, Estate
from trustwright.model.profile import Subject
from trustwright.model.records import AuditRecord, CertificateRecord
from trustwright.policy.naming import fetched_from_vault, workload_uris
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key

TABLES = (
    "environments",
    "issuers",
    "ceremonies",
    "intents",
    "certificates",
    "deliveries",
    "audit",
)
HOUR = 3600
DAY = 24 * HOUR

Answer = Callable[..., Any]
"""Takes the honest method and the arguments of a call; returns what the caller shall see."""


class Twisted:
    """Ports of which some calls answer as a test says; keyed like ``signer.sign``."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers

    def __call__(self, name: str, part: Any) -> Any:
        """Wrap one part."""
        return _Part(name, part, self.answers)


class _Part:
    def __init__(self, name: str, part: Any, answers: Mapping[str, Answer]) -> None:
        self._name, self._part, self._answers = name, part, answers

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        answer = self._answers.get(f"{self._name}.{name}")
        if answer is None:
            return member
        return lambda *args, **kwargs: answer(member, *args, **kwargs)


def twist(ports: FakePorts, answers: Mapping[str, Answer]) -> None:
    """Let some calls answer as the test says."""
    ports.through = Twisted(answers)


def straighten(ports: FakePorts) -> None:
    """Let every call be honest again."""
    ports.through = lambda _name, part: part


def raising(error: BaseException) -> Answer:
    """Return an answer that raises without having done anything."""

    def answer(_honest: Answer, *_args: Any, **_kwargs: Any) -> Any:
        raise error

    return answer


def losing(error: BaseException) -> Answer:
    """Return an answer that raises although the call took effect: a lost reply."""

    def answer(honest: Answer, *args: Any, **kwargs: Any) -> Any:
        honest(*args, **kwargs)
        raise error

    return answer


def reach_gate(world: World, name: str = "prod") -> CeremonyRecord:
    """Return the ceremony that an environment waits for."""
    ports = world.ports
    environments.claim(ports, name, ports.actor)
    preparation.prepare_environment(ports, name)
    ceremony = requests.request_intermediate(ports, name)
    announcement.announce_ceremony(ports, ceremony.id, ports.actor)
    return gate.ceremony_of(ports, ceremony.id)


def bootstrap(world: World, name: str = "prod") -> dict[str, Served]:
    """Run a whole bootstrap; return what became of each consumer."""
    served = run_bootstrap(world.ports, name, world.answer)
    return {f"{each.consumer.environment}/{each.consumer.name}": each for each in served}


def consumer(world: World, name: str, environment: str = "prod") -> Consumer:
    """Return a consumer of the estate."""
    return consumer_named(world.ports, environment, name)


def change_consumer(world: World, name: str, environment: str = "prod", **changes: Any) -> None:
    """Change a consumer in the estate file."""
    ports = world.ports
    ports.estate = ports.estate.model_copy(
        update={
            "consumers": tuple(
                each.model_copy(update=changes)
                if (each.environment, each.name) == (environment, name)
                else each
                for each in ports.estate.consumers
            )
        }
    )
    assert isinstance(ports.estate, Estate)


def prepare_again(world: World, name: str = "prod") -> None:
    """Bring the roles to what the estate says now, as the next bootstrap does first."""
    ports = world.ports
    ports.vault.provisioner(name).prepare(
        name,
        ports.estate.environments[name],
        ports.estate.organization,
        workload_uris(ports.estate, name),
        (),
        tuple(fetched_from_vault(ports.estate, name)),
    )


def leave_request(
    world: World,
    name: str = "ledger",
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    names: tuple[str, ...] = (),
) -> ec.EllipticCurvePrivateKey:
    """Leave a host's certification request, as the runbook says; return the host's key.

    It asks for the name that the estate gives to the consumer today.
    """
    private = key or generate_key("ec-p256")
    subject = Subject(organization="Host", common_name=consumer(world, name).names[0])
    world.ports.target(consumer(world, name))
    world.ports.targets[f"prod/{name}"].request = build_request(private, subject, names)
    return private


def rows_of(world: World, subject: str, **equals: Any) -> list[CertificateRecord]:
    """Return a subject's certificates in the inventory, oldest first."""
    rows = world.ports.store.certificates.find(subject=subject, **equals)
    return sorted(rows, key=lambda row: (row.recorded, row.id))


def lines_of(world: World, event: str) -> list[AuditRecord]:
    """Return the audit's lines of one event."""
    return list(world.ports.store.audit.find(event=event))


def events_told(world: World) -> list[str]:
    """Return the events that people were told of, without the project's name."""
    return [notice.event.removeprefix("trustwright.") for notice in world.ports.chat.told]


def dump(records: Any, *, without: tuple[str, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    """Return every row of the store; how often one was held and looked at does not count."""
    return {
        table: [
            row.model_dump(exclude={"version", "looked"}) for row in getattr(records, table).find()
        ]
        for table in TABLES
        if table not in without
    }
