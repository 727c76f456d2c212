"""Steps on consumers' certificates: one task handles a batch, never one certificate."""

from __future__ import annotations

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled
from trustwright.lifecycle import admin, consumers, separation
from trustwright.lifecycle.consumers import Served
from trustwright.lifecycle.environments import while_held
from trustwright.lifecycle.separation import Judgement


@step("settle what admins' commands left")
def settle_admins(environment: str) -> list[str]:
    """Revoke what `trustwright admin issue` had signed and wrote nowhere; one phrase each."""
    with assembled(actor=this_run()) as ports:
        return admin.settle_admins(ports, environment)


@step("settle what admins' commands left, everywhere")
def settle_admins_everywhere() -> list[str]:
    """Do so in every environment; return one phrase for each thing that was done or was not."""
    with assembled(actor="watch-ceremonies") as ports:
        return admin.settle_admins_everywhere(ports)


@step("issue and deliver to the consumers")
def serve_consumers(environment: str) -> list[Served]:
    """Serve every consumer that this environment touches; failures are in the list."""
    with assembled(actor=this_run()) as ports:
        touched = consumers.consumers_touched_by(ports, environment)
        return consumers.serve_consumers(ports, while_held(ports, environment, touched))


@step("prove the separation of environments")
def prove_separation(environment: str) -> list[Judgement]:
    """Return a judgement per certificate and environment; raises when one is wrong."""
    with assembled(actor=this_run()) as ports:
        return separation.prove_separation(ports, environment)
