"""Steps that take, prepare and release an environment."""

from __future__ import annotations

from prefect import runtime

from tasks.step import step
from trustwright.assembly import assembled
from trustwright.lifecycle import environments, preparation


def this_run() -> str:
    """Return the identifier of the flow run, which holds the environment across suspensions."""
    return str(runtime.flow_run.id)


@step("claim the environment")
def claim_environment(environment: str) -> None:
    """Take the environment for this run, or fail because another run holds it."""
    with assembled(actor=this_run()) as ports:
        environments.claim(ports, environment, this_run())


@step("prepare mount, policies and roles")
def prepare_environment(environment: str) -> list[str]:
    """Bring the mount to what the estate says; return what was changed."""
    with assembled(actor=this_run()) as ports:
        return list(preparation.prepare_environment(ports, environment))


@step("mark the environment ready")
def finish_environment(environment: str) -> None:
    """Record *ready* and give the environment back."""
    with assembled(actor=this_run()) as ports:
        environments.finish(ports, environment, this_run())
