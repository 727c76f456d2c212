"""The figures that an operator alerts on, in Prometheus' text format 0.0.4.

Moments are given as moments (``…_timestamp_seconds``), not as time left: a file that nobody writes
any more would go on to say that all is well. ``x - time()`` is the time left. No label names a
consumer or a certificate, so the number of series follows the estate's shape and not its size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

import trustwright
from trustwright.model.estate import Severity
from trustwright.policy.overview import SEVERITIES, EnvironmentFacts, Overview, RoleFacts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

DELIVERY_STATES = ("delivered", "planned", "waiting", "failed", "undone")

Value = tuple[tuple[str, ...], float]
"""Label values and a figure."""


@dataclass(frozen=True)
class Definition:
    """One metric: `name` without the ``_total`` that a counter's samples get."""

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    means: str


def _gauge(name: str, means: str, *labels: str) -> Definition:
    return Definition(f"trustwright_{name}", "gauge", labels, means)


def _counter(name: str, means: str, *labels: str) -> Definition:
    return Definition(f"trustwright_{name}", "counter", labels, means)


BUILD = _gauge("build_info", "Always 1; the version that wrote these figures.", "version")
UP = _gauge("up", "Whether estate file and store could be read; if not, little else is given.")
ROOT = _gauge("root_expiry_timestamp_seconds", "End of the pinned root.")
ROOT_CRL = _gauge(
    "root_crl_next_update_timestamp_seconds", "nextUpdate of the newest root CRL on record."
)
ISSUER = _gauge(
    "issuer_expiry_timestamp_seconds",
    "End of an intermediate that is signed and not retired.",
    "environment",
    "issuer",
    "state",
)
CRL = _gauge(
    "delivered_crl_next_update_timestamp_seconds",
    "nextUpdate of the CRLs, among those delivered, that are due first.",
    "environment",
)
EARLIEST = _gauge(
    "certificate_earliest_expiry_timestamp_seconds",
    "End of the consumers' certificate that ends first.",
    "environment",
    "role",
)
VALID = _gauge("certificates", "Valid certificates.", "environment", "role")
DUE = _gauge(
    "certificates_due", "Consumers whose certificate is to be renewed.", "environment", "role"
)
OVERDUE = _gauge(
    "certificates_overdue",
    "Of the due ones, those with less than half of `renew_before` left.",
    "environment",
    "role",
)
EXPIRED = _gauge(
    "certificates_expired", "Of the due ones, those that have ended.", "environment", "role"
)
CONSUMERS = _gauge("consumers", "Consumers that the estate file names.", "environment")
DELIVERIES = _gauge(
    "deliveries", "Consumers by the state of their newest delivery.", "environment", "state"
)
SETS = _counter("sets_delivered", "Sets that were ever delivered.", "environment")
FAILURES = _counter("consumer_failures", "Consumers that could not be served.", "environment")
READY = _gauge("environment_ready", "Whether the environment is ready.", "environment")
FINDINGS = _gauge("findings_open", "Open findings.", "environment", "kind", "severity")
WORST = _gauge("findings_open_by_severity", "Open findings; never absent.", "severity")
BREAKERS = _gauge(
    "breakers_open", "Breakers that hold issuance back, half-open ones too.", "environment"
)
CEREMONIES = _gauge("ceremonies_pending", "Requests that wait for the root.", "environment")
OLDEST = _gauge(
    "ceremony_oldest_created_timestamp_seconds",
    "When the oldest pending request was made.",
    "environment",
)
DEADLINE = _gauge(
    "deadline_timestamp_seconds",
    "The nearest deadline of its kind; `environment` is empty for the root.",
    "environment",
    "kind",
)
SWEEP = _gauge("last_sweep_timestamp_seconds", "When the newest sweep of the estate ended.")
SWEEP_SECONDS = _gauge("last_sweep_duration_seconds", "How long that sweep took.")
SWEEP_PROBLEMS = _gauge(
    "last_sweep_problems", "Parts of the estate that it could not look at; 0 is success."
)
SWEEP_DUE = _gauge("last_sweep_due", "Consumers that it found due.")

DEFINITIONS = (
    *(BUILD, UP, ROOT, ROOT_CRL, ISSUER, CRL, EARLIEST, VALID, DUE, OVERDUE, EXPIRED),
    *(CONSUMERS, DELIVERIES, SETS, FAILURES, READY, FINDINGS, WORST, BREAKERS),
    *(CEREMONIES, OLDEST, DEADLINE, SWEEP, SWEEP_SECONDS, SWEEP_PROBLEMS, SWEEP_DUE),
)
"""Every metric, in the order in which they are written."""


