"""Steps that take, prepare and release an environment."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import runtime

from tasks.step import step
from trustwright.assembly import assembled
from trustwright.lifecycle import application, environments, planning, preparation
from trustwright.model.plan import EnvironmentPlan


def this_run() -> str:
    """Return the identifier of the flow run, which holds the environment across suspensions."""
    return str(runtime.flow_run.id)


@step("claim the environment")
def claim_environment(environment: str) -> None:
    """Take the environment for this run, or fail because another run holds it."""
    with assembled(actor=this_run()) as ports:
        environments.claim(ports, environment, this_run())


@step("claim the ready environment")
def claim_ready_environment(environment: str) -> None:
    """Take an environment whose bootstrap is over for this run; refuse any other."""
    with assembled(actor=this_run()) as ports:
        application.claim_ready(ports, environment, this_run())


@step("prepare mount, policies and roles")
def prepare_environment(environment: str, destroy: Sequence[str] = ()) -> list[str]:
    """Bring the mount to what the estate says; return what was changed.

    What is surplus stays, unless its address is in `destroy`.
    """
    with assembled(actor=this_run()) as ports:
        return list(preparation.prepare_environment(ports, environment, destroy))


@step("look at what differs still")
def plan_environment(environment: str) -> EnvironmentPlan:
    """Return how the world differs from the estate file; nothing is written."""
    with assembled(actor=this_run()) as ports:
        return planning.plan_environment(ports, environment)


@step("give the environment back")
def release_environment(environment: str) -> None:
    """Give the environment back, in the phase in which it is."""
    with assembled(actor=this_run()) as ports:
        environments.release(ports, environment, this_run())


@step("mark the environment ready")
def finish_environment(environment: str) -> None:
    """Record *ready* and give the environment back."""
    with assembled(actor=this_run()) as ports:
        environments.finish(ports, environment, this_run())
