"""Events that start flows, as code."""

from __future__ import annotations

from datetime import timedelta

from prefect.events import DeploymentEventTrigger


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
