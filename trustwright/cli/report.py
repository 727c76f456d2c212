"""``trustwright report`` and ``trustwright calendar``: the estate to look at, and its dates."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from trustwright.cli.output import deliver, output_option, refuse_terminal


@click.command()
@output_option
def report(output: Path | None) -> None:
    """Write one HTML page about the estate: what needs you, the map, what ends when.

    The page is complete in itself: it opens without network and asks for nothing. It is made from
    the record; no server is asked.
    """
    from trustwright.assembly import assembled
    from trustwright.lifecycle.estate_map import estate_map
    from trustwright.lifecycle.overview import overview
    from trustwright.report.page import page

    refuse_terminal(output, "estate.html")
    with assembled(orchestrated=False) as ports:
        text = page(overview(ports), estate_map(ports))
    deliver(text.encode(), output)


@click.command()
@output_option
def calendar(output: Path | None) -> None:
    """Write the coming deadlines and ceremonies as a calendar (.ics).

    Each date keeps its name for ever: import the file again, or subscribe to it, and what has
    moved is moved. With --output, what did not change stays as it was written before.
    """
    from trustwright.assembly import assembled
    from trustwright.lifecycle.deadlines import deadlines
    from trustwright.report import calendar as written

    before = _earlier(output, written.LARGEST)
    with assembled(orchestrated=False) as ports:
        text = written.calendar(
            deadlines(ports),
            organization=ports.estate.organization,
            root=ports.estate.root.fingerprint,
            now=ports.clock.now(),
            before=before,
        )
    deliver(text, output)


def _earlier(output: Path | None, largest: int) -> bytes:
    """Return the calendar that is to be replaced, if it can be read."""
    if output is not None:
        with suppress(OSError), output.open("rb") as file:
            return file.read(largest + 1)
    return b""
