"""The flows' steps: all account for what dead runs and admins' commands left behind."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

pytestmark = pytest.mark.unit


def steps_of(flow: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[str]:
    """Run a flow's body with every step noted instead of done; return their names."""
    module = import_module(f"flows.{flow}")
    done: list[str] = []

    def noted(name: str) -> Callable[..., None]:
        return lambda *_: done.append(name)

    body = getattr(module, flow).fn
    for name in [each for each in body.__code__.co_names if hasattr(module, each)]:
        monkeypatch.setattr(module, name, noted(name))
    body(*arguments)
    return done


def test_a_bootstrap_settles_what_it_did_not_adopt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving adopts what its consumers can still use; what is left then is of no use."""
    steps = steps_of("bootstrap_environment", monkeypatch, "prod")
    at = steps.index("settle_left_behind")
    assert (steps[at - 1], steps[at + 1]) == ("serve_consumers", "prove_separation")


def test_applying_prepares_serves_retires_and_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role is narrowed before it signs, who left is retired when the others are served."""
    assert steps_of("apply_environment", monkeypatch, "prod") == [
        "claim_ready_environment",
        "prepare_environment",
        "restore_default_issuer",
        "serve_consumers",
        "retire_consumers",
        "settle_left_behind",
        "plan_environment",
        "report_left",
        "release_environment",
        "fail_on_unserved",
    ]


def test_the_watch_settles_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the ceremonies."""
    steps = steps_of("watch_ceremonies", monkeypatch)
    assert steps == ["look_after", "settle_left_behind_everywhere"]


def test_the_step_makes_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over assembled ports, whose closing is theirs to see to."""
    leaves = import_module("tasks.leaves")
    seen: list[tuple[Any, ...]] = []

    class Assembled:
        def __init__(self, **_: object) -> None: ...

        def __enter__(self) -> str:
            return "ports"

        def __exit__(self, *_: object) -> None:
            seen.append(("closed",))

    def call(*given: Any) -> list[str]:
        seen.append(given)
        return ["done"]

    monkeypatch.setattr(leaves, "assembled", Assembled)
    monkeypatch.setattr(leaves, "this_run", lambda: "run")
    monkeypatch.setattr(leaves.reconciliation, "settle_all_left_behind", call)
    assert leaves.settle_left_behind.fn("prod") == ["done"]
    assert seen == [("ports", "prod"), ("closed",)]
