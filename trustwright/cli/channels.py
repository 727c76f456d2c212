"""Warnings about channels that nobody would hear anything from."""

from __future__ import annotations

from pathlib import Path

import click

from trustwright.ceremony.shown import printable
from trustwright.errors import ConfigurationError


def warn_about_channels(estate: Path) -> None:
    """Print a line on stderr for each routed channel without a URL.

    An estate that has problems, or is not there yet, is passed over: other commands speak of it.
    """
    from trustwright.estatefile import load_estate
    from trustwright.notify.channels import channel_warnings

    try:
        notify = load_estate(estate).notify
    except ConfigurationError:
        return
    for text in channel_warnings(notify):
        click.echo(f"warning: {printable(text)}", err=True)
