"""Notices that the flows send. None of them can fail a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.client.schemas.objects import FlowRun, State

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled
from trustwright.errors import TrustwrightError
from trustwright.lifecycle import announcement, application, renewal
from trustwright.lifecycle.consumers import Served
from trustwright.lifecycle.journal import note, note_failure
from trustwright.model.plan import EnvironmentPlan
from trustwright.policy import notices
from trustwright.policy.renewal import Outcome


@step("tell people that the environment is ready")
def tell_environment_ready(environment: str, served: list[Served]) -> None:
    """Tell how many consumers hold their set, which wait and which failed."""
    with assembled(actor=this_run()) as ports:
        announcement.tell_served(ports, environment, served, ports.runs.link(this_run()))


@step("tell people that the estate file was applied")
def tell_applied(plan: EnvironmentPlan, done: Sequence[str]) -> None:
    """Tell what was done, and what differs still."""
    with assembled(actor=this_run()) as ports:
        application.tell_applied(ports, plan, done, ports.runs.link(this_run()))


@step("tell people what was renewed")
def tell_renewed(environment: str, served: list[Served]) -> Outcome:
    """Send one digest, and a message for each consumer that has begun to fail."""
    with assembled(actor=this_run()) as ports:
        return renewal.note_renewed(ports, environment, served, ports.runs.link(this_run()))


def tell_run_ended(flow: str, flow_run: FlowRun, state: State[Any], *, crashed: bool) -> None:
    """Tell people that a run failed or crashed; called by the flows' hooks."""
    environment = str(flow_run.parameters.get("environment", ""))
    try:
        with assembled(actor=str(flow_run.id)) as ports:
            own = _own_error(state)
            if own is not None:
                note_failure(ports, environment, own)
            build = notices.flow_crashed if crashed else notices.flow_failed
            notice = build(
                flow=flow,
                environment=environment,
                reason=str(own or state.message or state.name)[:500],
                link=ports.runs.link(str(flow_run.id)),
            )
            ports.notifier.tell(notice)
            note(ports, notice.event, environment, flow, notice.body)
    except TrustwrightError as error:
        # Nothing is left to tell it to but the run's own log.
        print(f"could not tell that {flow} ended: {error}")  # noqa: T201


def _own_error(state: State[Any]) -> TrustwrightError | None:
    """Return the error of ours that ended a run, if it was one."""
    error = state.result(raise_on_failure=False) if state.is_failed() else None
    return error if isinstance(error, TrustwrightError) else None
