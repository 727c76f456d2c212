"""Who is served under which role, for the map in the report: one row each, or sums."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from trustwright.model.estate import Consumer
from trustwright.model.records import DeliveryRecord
from trustwright.policy.naming import consumer_key
from trustwright.ports import Ports

EACH_UP_TO = 60
"""Consumers of an environment that are shown one by one; more are shown as sums."""

TROUBLED_UP_TO = 20
"""Consumers without a delivered set that are shown one by one beside the sums."""


@dataclass(frozen=True)
class ConsumerFacts:
    """One consumer.

    Attributes:
        state: of its newest delivery; *planned* when there was none.
        not_after: end of the certificate in place.
        served: its probe saw that very certificate; None when it never looked.
    """

    name: str
    role: str
    owner: str
    key: str
    state: str
    problem: str = ""
    not_after: datetime | None = None
    served: bool | None = None


@dataclass(frozen=True)
class Group:
    """The consumers of one role that one owner is told about, by the state of their delivery."""

    role: str
    owner: str
    states: Mapping[str, int]

    @property
    def number(self) -> int:
        """Return how many they are."""
        return sum(self.states.values())


@dataclass(frozen=True)
class EnvironmentMap:
    """The consumers of one environment.

    Attributes:
        consumers: each one of them when they are few; otherwise the first without a delivered set.
        groups: all of them as sums, by role and owner.
    """

    consumers: tuple[ConsumerFacts, ...]
    groups: tuple[Group, ...]


def estate_map(ports: Ports) -> Mapping[str, EnvironmentMap]:
    """Return the consumers of every environment; costs a row for each consumer.

    Raises:
        Unavailable: the store does not answer.
    """
    return {name: _map(ports, name) for name in ports.estate.environments}


def _map(ports: Ports, environment: str) -> EnvironmentMap:
    consumers = [each for each in ports.estate.consumers if each.environment == environment]
    states = {
        row.consumer: row.state for row in ports.records.deliveries.find(environment=environment)
    }
    return EnvironmentMap(
        consumers=tuple(_facts(ports, each) for each in _shown(consumers, states)),
        groups=_groups(consumers, states),
    )


def _shown(consumers: Sequence[Consumer], states: Mapping[str, str]) -> Sequence[Consumer]:
    ordered = sorted(consumers, key=lambda each: (each.role, each.owner, each.name))
    if len(ordered) <= EACH_UP_TO:
        return ordered
    troubled = [each for each in ordered if states.get(each.name) != "delivered"]
    return troubled[:TROUBLED_UP_TO]


def _groups(consumers: Sequence[Consumer], states: Mapping[str, str]) -> tuple[Group, ...]:
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in consumers:
        found[each.role, each.owner][states.get(each.name, "planned")] += 1
    return tuple(Group(role, owner, each) for (role, owner), each in sorted(found.items()))


def _facts(ports: Ports, consumer: Consumer) -> ConsumerFacts:
    row = ports.records.deliveries.get(consumer_key(consumer))
    return ConsumerFacts(
        name=consumer.name,
        role=consumer.role,
        owner=consumer.owner,
        key=consumer.key,
        state=row.state if row else "planned",
        problem=row.problem if row else "",
        not_after=_not_after(ports, consumer, row),
        served=row.served == row.serial if row and row.served else None,
    )


def _not_after(ports: Ports, consumer: Consumer, row: DeliveryRecord | None) -> datetime | None:
    if row is None or row.serial is None:
        return None
    found = ports.records.certificates.find(
        environment=consumer.environment, subject=consumer.name, serial=row.serial
    )
    return next((each.not_after for each in found), None)
