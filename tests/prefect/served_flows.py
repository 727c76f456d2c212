"""Small flows for a real runner."""

from __future__ import annotations

import time
from pathlib import Path

from prefect import flow, runtime
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput


class Answer(RunInput):
    """A form with one text."""

    text: str = ""


@flow(name="asks")
def asks(timeout: int | None = None) -> None:
    """Ask until the answer is ``good``."""
    for question in range(5):
        form = Answer.with_initial_data(description=f"# Question {question}")
        key = f"question-{runtime.flow_run.run_count}-{question}"
        if suspend_flow_run(wait_for_input=form, key=key, timeout=timeout).text == "good":
            return
    raise RuntimeError("no good answer")


@flow(name="works")
def works(until: str = "", seconds: int = 60) -> None:
    """End when the file `until` exists; name none to end at once."""
    end = time.monotonic() + seconds
    while until and not Path(until).exists() and time.monotonic() < end:
        time.sleep(0.05)


@flow(name="hears")
def hears(environment: str) -> None:
    """Stand in for a flow that an event starts."""
    del environment
