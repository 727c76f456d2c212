"""Both flows settle what admins' commands left: a bootstrap before it serves, the watch always."""

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


def test_a_bootstrap_settles_before_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the issuer identity, once the issuer is proven."""
    steps = steps_of("bootstrap_environment", monkeypatch, "prod")
    at = steps.index("settle_admins")
    assert (steps[at - 1], steps[at + 1]) == ("prove_intermediate", "serve_consumers")


def test_the_watch_settles_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the ceremonies."""
    assert steps_of("watch_ceremonies", monkeypatch) == ["look_after", "settle_admins_everywhere"]


@pytest.mark.parametrize(
    ("step", "arguments", "called"),
    [
        ("settle_admins", ("prod",), "settle_admins"),
        ("settle_admins_everywhere", (), "settle_admins_everywhere"),
    ],
)
def test_each_step_makes_one_call(
    monkeypatch: pytest.MonkeyPatch, step: str, arguments: tuple[str, ...], called: str
) -> None:
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
    monkeypatch.setattr(leaves.admin, called, call)
    assert getattr(leaves, step).fn(*arguments) == ["done"]
    assert seen == [("ports", *arguments), ("closed",)]
