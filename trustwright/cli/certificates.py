"""``trustwright certificates``: the inventory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from trustwright.ceremony.shown import printable
from trustwright.cli.terminal import as_json, columns, say

if TYPE_CHECKING:
    from datetime import datetime

    from trustwright.model.records import CertificateRecord

STATES = ("valid", "expired", "superseded", "revoked", "refused")
HEADINGS = ("serial", "environment", "role", "subject", "owner", "state", "expires")


@click.group()
def certificates() -> None:
    """Certificates that were issued."""


@certificates.command("list")
@click.option("--environment")
@click.option("--role")
@click.option("--owner")
@click.option("--name", help="A DNS name that the certificate carries.")
@click.option("--subject", help="Consumer or admin.")
@click.option("--issuer", help="Like prod-g1.")
@click.option("--state", type=click.Choice(STATES))
@click.option("--expiring-within", help="Like 24h: valid ones that end by then.")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def list_(
    *,
    environment: str | None,
    role: str | None,
    owner: str | None,
    name: str | None,
    subject: str | None,
    issuer: str | None,
    state: str | None,
    expiring_within: str | None,
    json_output: bool,
) -> None:
    """List certificates, oldest expiry first; every filter narrows."""
    from trustwright.assembly import assembled

    equals = {
        "environment": environment,
        "role": role,
        "owner": owner,
        "subject": subject,
        "issuer": issuer,
        "state": "valid" if state == "expired" else state,
    }
    wanted = {key: value for key, value in equals.items() if value is not None}
    with assembled(orchestrated=False) as ports:
        now = ports.clock.now()
        deadline = _deadline(now, expiring_within)
        rows = [
            row
            for row in ports.records.certificates.find(**wanted)
            if (name is None or name in row.names)
            and state in {None, row.state_at(now)}
            and _ends_by(row, now, deadline)
        ]
    rows.sort(key=lambda row: (row.not_after, row.id))
    _print(rows, now, json_output=json_output)


def _deadline(now: datetime, window: str | None) -> datetime | None:
    if window is None:
        return None
    from pydantic import TypeAdapter, ValidationError

    from trustwright.errors import ConfigurationError
    from trustwright.model.values import Duration

    try:
        return now + timedelta(seconds=TypeAdapter(Duration).validate_python(window))
    except ValidationError:
        raise ConfigurationError(
            f"{window!r} is no duration",
            rule="DURATION",
            hint="write 90s, 15m, 72h or 730d",
            where="--expiring-within",
        ) from None


def _ends_by(row: CertificateRecord, now: datetime, deadline: datetime | None) -> bool:
    return deadline is None or (row.state_at(now) == "valid" and row.not_after <= deadline)


def _shown(row: CertificateRecord, now: datetime) -> dict[str, Any]:
    return row.model_dump(mode="json") | {"state": row.state_at(now)}


def _print(rows: list[CertificateRecord], now: datetime, *, json_output: bool) -> None:
    if json_output:
        as_json([_shown(row, now) for row in rows])
        return
    columns(
        HEADINGS,
        [
            (
                row.serial.replace(":", "")[:16],
                row.environment,
                row.role,
                row.subject,
                row.owner,
                row.state_at(now),
                f"{row.not_after:%Y-%m-%d %H:%M}",
            )
            for row in rows
        ],
        empty="no certificate fits",
    )


@certificates.command()
@click.argument("serial")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
@click.option("--pem", is_flag=True, help="Print the certificate's PEM only.")
def show(serial: str, json_output: bool, pem: bool) -> None:
    """Show the certificate whose SERIAL starts with these hex digits."""
    from trustwright.assembly import assembled

    with assembled(orchestrated=False) as ports:
        row = _by_serial(ports.records.certificates.find(), serial)
        shown = _shown(row, ports.clock.now())
    if json_output:
        as_json(shown)
    elif pem:
        say(row.pem.rstrip())
    else:
        for key, value in shown.items():
            if key not in {"pem", "version", "id"} and value is not None:
                text = ", ".join(value) if isinstance(value, list) else value
                say(f"{key.replace('_', ' '):11} {printable(str(text))}")


def _by_serial(rows: object, serial: str) -> CertificateRecord:
    from collections.abc import Iterable
    from typing import cast

    from trustwright.errors import ConfigurationError

    digits = serial.lower().replace(":", "").replace("-", "")
    found = [
        row
        for row in cast("Iterable[CertificateRecord]", rows)
        if digits and row.serial.replace(":", "").startswith(digits)
    ]
    if len(found) != 1:
        what = "no certificate has" if not found else f"{len(found)} certificates have"
        raise ConfigurationError(
            f"{what} a serial that starts with {serial!r}",
            rule="CERTIFICATE-SERIAL",
            hint="see: trustwright certificates list --json",
        )
    return found[0]
