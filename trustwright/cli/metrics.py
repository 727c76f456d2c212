"""``trustwright metrics``: figures for Prometheus, on standard output, in a file, or on a port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustwright.cli.output import deliver, output_option
from trustwright.cli.terminal import note, say
from trustwright.errors import TrustwrightError

if TYPE_CHECKING:
    from trustwright.policy.overview import Overview

PORT = 14_280


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def metrics(context: click.Context, output: Path | None) -> None:
    """Print figures about the estate in Prometheus' text format.

    With --output for the textfile collector of node_exporter: name a file that ends in .prom. When
    the estate or its store cannot be read, that is what the figures say, and the exit code.
    """
    if context.invoked_subcommand is not None:
        return
    from trustwright.report.metrics import exposition

    try:
        overview = _overview()
    except TrustwrightError:
        deliver(exposition(None), output)
        raise
    deliver(exposition(overview), output)


@metrics.command(short_help="Answer GET /metrics on 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True)
def serve(port: int) -> None:
    """Answer GET /metrics on 127.0.0.1 until stopped."""
    import asyncio

    from trustwright.report.scrape import LOOPBACK, Scrape

    scrape = Scrape(_text)
    started = lambda found: say(f"http://{LOOPBACK}:{found}/metrics")  # noqa: E731
    asyncio.run(scrape.serve(port, started))


def _overview() -> Overview:
    from trustwright.assembly import assembled
    from trustwright.lifecycle.overview import overview

    with assembled(orchestrated=False) as ports:
        return overview(ports)


def _text() -> bytes:
    """Return the figures; when they cannot be gathered, they say so and standard error says why."""
    from trustwright.report.metrics import exposition

    try:
        return exposition(_overview())
    except TrustwrightError as error:
        note(str(error))
        return exposition(None)
