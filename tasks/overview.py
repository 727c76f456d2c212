"""The step that gathers what the artifacts show."""

from __future__ import annotations

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled
from trustwright.lifecycle.overview import overview
from trustwright.policy.overview import Overview


@step("look over the estate")
def look_over_estate() -> Overview:
    """Return the estate as the record has it; Vault and targets are not asked."""
    with assembled(actor=this_run()) as ports:
        return overview(ports)
