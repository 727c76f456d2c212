"""``trustwright sweep``: look at everything now instead of at the next hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustwright.cli.terminal import say

if TYPE_CHECKING:
    from trustwright.model.sweep import SweepRecord

SWEEP = "sweep-expiry/trustwright"


@click.command()
@click.argument("environment", required=False, default="")
@click.option("--wait", is_flag=True, help="Wait for the end and say what was found.")
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds to wait.",
)
@click.option("--here", is_flag=True, help="Sweep in this process: for a day without Prefect.")
def sweep(environment: str, *, wait: bool, patience: int, here: bool) -> None:
    """Sweep ENVIRONMENT, or all: what ends, drifts or should not be there.

    What is found stands in `trustwright findings list`; what is due is renewed.
    """
    from trustwright.assembly import assembled
    from trustwright.cli.runs import ended_well
    from trustwright.lifecycle.environments import settings_of
    from trustwright.lifecycle.sweep import sweep_estate

    with assembled() as ports:
        if environment:
            settings_of(ports, environment)
        if here:
            _say(sweep_estate(ports, environment))
            return
        run = ports.prefect.run_deployment(SWEEP, {"environment": environment}).id
        say(f"sweep: {ports.runs.link(run)}")
        if wait:
            ended_well(ports, run, patience, again=f"trustwright sweep {environment}".rstrip())
            for row in ports.records.sweeps.find(actor=run):
                _say(row)


def _say(row: SweepRecord) -> None:
    say(f"due {row.due}, opened {row.opened}, closed {row.closed}")
    for problem in row.problems:
        say(f"not looked at: {problem}")
