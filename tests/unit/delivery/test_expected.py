"""Nobody overwrites what he has not seen: the fence at the target."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.delivery.material import pki, put
from tests.unit.delivery.test_finish import cut, seen
from tests.unit.delivery.test_layout import numbered, target
from trustwright.errors import ConflictError, TrustwrightError
from trustwright.ports import Delivered


def refusal(path: Path, expected: Delivered | None) -> ConflictError:
    """Deliver over something else than is in place; nothing may change."""
    before = sorted((each, each.lstat().st_mtime_ns) for each in path.rglob("*"))
    with pytest.raises(ConflictError) as refused:
        target(path, reload=["false"]).deliver(pki().delivery(), expected=expected)
    assert sorted((each, each.lstat().st_mtime_ns) for each in path.rglob("*")) == before
    assert refused.value.rule == "DLV-CONFLICT"
    return refused.value


def undo(path: Path) -> None:
    """Undo version 2 as a delivery does whose hooks failed."""
    found = cut(path, 1)
    with pytest.raises(TrustwrightError):
        target(path, check=["false"]).finish(expected=found)


def test_two_callers_that_take_turns(tmp_path: Path) -> None:
    """A looks, B looks and delivers, A delivers: B's set stays."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    seen_by_a, seen_by_b = seen(target(path)), seen(target(path))
    newer = target(path).deliver(pki().delivery(), expected=seen_by_b)
    error = refusal(path, seen_by_a)
    assert error.what == (
        f"{path}: version 2 ({newer.manifest[:12]}) is in place, expected was version 1 "
        f"({seen_by_a.manifest[:12]}); nothing was changed"
    )
    assert seen(target(path)) == newer
    assert numbered(path) == ["0001", "0002"]


def test_a_first_delivery_is_overtaken(tmp_path: Path) -> None:
    """A saw nothing."""
    path = tmp_path / "tls"
    newer = put(target(path), pki().delivery())
    refusal(path, None)
    assert seen(target(path)) == newer


def test_a_set_that_vanished_is_no_reason_to_go_on(tmp_path: Path) -> None:
    """Somebody emptied the folder after the look."""
    path = tmp_path / "tls"
    gone = put(target(path), pki().delivery())
    (path / "cert.pem").resolve().unlink()
    assert refusal(path, gone).what.startswith(f"{path}: nothing whole is in place")


def test_a_number_that_was_used_before_is_not_enough(tmp_path: Path) -> None:
    """Version 2 was undone, and another version 2 delivered."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    undone = replace(put(target(path), pki().delivery()), in_service=False)
    undo(path)
    put(target(path), pki().delivery())
    assert seen(target(path)).number == undone.number
    refusal(path, undone)


def test_one_that_is_being_finished_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """A saw it cut; B has finished it."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    found = cut(path, None)
    target(path).finish(expected=found)
    refusal(path, found)


def test_two_callers_at_once(tmp_path: Path) -> None:
    """Exactly one of them delivers; the other learns why not."""
    path = tmp_path / "tls"
    base = put(target(path), pki().delivery())
    both = threading.Barrier(2)
    results: list[Delivered | TrustwrightError] = []

    def run() -> None:
        both.wait()
        try:
            results.append(target(path).deliver(pki().delivery(), expected=base))
        except TrustwrightError as error:
            results.append(error)

    callers = [threading.Thread(target=run) for _ in range(2)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    (won,) = (each for each in results if isinstance(each, Delivered))
    (lost,) = (each for each in results if isinstance(each, ConflictError))
    assert lost.rule in {"DLV-BUSY", "DLV-CONFLICT"}
    assert seen(target(path)) == won
