"""Events that start flows, as code."""

from __future__ import annotations

from datetime import timedelta

from prefect.events import DeploymentEventTrigger

from trustwright.policy.events import CONSUMERS_DUE

DEBOUNCE = timedelta(seconds=30)
"""Prefect fires at the first event and drops those of the time that follows; what they would have
started is due at the next sweep as well."""


def cancelled_bootstrap() -> DeploymentEventTrigger:
    """Start the watch when a bootstrap is cancelled as it waits: no process is left to notice."""
    return DeploymentEventTrigger(
        name="a bootstrap was cancelled",
        expect={"prefect.flow-run.Cancelled"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related={
            "prefect.resource.role": "flow",
            "prefect.resource.name": "bootstrap-environment",
        },
        threshold=1,
        within=timedelta(seconds=0),
    )


def consumers_due() -> DeploymentEventTrigger:
    """Start the renewal of an environment when a sweep rings for it.

    Each environment has a doorbell of its own, and rings at most once in `DEBOUNCE`. Nothing that a
    renewal emits starts one: only a sweep rings.
    """
    return DeploymentEventTrigger(
        name="consumers are due",
        expect={CONSUMERS_DUE},
        match={"prefect.resource.id": "trustwright.environment.*"},
        for_each={"prefect.resource.id"},
        threshold=1,
        within=DEBOUNCE,
        # One expression keeps its type; the flow judges the name.
        parameters={"environment": "{{ event.payload.environment }}"},
    )
