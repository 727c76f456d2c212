"""``trustwright environments``: how far each environment is, and on what it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustwright.cli.terminal import as_json, columns

if TYPE_CHECKING:
    from trustwright.ports import Ports

HEADINGS = ("environment", "domain", "phase", "issuer", "issuer until", "anchor", "held by")


@click.group()
def environments() -> None:
    """Environments of the estate."""


@environments.command("list")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def list_(*, json_output: bool) -> None:
    """List the estate's environments in its order.

    One that nobody has begun is *planned*.
    """
    from trustwright.assembly import assembled

    with assembled(orchestrated=False) as ports:
        rows = [_row(ports, name) for name in ports.estate.environments]
    if json_output:
        as_json(rows)
    else:
        columns(HEADINGS, [tuple(each or "-" for each in row.values()) for row in rows])


def _row(ports: Ports, name: str) -> dict[str, str | None]:
    """Return what is known of an environment; times in UTC, the anchor as its SHA-256."""
    from trustwright.policy.naming import issuer_name
    from trustwright.x509 import parse

    record = ports.records.environments.get(name)
    key = issuer_name(name, record.generation if record else 1)
    issuer = ports.records.issuers.get(key)
    signed = parse.certificate(issuer.certificate) if issuer and issuer.certificate else None
    anchor = parse.certificate(issuer.anchor) if issuer and issuer.anchor else None
    return {
        "environment": name,
        "domain": ports.estate.environments[name].domain,
        "phase": record.phase if record else "planned",
        "issuer": issuer.id if issuer else None,
        "issuer until": f"{signed.not_valid_after_utc:%Y-%m-%d %H:%M}" if signed else None,
        "anchor": parse.fingerprint(anchor)[:23] if anchor else None,
        "held by": record.holder if record else None,
    }
