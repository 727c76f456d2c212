"""``trustwright status``: the estate and this machine on one screen."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from trustwright.cli.selecting import within
from trustwright.cli.stack import advice, stack_here, stack_table
from trustwright.cli.terminal import as_json, say
from trustwright.errors import TrustwrightError, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustwright.embedded.stack import PartStatus, Stack
    from trustwright.lifecycle.glance import Glance

FORMAT = 1
"""Of the JSON; a member may be added, none changes its meaning or goes."""


@click.command()
@click.option(
    "--within",
    "window",
    default="24h",
    show_default=True,
    help="Which certificates are said to expire soon.",
)
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def status(*, window: str, json_output: bool) -> None:
    """Show the estate, and what of the stack runs here; exit code 5 unless all of it does.

    The estate comes from the record alone: it is shown while Prefect and Vault are down. On a
    machine where no stack was ever started the exit code is 5 unless the record can be read.
    """
    from trustwright.cli.status_page import estate_data, estate_lines

    soon = within(window, "--within")
    found, problem = _estate(soon)
    stack = _stack_if_installed()
    parts = stack.status() if stack else ()
    running = bool(parts) and all(part.condition == "running" for part in parts)
    if json_output:
        as_json(
            _stack_data(stack, parts, running=running)
            | {"format": FORMAT, "problem": problem and problem.data()}
            | {"estate": found and estate_data(found)}
        )
    else:
        say("\n".join(estate_lines(found)) if found else f"no estate to show: {problem}")
        say()
        stack_table(parts)
        if stack and (parts or found is None):
            say(advice(parts, stack.folder.password))
    if not (running if parts else found is not None):
        raise click.exceptions.Exit(UpstreamError.exit_code)


def _stack_if_installed() -> Stack | None:
    """Return the stack of this machine; None where the extra that runs one is not installed."""
    from trustwright.cli.main import EMBEDDED

    try:
        return stack_here()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EMBEDDED:
            raise
        return None


def _estate(window: timedelta) -> tuple[Glance | None, TrustwrightError | None]:
    """Return the glance, or why there is none: a stack is started before its estate is there."""
    from trustwright.assembly import assembled
    from trustwright.cli.status_page import SHOWN
    from trustwright.lifecycle.glance import glance

    try:
        with assembled(orchestrated=False) as ports:
            return glance(ports, window=window, shown=SHOWN), None
    except TrustwrightError as error:
        return None, error


def _stack_data(
    stack: Stack | None, parts: Sequence[PartStatus], *, running: bool
) -> dict[str, Any]:
    return {
        "running": running,
        "home": str(stack.folder.home) if stack else None,
        "password_file": str(stack.folder.password) if stack else None,
        "parts": [asdict(part) | {"log": str(part.log)} for part in parts],
    }
