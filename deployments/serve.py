"""Serve every flow from one process: ``python -m deployments.serve``.

The runner starts a process for each run; it holds nothing that a restart would lose.
"""

from __future__ import annotations

from datetime import timedelta

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from deployments.triggers import cancelled_bootstrap
from flows.bootstrap_environment import bootstrap_environment
from flows.watch_ceremonies import watch_ceremonies

NAME = "trustwright"
RUNS_AT_ONCE = 8
# By module, so that an installed wheel serves them from any working directory.
BY_MODULE = EntrypointType.MODULE_PATH
WATCH_EVERY = timedelta(minutes=15)


def deployments() -> list[RunnerDeployment]:
    """Return every deployment with its schedule and triggers.

    No deployment has a concurrency limit: a limit would cancel or block a run that a person has
    just answered. One run at a time per environment is the store's affair.
    """
    return [
        RunnerDeployment.from_flow(bootstrap_environment, name=NAME, entrypoint_type=BY_MODULE),
        RunnerDeployment.from_flow(
            watch_ceremonies,
            name=NAME,
            interval=WATCH_EVERY,
            triggers=[cancelled_bootstrap()],
            entrypoint_type=BY_MODULE,
        ),
    ]


def main() -> None:
    """Register the deployments and run what is due until the process is told to stop."""
    serve(*deployments(), limit=RUNS_AT_ONCE, pause_on_shutdown=False, print_starting_message=False)


if __name__ == "__main__":
    main()
