"""What people see in Prefect of the estate: tables, the page of the estate, how far a renewal is.

Nothing here can fail a run: a picture that could not be drawn is said in the log and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
)
from prefect.logging import get_run_logger

from tasks.overview import look_over_estate
from trustwright.policy.overview import Overview
from trustwright.policy.quoting import one_line
from trustwright.report.tables import estate_page, expiring_rows, finding_rows


def publish_estate() -> None:
    """Show what the record has now: artifacts ``estate``, ``expiring`` and ``findings``."""
    with _only_said("the estate"):
        overview = look_over_estate()
        if overview is not None:
            _publish(overview)


def _publish(overview: Overview) -> None:
    create_markdown_artifact(
        key="estate", markdown=estate_page(overview), description="The estate, as of the record"
    )
    create_table_artifact(
        key="expiring",
        table=[dict(row) for row in expiring_rows(overview)],
        description="Certificates by role: due, late and ended",
    )
    create_table_artifact(
        key="findings",
        table=[dict(row) for row in finding_rows(overview)],
        description=f"Open findings: {len(overview.findings)}",
    )


def show_renewed(environment: str, done: int, due: int) -> None:
    """Show how far a renewal is: artifact ``renewing-<environment>``."""
    with _only_said(f"the progress of {environment}"):
        create_progress_artifact(
            key=f"renewing-{environment}",
            progress=100.0 * done / due if due else 100.0,
            description=f"{done} of {due} consumers of {environment} looked after",
        )


@contextmanager
def _only_said(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        get_run_logger().warning("could not show %s: %s", what, one_line(str(error)))
