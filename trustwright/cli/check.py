"""``trustwright check``: every problem of the estate file, with its place and remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustwright.ceremony.shown import printable
from trustwright.cli.channels import warn_about_channels
from trustwright.cli.terminal import as_json, say
from trustwright.errors import ConfigurationError

if TYPE_CHECKING:
    from trustwright.estatefile import Problem


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_data", is_flag=True, help="Print JSON.")
def check(file: Path | None, *, as_data: bool) -> None:
    """Judge the estate FILE and what it includes; exit code 2 when there is a problem.

    A chat channel that has no URL here is a warning: the flows may run elsewhere.
    So is a role whose `renew_before` is shorter than two intervals of the sweep.

    Reads files only: no server is asked, and no secret is needed.
    """
    from trustwright.estatefile import check_estate

    path = file or _configured()
    problems = check_estate(path)
    if as_data:
        as_json({"file": str(path), "problems": [each.data() for each in problems]})
    else:
        _print(path, problems)
    warn_about_channels(path)
    _warn_about_pace(path)
    if problems:
        raise click.exceptions.Exit(ConfigurationError.exit_code)


def _configured() -> Path:
    from trustwright.settings import Settings

    return Settings.from_environment().estate


def _warn_about_pace(path: Path) -> None:
    """Print a line on stderr when sweeps come too seldom for a role."""
    from trustwright.estatefile import load_estate
    from trustwright.policy.renewal import outpaced
    from trustwright.settings import Settings

    try:
        every = Settings.from_environment().sweep_every
        roles = ", ".join(outpaced(load_estate(path), every))
    except ConfigurationError:
        return  # other lines, or other commands, speak of it
    if roles:
        click.echo(
            f"warning: sweeps every {int(every.total_seconds())} s can come too late for {roles} → "
            "have TRUSTWRIGHT_SWEEP_EVERY at most half of `renew_before` where the flows run",
            err=True,
        )


def _print(path: Path, problems: Sequence[Problem]) -> None:
    for each in problems:
        say(printable(each.text()))
    count = len(problems)
    verdict = "no problem" if not count else "1 problem" if count == 1 else f"{count} problems"
    say(f"{printable(str(path))}: {verdict}")
