"""``trustwright certificates``: the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trustwright.cli.selecting import selecting, selection, serial_digits
from trustwright.cli.terminal import (
    as_json,
    say,
    stream_columns,
    stream_json,
    stream_json_lines,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from trustwright.model.inventory import Order
    from trustwright.model.records import CertificateRecord
    from trustwright.ports import Ports

HEADINGS = ("serial", "environment", "role", "subject", "owner", "state", "expires")
_SEVERAL = 10


@click.group()
def certificates() -> None:
    """Certificates that were issued."""


@certificates.command("list")
@selecting
@click.option(
    "--format",
    "form",
    type=click.Choice(("table", "json", "jsonl", "csv")),
    default="table",
    show_default=True,
)
@click.option("--json", "json_output", is_flag=True, help="Print JSON, as --format json does.")
def list_(
    *, form: str, json_output: bool, sort: Order, limit: int | None, **asked: str | None
) -> None:
    """List certificates, oldest expiry first; every filter narrows.

    They are printed as they are read: memory does not grow with the inventory.
    """
    from trustwright.assembly import assembled

    with assembled(orchestrated=False) as ports:
        now = ports.clock.now()
        wanted = selection(asked, now)
        rows = ports.records.inventory.select(wanted, now, order=sort, limit=limit)
        _print(rows, now, "json" if json_output else form)


def _print(rows: Iterable[CertificateRecord], now: datetime, form: str) -> None:
    from trustwright.cli.exporting import csv_lines

    if form == "json":
        stream_json(shown(row, now) for row in rows)
    elif form == "jsonl":
        stream_json_lines(shown(row, now) for row in rows)
    elif form == "csv":
        for line in csv_lines(rows, now):
            write(line)
    else:
        stream_columns(HEADINGS, _cells(rows, now), empty="no certificate fits")


def shown(row: CertificateRecord, now: datetime) -> dict[str, Any]:
    """Return a certificate as JSON, in the state that it is in."""
    return row.model_dump(mode="json") | {"state": row.state_at(now)}


def _cells(rows: Iterable[CertificateRecord], now: datetime) -> Iterator[tuple[str, ...]]:
    for row in rows:
        yield (
            row.serial.replace(":", "")[:16],
            row.environment,
            row.role,
            row.subject,
            row.owner,
            row.state_at(now),
            f"{row.not_after:%Y-%m-%d %H:%M}",
        )


@certificates.command()
@click.argument("serial")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
@click.option("--pem", is_flag=True, help="Print the certificate's PEM only.")
def show(serial: str, *, json_output: bool, pem: bool) -> None:
    """Show the certificate whose SERIAL starts with these hex digits.

    Where two issuers signed such a serial, write the issuer before it: prod-g1/0a:ff.
    """
    from trustwright.assembly import assembled
    from trustwright.cli.certificate_page import page_data, page_lines

    with assembled(orchestrated=False) as ports:
        row, now = by_serial(ports, serial), ports.clock.now()
        if pem:
            say(row.pem.rstrip())
        elif json_output:
            as_json(shown(row, now) | page_data(ports, row))
        else:
            say("\n".join(page_lines(ports, row)))


def by_serial(ports: Ports, text: str) -> CertificateRecord:
    """Return the one certificate that ``[ISSUER/]SERIAL`` leads to.

    Raises:
        ConfigurationError: it leads to none, or to several (rule ``CERTIFICATE-SERIAL``).
    """
    from trustwright.errors import ConfigurationError
    from trustwright.model.inventory import Selection

    issuer, _, serial = text.rpartition("/")
    wanted = Selection(issuer=issuer or None, serial=serial_digits(serial, ""))
    found = list(ports.records.inventory.select(wanted, ports.clock.now(), limit=_SEVERAL + 1))
    if len(found) == 1:
        return found[0]
    some = str(len(found)) if len(found) <= _SEVERAL else f"more than {_SEVERAL}"
    raise ConfigurationError(
        f"{some if found else 'no'} certificate{'s have' if found else ' has'} a serial that "
        f"starts with {text!r}",
        rule="CERTIFICATE-SERIAL",
        hint="see: trustwright certificates list --json",
    )


@certificates.command()
@click.argument("name")
@click.option("--environment", help="Like prod.")
@click.option("--newest-first", is_flag=True, help="Turn the order round.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many.")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def history(
    name: str,
    *,
    environment: str | None,
    newest_first: bool,
    limit: int | None,
    json_output: bool,
) -> None:
    """Show every certificate of a consumer, an admin or a DNS NAME.

    In the order in which they were issued: when and by whom each was ordered and delivered, what
    took its place, who revoked it and why. A name with a dot is a DNS name; *.DOMAIN is any below
    that domain.
    """
    from trustwright.assembly import assembled
    from trustwright.cli.certificate_page import LIFE_HEADINGS, life_cells, life_data
    from trustwright.lifecycle.histories import lives
    from trustwright.model.inventory import Selection

    with assembled(orchestrated=False) as ports:
        wanted = (
            Selection(environment=environment, name=name.lower().rstrip("."))
            if "." in name
            else Selection(environment=environment, subject=name)
        )
        found = lives(ports, wanted, newest_first=newest_first, limit=limit)
        if json_output:
            stream_json(map(life_data, found))
        else:
            stream_columns(LIFE_HEADINGS, map(life_cells, found), empty=f"no certificate of {name}")


@certificates.command()
@click.argument(
    "output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-"
)
@selecting
@click.option(
    "--format",
    "form",
    type=click.Choice(("pem", "jsonl", "csv")),
    default="pem",
    show_default=True,
)
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the counts go. [default: OUTPUT.manifest.json; for standard output, a note]",
)
def export(
    output: Path,
    *,
    form: str,
    manifest: Path | None,
    sort: Order,
    limit: int | None,
    **asked: str | None,
) -> None:
    """Write certificates to a new file; never a key.

    Without OUTPUT they go to standard output. The manifest says how many of which state there
    are, and the SHA-256 of what was written.
    """
    from trustwright.assembly import assembled
    from trustwright.cli.exporting import Export

    with assembled(orchestrated=False) as ports:
        now = ports.clock.now()
        said = {name: value for name, value in asked.items() if value is not None}
        wanted = selection(asked, now)
        made = Export(output, manifest, form, now, said)
        made.write(ports.records.inventory.select(wanted, now, order=sort, limit=limit))
