"""``trustwright bootstrap ENVIRONMENT``: start (or continue) the bootstrap flow."""

from __future__ import annotations

import click

from trustwright.cli.terminal import say


@click.command()
@click.argument("environment")
@click.option(
    "--wait/--no-wait", default=True, help="Wait for the gate or the end. [default: wait]"
)
@click.option(
    "--until-ready", is_flag=True, help="Wait through the gate; start nothing when it is ready."
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds to wait.",
)
@click.option("--take-over", is_flag=True, help="Take the environment from a run that is dead.")
@click.option(
    "--new-generation",
    metavar="REASON",
    help="Give up the generation that is being set up (its key is lost) and begin the next one.",
)
def bootstrap(
    environment: str,
    *,
    wait: bool,
    until_ready: bool,
    patience: int,
    take_over: bool,
    new_generation: str | None,
) -> None:
    """Bring ENVIRONMENT to life, up to the signing gate and beyond it.

    Run it again whenever it stopped: it continues where the record stands.
    """
    from trustwright.assembly import assembled
    from trustwright.cli.runs import follow, is_ready, start_bootstrap
    from trustwright.lifecycle.environments import take_from_holder
    from trustwright.lifecycle.giving_up import give_up_generation

    with assembled() as ports:
        if take_over:
            take_from_holder(ports, environment)
        if new_generation is not None:
            given_up = give_up_generation(ports, environment, new_generation)
            say(f"{environment} goes on with generation {given_up.generation}")
        if until_ready and is_ready(ports, environment):
            say(f"{environment} is ready")
            return
        run = start_bootstrap(ports, environment)
        say(f"bootstrap of {environment}: {ports.runs.link(run)}")
        if wait or until_ready:
            follow(ports, environment, run, patience, until_ready=until_ready)
