"""Renewal that runs by itself: the consumers that are due are served, the others left alone."""

from __future__ import annotations

from collections.abc import Sequence

from trustwright.errors import PolicyViolation
from trustwright.lifecycle.consumers import Served, consumer_named, serve_consumers
from trustwright.lifecycle.due import Due, Reason, due_consumers, is_proven
from trustwright.lifecycle.environments import settings_of
from trustwright.model.estate import Consumer
from trustwright.ports import Ports

__all__ = ["Due", "Reason", "due_consumers", "renew_consumers"]


def renew_consumers(ports: Ports, environment: str, names: Sequence[str] = ()) -> list[Served]:
    """Serve the consumers that are due, or exactly those that are named.

    Neither the environment is held nor the provisioner needed: each consumer is held while it is
    served, so two runs at once issue nothing twice. What another run holds, and what a breaker
    forbids, is left out with its reason (`Served.skipped`).

    Raises:
        ConfigurationError: no such environment or consumer.
        PolicyViolation: the environment's issuer is not proven (rule ``ENVIRONMENT-NOT-READY``), or
            a named consumer is an admin (rule ``ADMIN-CONSUMER``).
        Unavailable, OutcomeUnknown: as `serve_consumers`.
    """
    check_renewable(ports, environment)
    wanted = [_service(ports, environment, name) for name in names]
    return serve_consumers(
        ports, wanted or [due.consumer for due in due_consumers(ports, environment)]
    )


def check_renewable(ports: Ports, environment: str) -> None:
    """Refuse an environment that cannot issue yet.

    Raises:
        ConfigurationError: the estate file names no such environment.
        PolicyViolation: rule ``ENVIRONMENT-NOT-READY``.
    """
    settings_of(ports, environment)
    if not is_proven(ports, environment):
        found = ports.records.environments.get(environment)
        raise PolicyViolation(
            f"{environment} is {found.phase if found else 'planned'}: nothing is renewed before "
            "its issuer is proven",
            rule="ENVIRONMENT-NOT-READY",
            hint=f"run: trustwright bootstrap {environment}",
        )


def _service(ports: Ports, environment: str, name: str) -> Consumer:
    consumer = consumer_named(ports, environment, name)
    if consumer.role == "admin":
        raise PolicyViolation(
            f"{name} is an admin: no flow makes its certificate",
            rule="ADMIN-CONSUMER",
            hint=f"on the admin's machine: trustwright admin issue {name} --environment {environment}",
        )
    return consumer
