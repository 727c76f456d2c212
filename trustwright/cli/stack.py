"""``trustwright up``, ``down``, ``run``: what this machine runs."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import click

from trustwright.cli.channels import warn_about_channels
from trustwright.cli.terminal import columns, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trustwright.embedded.stack import PartStatus, Stack


@click.command()
@click.option("--openbao-port", type=int, help="Port of OpenBao. [default: as before, or 18200]")
@click.option("--prefect-port", type=int, help="Port of Prefect. [default: as before, or 14200]")
def up(openbao_port: int | None, prefect_port: int | None) -> None:
    """Start what does not run yet; a second call changes nothing.

    Everything listens on 127.0.0.1 only and goes on when this command has ended. Ports are
    remembered in stack.json: when that is lost while nothing runs, name them again.
    """
    from trustwright.embedded.stack import Stack
    from trustwright.embedded.state import estate_of
    from trustwright.embedded.uses import Uses
    from trustwright.settings import asked_estate, default_home, store_digest, store_url
    from trustwright.store.migrate import migrate
    from trustwright.store.revision import refuse_behind

    home = default_home()
    url = store_url(os.environ, home)
    uses = Uses(asked_estate(), store_digest(url, home))
    stack = Stack(home, openbao_port=openbao_port, prefect_port=prefect_port, uses=uses)
    stack.check()  # nothing is made before all of this holds
    stack.folder.create()
    if any(part.condition != "stopped" for part in stack.status()):
        refuse_behind(url)
    migrate(url)  # before the runner may start the first run
    started = stack.up()
    say(f"started: {', '.join(started)}" if started else "everything runs already")
    if stack.renew_policy():
        say("the provisioner's policy in OpenBao was of an earlier release; it is of this one now")
    stack_table(stack.status())
    say(f"the pages ask for the text in {stack.folder.password}")
    used = estate_of(stack.folder.home)
    if used is not None:
        warn_about_channels(used)


@click.command()
def down() -> None:
    """Stop what ``up`` started; nothing is removed."""
    stopped = stack_here().down()
    say(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@click.command()
@click.argument("part", type=click.Choice(("openbao", "prefect", "runner")))
def run(part: str) -> NoReturn:
    """Become one PART of the stack, for a service manager such as systemd.

    It is prepared as `up` prepares it, on the ports that `up` used; `up` has to have run here once.
    """
    stack_here().run(part)


def advice(parts: Sequence[PartStatus], password: Path) -> str:
    """Return what to do about the parts as they are."""
    conditions = {part.condition for part in parts}
    if conditions == {"running"}:
        return f"the pages ask for the text in {password}"
    if "stopped" in conditions or not parts:  # without Prefect the runner cannot answer
        return "not everything runs; 'trustwright up' starts what is missing"
    silent = ", ".join(part.title for part in parts if part.condition == "not answering")
    return f"no answer from {silent}: run 'trustwright down', then 'trustwright up'"


def stack_here() -> Stack:
    """Return the stack of this machine's home."""
    from trustwright.embedded.stack import Stack
    from trustwright.settings import default_home

    return Stack(default_home())


def stack_table(parts: Sequence[PartStatus]) -> None:
    """Print a line for each part."""
    columns(
        ("part", "state", "address", "link", "pid", "up for"),
        [
            (
                part.title,
                part.condition,
                part.address,
                part.link,
                str(part.pid or ""),
                str(timedelta(seconds=int(part.uptime))) if part.uptime is not None else "",
            )
            for part in parts
        ],
        empty="no stack was ever started here",
    )
