"""The bootstrap flow as it is, but for one thing: its process dies at the step that a file names.

``python -m tests.e2e.mortal_flow`` serves it instead of ``deployments.serve``. The steps are read
from the flow's own text, so a step that is added later is one more to die at.
"""

from __future__ import annotations

import ast
import inspect
import os
import signal
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import flows.bootstrap_environment as flow_module
import flows.gate as gate_module
from flows.bootstrap_environment import bootstrap_environment

SENTENCE = "dies"
"""Name of the file below the home: ``<moment> <step>``."""


def calls(function: Callable[..., Any]) -> list[str]:
    """Return the names that a function's body calls, each once, in the order of the text."""
    body = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = body.body
    assert isinstance(definition, ast.FunctionDef)
    found = [node for statement in definition.body for node in ast.walk(statement)]
    named = [
        (node.lineno, node.col_offset, node.func.id)
        for node in found
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return list(dict.fromkeys(name for _, _, name in sorted(named)))


GATE = calls(gate_module.await_signature)
STEPS = [step for step in calls(bootstrap_environment.fn) if step != "await_signature"]
BOUNDARIES = [f"before {STEPS[0]}", *(f"after {step}" for step in [*STEPS, *GATE])]


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
