"""Serve every flow from one process: ``python -m deployments.serve``.

The runner starts a process for each run; it holds nothing that a restart would lose.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Interval
from prefect.types.entrypoint import EntrypointType

from deployments.triggers import cancelled_bootstrap, consumers_due
from flows.apply_environment import apply_environment
from flows.bootstrap_environment import bootstrap_environment
from flows.renew_consumers import renew_consumers
from flows.sweep_expiry import sweep_expiry
from flows.watch_ceremonies import watch_ceremonies
from trustwright.clock import SystemClock
from trustwright.settings import SWEEP_EVERY, Settings

NAME = "trustwright"
RUNS_AT_ONCE = 8
# By module, so that an installed wheel serves them from any working directory.
BY_MODULE = EntrypointType.MODULE_PATH
WATCH_EVERY = timedelta(minutes=15)
FIRST_WATCH = timedelta(seconds=30)
"""From the start to the first look. The scheduler asks every 5 s, and leaves out what is past."""
FIRST_SWEEP = timedelta(seconds=45)
"""A little after the watch, which may settle what the sweep would find."""


def deployments(now: datetime, sweep_every: timedelta = SWEEP_EVERY) -> list[RunnerDeployment]:
    """Return every deployment with its schedule and triggers.

    Schedules count from `now`, the start of this process: what ran out while nothing was up is
    seen at once, and a machine that starts often has no schedule that never comes round.

    No deployment has a concurrency limit: a limit would cancel or block a run that a person has
    just answered. One run at a time per environment is the store's affair.
    """
    return [
        RunnerDeployment.from_flow(bootstrap_environment, name=NAME, entrypoint_type=BY_MODULE),
        RunnerDeployment.from_flow(apply_environment, name=NAME, entrypoint_type=BY_MODULE),
        RunnerDeployment.from_flow(
            renew_consumers,
            name=NAME,
            triggers=[consumers_due()],
            entrypoint_type=BY_MODULE,
        ),
        RunnerDeployment.from_flow(
            watch_ceremonies,
            name=NAME,
            schedule=Interval(WATCH_EVERY, anchor_date=now + FIRST_WATCH),
            triggers=[cancelled_bootstrap()],
            entrypoint_type=BY_MODULE,
        ),
        RunnerDeployment.from_flow(
            sweep_expiry,
            name=NAME,
            schedule=Interval(sweep_every, anchor_date=now + FIRST_SWEEP),
            entrypoint_type=BY_MODULE,
        ),
    ]


def main() -> None:
    """Register the deployments and run what is due until the process is told to stop."""
    serve(
        *deployments(SystemClock().now(), Settings.from_environment().sweep_every),
        limit=RUNS_AT_ONCE,
        pause_on_shutdown=False,
        print_starting_message=False,
    )


if __name__ == "__main__":
    main()
