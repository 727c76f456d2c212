"""``trustwright findings``: what the sweeps found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trustwright.ceremony.shown import printable
from trustwright.cli.terminal import as_json, columns, say

if TYPE_CHECKING:
    from trustwright.model.sweep import FindingRecord
    from trustwright.ports import Ports

HEADINGS = ("severity", "environment", "kind", "subject", "since", "summary")
_RANK = {"critical": 0, "warning": 1, "info": 2}
_LONGEST = 80


@click.group()
def findings() -> None:
    """What is not as it should be."""


@findings.command("list")
@click.option("--environment", help="One environment; `root` for what concerns the root.")
@click.option("--kind", help="Like certificate-rogue; see docs/findings.md.")
@click.option(
    "--state", type=click.Choice(["open", "closed", "all"]), default="open", show_default=True
)
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def list_(environment: str | None, kind: str | None, state: str, *, json_output: bool) -> None:
    """List findings, the worst first."""
    from trustwright.assembly import assembled

    equals = {
        "environment": "" if environment == "root" else environment,
        "kind": kind,
        "state": None if state == "all" else state,
    }
    wanted = {name: value for name, value in equals.items() if value is not None}
    with assembled(orchestrated=False) as ports:
        rows = list(ports.records.findings.find(**wanted))
        if not rows:
            _check_names(ports, environment, kind)
    rows.sort(key=lambda row: (_RANK[row.severity], row.opened, row.id))
    if json_output:
        as_json([_shown(row) for row in rows])
    else:
        columns(HEADINGS, [_cells(row) for row in rows], empty="nothing was found")


@findings.command()
@click.argument("finding")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def show(finding: str, *, json_output: bool) -> None:
    """Show one FINDING, by its identifier: KIND/ENVIRONMENT/SUBJECT."""
    from trustwright.assembly import assembled
    from trustwright.errors import ConfigurationError

    with assembled(orchestrated=False) as ports:
        row = ports.records.findings.get(finding)
    if row is None:
        raise ConfigurationError(
            f"no finding {finding!r}",
            rule="FINDING-UNKNOWN",
            hint="see: trustwright findings list --state all --json",
        )
    if json_output:
        as_json(_shown(row))
        return
    for key, value in _shown(row).items():
        if value not in {None, ""}:
            say(f"{key:11} {printable(str(value))}")


def _check_names(ports: Ports, environment: str | None, kind: str | None) -> None:
    """Refuse a slip of the pen, which would read as an all-clear."""
    from trustwright.errors import ConfigurationError
    from trustwright.lifecycle.environments import settings_of
    from trustwright.policy.findings import CATALOGUE

    if environment not in {None, "", "root"}:
        settings_of(ports, str(environment))
    if kind is not None and kind not in CATALOGUE:
        raise ConfigurationError(
            f"no kind of finding is called {kind!r}",
            rule="FINDING-UNKNOWN",
            hint="docs/findings.md has them all",
        )


def _shown(row: FindingRecord) -> dict[str, Any]:
    return row.model_dump(mode="json", exclude={"version"})


def _cells(row: FindingRecord) -> tuple[str, ...]:
    short = row.summary if len(row.summary) <= _LONGEST else f"{row.summary[: _LONGEST - 1]}…"
    since = f"{row.opened:%Y-%m-%d %H:%M}"
    return (row.severity, row.environment or "root", row.kind, row.subject, since, short)