def exposition(overview: Overview | None) -> bytes:
    """Return the figures as text, UTF-8; None when the estate or its store cannot be read."""
    found: list[tuple[Definition, list[Value]]] = [
        (BUILD, [((trustwright.__version__,), 1.0)]),
        (UP, [((), float(overview is not None))]),
    ]
    if overview is not None:
        found += _figures(overview)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected([_family(*each) for each in found]))
    return generate_latest(registry)


class _Collected:
    """Families that are already filled, as a collector."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _family(definition: Definition, values: Iterable[Value]) -> Metric:
    kind = GaugeMetricFamily if definition.kind == "gauge" else CounterMetricFamily
    family = kind(definition.name, definition.means, labels=definition.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _figures(overview: Overview) -> list[tuple[Definition, list[Value]]]:
    root = overview.root
    return [
        (ROOT, [((), _seconds(root.not_after))]),
        (ROOT_CRL, [((), _seconds(root.crl_until))] if root.crl_until else []),
        *_of_environments(overview.environments),
        *_of_findings(overview),
        *_of_ceremonies(overview),
        *_of_the_sweep(overview),
    ]


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


def _of_environments(
    environments: Sequence[EnvironmentFacts],
) -> Iterator[tuple[Definition, list[Value]]]:
    yield (
        ISSUER,
        [
            ((each.name, issuer.id, issuer.state), _seconds(issuer.not_after))
            for each in environments
            for issuer in each.issuers
            if issuer.not_after and issuer.state not in {"retired", "abandoned"}
        ],
    )
    yield CRL, [((e.name,), _seconds(e.crl_until)) for e in environments if e.crl_until]
    yield from _of_roles([(each.name, role) for each in environments for role in each.roles])
    yield CONSUMERS, [((each.name,), each.consumers) for each in environments]
    yield (
        DELIVERIES,
        [
            ((each.name, state), each.deliveries.get(state, 0))
            for each in environments
            for state in DELIVERY_STATES
        ],
    )
    yield SETS, [((each.name,), each.sets) for each in environments]
    yield FAILURES, [((each.name,), each.failures) for each in environments]
    yield READY, [((each.name,), float(each.phase == "ready")) for each in environments]


def _of_roles(roles: Sequence[tuple[str, RoleFacts]]) -> Iterator[tuple[Definition, list[Value]]]:
    yield EARLIEST, [((e, r.name), _seconds(r.earliest)) for e, r in roles if r.earliest]
    yield VALID, [((environment, role.name), role.valid) for environment, role in roles]
    yield DUE, [((environment, role.name), role.due) for environment, role in roles]
    yield OVERDUE, [((environment, role.name), role.overdue) for environment, role in roles]
    yield EXPIRED, [((environment, role.name), role.expired) for environment, role in roles]


def _of_findings(overview: Overview) -> Iterator[tuple[Definition, list[Value]]]:
    open_ones = Counter((f.environment, f.kind, f.severity) for f in overview.findings)
    worst: Counter[Severity] = Counter(f.severity for f in overview.findings)
    held = Counter(each.environment for each in overview.breakers)
    yield FINDINGS, [(labels, number) for labels, number in sorted(open_ones.items())]
    yield WORST, [((severity,), worst[severity]) for severity in SEVERITIES]
    yield BREAKERS, [((each.name,), held[each.name]) for each in overview.environments]


def _of_ceremonies(overview: Overview) -> Iterator[tuple[Definition, list[Value]]]:
    pending = Counter(each.environment for each in overview.ceremonies)
    names = sorted({each.name for each in overview.environments} | pending.keys())
    oldest = {
        each.environment: each.created
        for each in sorted(overview.ceremonies, key=lambda one: one.created, reverse=True)
    }
    nearest = {
        (each.environment, each.kind): each.at
        for each in sorted(overview.deadlines, key=lambda one: one.at, reverse=True)
    }
    yield CEREMONIES, [((name,), pending[name]) for name in names]
    yield OLDEST, [((name,), _seconds(created)) for name, created in sorted(oldest.items())]
    yield DEADLINE, [(labels, _seconds(at)) for labels, at in sorted(nearest.items())]


def _of_the_sweep(overview: Overview) -> Iterator[tuple[Definition, list[Value]]]:
    sweep = overview.sweep
    if sweep is None or sweep.ended is None:
        return
    yield SWEEP, [((), _seconds(sweep.ended))]
    yield SWEEP_SECONDS, [((), (sweep.ended - sweep.started).total_seconds())]
    yield SWEEP_PROBLEMS, [((), len(sweep.problems))]
    yield SWEEP_DUE, [((), sweep.due)]
