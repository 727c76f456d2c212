"""How every step is run: retried only when waiting can help, nothing cached, nothing persisted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from trustwright.errors import OutcomeUnknown, Unavailable

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 6
FIRST_DELAY = 1


def waiting_helps(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether the failure is one that passes: sealed, down, or outcome unknown.

    A step whose outcome is unknown starts by asking the record and Vault, so running it again
    is how it reconciles.
    """
    del task, task_run
    try:
        state.result()
    except (Unavailable, OutcomeUnknown):
        return True
    except Exception:  # noqa: BLE001 - every other failure is final
        return False
    return False


def step(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Return the decorator of a step; `name` is what people read in the Prefect UI."""
    return task(
        name=name,
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(FIRST_DELAY),
        retry_jitter_factor=0.5,
        retry_condition_fn=waiting_helps,
        persist_result=False,
        cache_policy=NO_CACHE,
        log_prints=False,
    )
