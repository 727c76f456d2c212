"""Stand-in for ``deployments.serve``: ``python -m tests.prefect.served``."""

from __future__ import annotations

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from deployments.triggers import consumers_due
from tests.prefect.served_flows import asks, hears, works


def deployments() -> list[RunnerDeployment]:
    """Return each flow's deployment; one is started by the event that starts a renewal."""
    return [
        RunnerDeployment.from_flow(
            flow,
            name="tests",
            entrypoint_type=EntrypointType.MODULE_PATH,
            triggers=[consumers_due()] if flow is hears else [],
        )
        for flow in (asks, works, hears)
    ]


if __name__ == "__main__":
    serve(
        *deployments(),
        limit=20,
        pause_on_shutdown=False,
        print_starting_message=False,
    )
