"""Who is served under which role, for the map in the report: one row each, or sums."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from trustwright.model.estate import Consumer
from trustwright.model.inventory import Selection
from trustwright.model.records import DeliveryRecord
from trustwright.policy.naming import consumer_key
from trustwright.ports import Ports

EACH_UP_TO = 60
"""Consumers of an environment that are shown one by one; more are shown as sums."""

TROUBLED_UP_TO = 20
"""Consumers without a delivered set that are shown one by one beside the sums."""

ADMINS_UP_TO = 20
"""Admins of an environment that are shown."""


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
class AdminFacts:
    """An admin, whom no flow serves.

    Attributes:
        not_after: end of the valid certificate that lasts longest; None without one.
    """

    name: str
    owner: str
    not_after: datetime | None


@dataclass(frozen=True)
class EnvironmentMap:
    """The consumers of one environment.

    Attributes:
        consumers: whom flows serve: each one when they are few; otherwise the first without a
            delivered set.
        groups: all whom flows serve as sums, by role and owner.
        admins: the first of them.
        more_admins: how many more there are.
    """

    consumers: tuple[ConsumerFacts, ...]
    groups: tuple[Group, ...]
    admins: tuple[AdminFacts, ...] = ()
    more_admins: int = 0

    @property
    def number(self) -> int:
        """Return how many consumers flows serve."""
        return sum(each.number for each in self.groups)

    @property
    def delivered(self) -> int:
        """Return how many of these have a delivered set."""
        return sum(each.states.get("delivered", 0) for each in self.groups)


def estate_map(ports: Ports) -> Mapping[str, EnvironmentMap]:
    """Return the consumers of every environment; costs a row for each consumer.

    Raises:
        Unavailable: the store does not answer.
    """
    return {name: _map(ports, name) for name in ports.estate.environments}


def _map(ports: Ports, environment: str) -> EnvironmentMap:
    everybody = [each for each in ports.estate.consumers if each.environment == environment]
    consumers = [each for each in everybody if each.role != "admin"]
    admins = sorted((e for e in everybody if e.role == "admin"), key=lambda each: each.name)
    states = {
        row.consumer: row.state for row in ports.records.deliveries.find(environment=environment)
    }
    return EnvironmentMap(
        consumers=tuple(_facts(ports, each) for each in _shown(consumers, states)),
        groups=_groups(consumers, states),
        admins=tuple(_admin(ports, each) for each in admins[:ADMINS_UP_TO]),
        more_admins=max(0, len(admins) - ADMINS_UP_TO),
    )


def _admin(ports: Ports, admin: Consumer) -> AdminFacts:
    wanted = Selection(
        environment=admin.environment,
        role="admin",
        subject=admin.name,
        purpose="admin",
        state="valid",
    )
    found = ports.records.inventory.select(wanted, ports.clock.now())
    ends = max((each.not_after for each in found), default=None)
    return AdminFacts(admin.name, admin.owner, ends)


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
