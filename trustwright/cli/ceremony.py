"""``trustwright ceremony``: list, show, export, submit, cancel."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from trustwright.cli.terminal import as_json, columns, say

FIRST_COLUMNS = ("ceremony", "environment", "generation", "state", "expires", "refused")


@click.group()
def ceremony() -> None:
    """Requests to the offline root and the responses to them."""


@ceremony.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed ceremonies too.")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def list_(everything: bool, json_output: bool) -> None:
    """List the pending ceremonies."""
    from trustwright.assembly import assembled

    wanted = {} if everything else {"state": "pending"}
    with assembled() as ports:
        rows = sorted(ports.records.ceremonies.find(**wanted), key=lambda row: row.created)
    if json_output:
        as_json([row.model_dump(mode="json") for row in rows])
        return
    columns(
        FIRST_COLUMNS,
        [
            (
                row.id[:12],
                row.environment,
                str(row.generation or ""),
                row.state,
                f"{row.expires:%Y-%m-%d %H:%M}",
                str(row.refusals or ""),
            )
            for row in rows
        ],
        empty="no ceremony is pending",
    )


@ceremony.command(short_help="Show a ceremony and what it asks for.")
@click.argument("name")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def show(name: str, json_output: bool) -> None:
    """Show the ceremony NAME (an environment, or the first digits of a request's digest)."""
    from trustwright.assembly import assembled
    from trustwright.ceremony.page import gate_page
    from trustwright.lifecycle.gate import ceremony_of

    with assembled() as ports:
        found = ceremony_of(ports, name)
        link = ports.runs.link(found.flow_run)
    if json_output:
        as_json(found.model_dump(mode="json"))
        return
    say(gate_page(found))
    say(f"state: {found.state}; form: {link}")


@ceremony.command(short_help="Write a request to a file to carry.")
@click.argument("name")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder to write to. [default: this one]",
)
def export(name: str, output: Path) -> None:
    """Write the request of the ceremony NAME to a file for the offline machine."""
    from trustwright.assembly import assembled
    from trustwright.lifecycle.announcement import write_request
    from trustwright.lifecycle.gate import ceremony_of

    with assembled() as ports:
        path = write_request(ceremony_of(ports, name), output)
    say(str(path))


@ceremony.command(short_help="Submit a response; it is checked.")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--ceremony",
    "name",
    metavar="NAME",
    help="Which one it answers. [default: as the file says, or the only pending one]",
)
def submit(file: BinaryIO, name: str | None) -> None:
    """Submit the response in FILE (``-`` reads standard input) and wake the waiting run."""
    from trustwright.assembly import assembled
    from trustwright.cli.runs import go_on, is_ready, show_refusal
    from trustwright.errors import CeremonyViolation
    from trustwright.lifecycle.gate import ceremony_for, consider_response

    data = file.read(LIMIT + 1)
    with assembled() as ports:
        found = ceremony_for(ports, data, name)
        before = found.state == "accepted"
        verdict = consider_response(ports, found, data)
        if not verdict.accepted:
            if found.state == "pending":
                show_refusal(ports, found.environment)
            raise CeremonyViolation(f"refused: {verdict.reason}", where=f"ceremony {found.id[:12]}")
        say(f"accepted{' before' * before}: {found.environment} generation {found.generation}")
        if before and is_ready(ports, found.environment):
            say(f"{found.environment} is ready")
            return
        say(f"the run goes on: {ports.runs.link(go_on(ports, found.environment))}")


@ceremony.command(short_help="Cancel a pending ceremony and its run.")
@click.argument("name")
@click.option("--reason", default="cancelled by a person", show_default=True)
def cancel(name: str, reason: str) -> None:
    """Cancel the pending ceremony NAME, end its run and give the environment back."""
    from trustwright.assembly import assembled
    from trustwright.errors import ConfigurationError
    from trustwright.lifecycle.gate import ceremony_of
    from trustwright.lifecycle.watch import CLOSING, cancel_ceremony

    with assembled() as ports:
        found = ceremony_of(ports, name)
        if found.state not in {"pending", *CLOSING}:
            raise ConfigurationError(
                f"the ceremony is {found.state}",
                rule="GATE-CLOSED",
                where=f"ceremony {found.id[:12]}",
            )
        cancel_ceremony(ports, found, reason)
    say(f"cancelled: {found.environment} generation {found.generation}")


LIMIT = 1_000_000
