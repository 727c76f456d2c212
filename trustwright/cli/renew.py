"""``trustwright renew [ENVIRONMENT]``: serve the consumers that are due, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustwright.cli.terminal import note, say
from trustwright.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustwright.ports import Ports


@click.command()
@click.argument("environment", required=False)
@click.option("--consumer", "names", multiple=True, metavar="NAME", help="Serve this one; repeat.")
@click.option(
    "--close-breaker",
    is_flag=True,
    help="Close the breakers of the named consumers and of their roles first.",
)
@click.option("--wait/--no-wait", default=True, help="Wait for the end. [default: wait]")
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds to wait.",
)
def renew(
    environment: str | None,
    *,
    names: tuple[str, ...],
    close_breaker: bool,
    wait: bool,
    patience: int,
) -> None:
    """Serve the consumers of ENVIRONMENT that are due; without it, those of all that are ready.

    What is current is left alone, so it can be run at any time. The sweep does it by itself.
    """
    from trustwright.assembly import assembled
    from trustwright.cli.runs import follow_renewal, start_renewal

    with assembled() as ports:
        wanted = _environments(ports, environment, names, close_breaker=close_breaker)
        if close_breaker:
            _close(ports, wanted[0], names)
        runs = [(name, start_renewal(ports, name, names)) for name in wanted]
        for name, run in runs:
            say(f"renewal of {name}: {ports.runs.link(run)}")
        for name, run in runs if wait else ():
            follow_renewal(ports, name, run, patience)


def _environments(
    ports: Ports, environment: str | None, names: Sequence[str], *, close_breaker: bool
) -> list[str]:
    """Return the environments to renew, after everything that can be refused was looked at.

    Raises:
        ConfigurationError, PolicyViolation: what was asked for makes no sense.
    """
    from trustwright.lifecycle.due import is_proven
    from trustwright.lifecycle.renewal import check_services

    if environment is not None:
        check_services(ports, environment, names)
        if close_breaker and not names:
            raise ConfigurationError(
                "--close-breaker without a consumer",
                rule="CLI-USAGE",
                hint="name whom it is for: --consumer NAME",
            )
        return [environment]
    if names or close_breaker:
        raise ConfigurationError(
            "a consumer is named without its environment",
            rule="CLI-USAGE",
            hint="say which: trustwright renew ENVIRONMENT --consumer NAME",
        )
    found = [name for name in ports.estate.environments if is_proven(ports, name)]
    if not found:
        raise ConfigurationError(
            "no environment is ready",
            rule="ENVIRONMENT-NOT-READY",
            hint="run: trustwright bootstrap ENVIRONMENT",
        )
    return found


def _close(ports: Ports, environment: str, names: Sequence[str]) -> None:
    from trustwright.lifecycle.breakers import close_breakers
    from trustwright.lifecycle.consumers import consumer_named

    for name in names:
        closed = close_breakers(ports, consumer_named(ports, environment, name))
        for key in closed:
            note(f"closed the breaker {key}")
        if not closed:
            note(f"no breaker of {name} was open")
