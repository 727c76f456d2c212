"""The step that gathers what the artifacts show."""

from __future__ import annotations

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled, nothing_begun
from trustwright.lifecycle.overview import overview
from trustwright.policy.overview import Overview


@step("look over the estate")
def look_over_estate() -> Overview | None:
    """Return the estate as the record has it, None before there is one; Vault is not asked."""
    if nothing_begun():
        return None
    with assembled(actor=this_run()) as ports:
        return overview(ports)
