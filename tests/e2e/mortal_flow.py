"""The bootstrap flow as it is, but for one thing: its process dies at the step that a file names.

``python -m tests.e2e.mortal_flow`` serves it instead of ``deployments.serve``. Importing this
module changes the flow: tests import `tests.e2e.boundaries`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import flows.bootstrap_environment as flow_module
import flows.gate as gate_module
from flows.bootstrap_environment import bootstrap_environment
from tests.e2e.boundaries import GATE, SENTENCE, STEPS


def dies_here(boundary: str) -> None:
    """End this process with SIGKILL if the file says so."""
    sentence = Path(os.environ["TRUSTWRIGHT_HOME"]) / SENTENCE
    if sentence.exists() and sentence.read_text() == boundary:
        sentence.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def mortal(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that may die before it starts or after it has returned."""

    def stepping(*arguments: Any) -> Any:
        dies_here(f"before {name}")
        result = step(*arguments)
        dies_here(f"after {name}")
        return result

    return stepping


def make_mortal(module: ModuleType, names: list[str]) -> None:
    """Wrap the steps that a module calls."""
    for name in names:
        setattr(module, name, mortal(name, getattr(module, name)))


make_mortal(flow_module, STEPS)
make_mortal(gate_module, GATE)


if __name__ == "__main__":
    from prefect import serve
    from prefect.deployments.runner import RunnerDeployment

    made = RunnerDeployment.from_flow(bootstrap_environment, name="trustwright")
    made.entrypoint = "tests.e2e.mortal_flow.bootstrap_environment"
    serve(made, limit=8, pause_on_shutdown=False, print_starting_message=False)
