"""Where the bootstrap flow can die: between its steps, which are read from its own text.

A step that is added later is one more boundary.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from flows.bootstrap_environment import bootstrap_environment
from flows.gate import await_signature

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


GATE = calls(await_signature)
STEPS = [step for step in calls(bootstrap_environment.fn) if step != "await_signature"]
BOUNDARIES = [f"before {STEPS[0]}", *(f"after {step}" for step in [*STEPS, *GATE])]
