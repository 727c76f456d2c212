"""Which failures of a step are worth waiting for."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from tasks.step import RETRIES, step, waiting_helps
from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    Denied,
    LintViolation,
    OutcomeUnknown,
    Rejected,
    TrustwrightError,
    Unavailable,
    VerificationError,
)


@step("x")
def do_nothing() -> None:
    """Stand for a step; it is never run."""


def failed(error: Exception) -> State[Any]:
    """Return the state that a step which raised `error` is in."""
    return Failed(data=error, message=str(error))


@pytest.mark.parametrize("error", [Unavailable("sealed"), OutcomeUnknown("the line went dead")])
def test_what_passes_is_tried_again(error: TrustwrightError) -> None:
    """Sealed, down, or unknown: the step asks the record first, so running it again reconciles."""
    assert waiting_helps(do_nothing, None, failed(error)) is True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("wrong file"),
        ConflictError("held"),
        Denied("no"),
        Rejected("never"),
        LintViolation("clause"),
        VerificationError("signature"),
        ValueError("a mistake of ours"),
    ],
)
def test_what_stays_is_not(error: Exception) -> None:
    """A refusal is not retried into acceptance."""
    assert waiting_helps(do_nothing, None, failed(error)) is False  # type: ignore[arg-type]


def test_success_is_not_tried_again() -> None:
    """Nothing to wait for."""
    state: State[Any] = Completed(data=1)
    assert waiting_helps(do_nothing, None, state) is False  # type: ignore[arg-type]


def test_steps_leave_nothing_behind() -> None:
    """No step persists or caches a result, and each is retried a bounded number of times."""
    assert do_nothing.name == "x"
    assert do_nothing.persist_result is False
    assert do_nothing.retries == RETRIES
    assert do_nothing.cache_policy == NO_CACHE
