"""Stand-in for ``deployments.serve``: ``python -m tests.prefect.served``."""

from __future__ import annotations

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from tests.prefect.served_flows import asks, works

if __name__ == "__main__":
    serve(
        *(
            RunnerDeployment.from_flow(
                flow, name="tests", entrypoint_type=EntrypointType.MODULE_PATH
            )
            for flow in (asks, works)
        ),
        limit=20,
        pause_on_shutdown=False,
        print_starting_message=False,
    )
