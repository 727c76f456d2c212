"""``trustwright admin``: client certificates for people, made on their own machine."""

from __future__ import annotations

from pathlib import Path

import click

from trustwright.cli.terminal import say


@click.group()
def admin() -> None:
    """Client certificates for people."""


@admin.command(short_help="Make a key here and have it certified.")
@click.argument("name")
@click.option("--environment", required=True)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for key and certificate. [default: the estate's path for NAME]",
)
def issue(name: str, environment: str, output: Path | None) -> None:
    """Make a key on this machine and have it certified for the admin NAME.

    The key never leaves this machine; the certificate is short-lived and passes no service path.
    """
    from trustwright.assembly import assembled
    from trustwright.delivery.directory import DirectoryTarget
    from trustwright.errors import ConfigurationError
    from trustwright.lifecycle.admin import issue_admin
    from trustwright.lifecycle.consumers import consumer_named
    from trustwright.model.estate import Directory

    with assembled(orchestrated=False) as ports:
        directory = consumer_named(ports, environment, name).deliver.directory
        if output is not None:
            directory = Directory(path=output.absolute())
        if directory is None:
            raise ConfigurationError(
                f"{name} is no admin: its set goes to Vault's KV", rule="EST-CONSUMER"
            )
        made = issue_admin(ports, environment, name, DirectoryTarget(directory, name, ports.clock))
    say(
        f"{name} ({environment}): serial {made.certificate.serial}, "
        f"valid until {made.certificate.not_after:%Y-%m-%d %H:%M} UTC, in {directory.path}"
    )
