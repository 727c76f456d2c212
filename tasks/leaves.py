"""Steps on consumers' certificates: one task handles a batch, never one certificate."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled
from trustwright.lifecycle import (
    consumers,
    reconciliation,
    renewal,
    retirement,
    separation,
)
from trustwright.lifecycle.consumers import Served
from trustwright.lifecycle.environments import while_held
from trustwright.lifecycle.separation import Judgement


@step("account for what dead runs left behind")
def settle_left_behind(environment: str) -> list[str]:
    """Revoke or explain what runs and admins' commands left; return one phrase each."""
    with assembled(actor=this_run()) as ports:
        return reconciliation.settle_all_left_behind(ports, environment)


@step("issue and deliver to the consumers")
def serve_consumers(environment: str) -> list[Served]:
    """Serve every consumer that this environment touches; failures are in the list."""
    with assembled(actor=this_run()) as ports:
        touched = consumers.consumers_touched_by(ports, environment)
        served = consumers.serve_consumers(ports, while_held(ports, environment, touched))
        consumers.refuse_held(served)
        return served


@step("retire the consumers that left")
def retire_consumers(environment: str, destroy: Sequence[str]) -> list[str]:
    """Revoke what they hold and close their rows, as far as it was approved by address."""
    with assembled(actor=this_run()) as ports:
        return retirement.retire_consumers(ports, environment, destroy)


@step("see which consumers are due")
def consumers_to_renew(environment: str, names: list[str]) -> list[str]:
    """Return the names of those that are due, or the given ones, most urgent first."""
    with assembled(actor=this_run()) as ports:
        return renewal.to_renew(ports, environment, names)


@step("renew a batch of consumers")
def renew_batch(environment: str, names: list[str]) -> list[Served]:
    """Serve these consumers; failures, and what was left out, are in the list."""
    with assembled(actor=this_run()) as ports:
        return renewal.renew_consumers(ports, environment, names)


@step("prove the separation of environments")
def prove_separation(environment: str) -> list[Judgement]:
    """Return a judgement per certificate and environment; raises when one is wrong."""
    with assembled(actor=this_run()) as ports:
        return separation.prove_separation(ports, environment)
