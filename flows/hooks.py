"""What happens when a run ends badly: people are told. A dead channel changes nothing."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow

from tasks.notices import tell_run_ended


def tell_run_failed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell people that a run failed, with its one-line reason."""
    tell_run_ended(flow.name, flow_run, state, crashed=False)


def tell_run_crashed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell people that a run's process died; called in the runner, not in the run."""
    tell_run_ended(flow.name, flow_run, state, crashed=True)
