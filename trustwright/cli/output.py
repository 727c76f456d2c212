"""Where a made text goes: standard output, or a file that is replaced whole."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from trustwright.ceremony import durable
from trustwright.cli.terminal import note, write
from trustwright.errors import ConfigurationError

output_option = click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write this file, replaced whole. [default: standard output]",
)


def refuse_terminal(output: Path | None, name: str) -> None:
    """Refuse to fill a terminal with what no person reads.

    Raises:
        ConfigurationError: no file is named and standard output is a terminal (rule
            ``OUTPUT-TERMINAL``).
    """
    if output is None and sys.stdout.isatty():
        raise ConfigurationError(
            "this is for a file or a program, not for a terminal",
            rule="OUTPUT-TERMINAL",
            hint=f"add: --output {name}",
        )


def deliver(text: bytes, output: Path | None) -> None:
    """Write a text to the file, mode 0644 less the umask, or to standard output.

    Raises:
        ConfigurationError: it cannot be written (rules ``FILE-WRITE``, ``OUTPUT-WRITE``).
    """
    if output is None:
        write(text.decode())
        return
    durable.refuse_unwritable(output)
    durable.replace(output, text)
    note(f"written: {output}")
