"""Many endpoints at the same time."""

from __future__ import annotations

import threading
import time

import pytest

from trustwright.endpoints.together import looked_at
from trustwright.errors import Rejected, TrustwrightError
from trustwright.ports import Look, Presented

pytestmark = pytest.mark.unit

LOOKS = [Look(f"tls://127.0.0.1:{port}", "a.example") for port in range(1, 41)]


def test_order_and_errors_are_kept() -> None:
    """Each result stands where its endpoint stood; an error is a result."""

    def presented(probe: str, name: str) -> Presented:
        if probe.endswith("7"):
            raise Rejected(probe, rule="PROBE-PROTOCOL")
        return Presented(f"{probe} {name}")

    found = looked_at(LOOKS, presented)
    assert [
        each.what if isinstance(each, TrustwrightError) else each.certificate for each in found
    ] == [look.probe if look.probe.endswith("7") else f"{look.probe} a.example" for look in LOOKS]


def test_never_more_than_so_many_at_once() -> None:
    """A machine has so many connections, however many consumers there are."""
    going, most, lock = 0, 0, threading.Lock()
    four = threading.Barrier(4)

    def presented(probe: str, name: str) -> Presented:
        nonlocal going, most
        del name
        with lock:
            going += 1
            most = max(most, going)
        four.wait(5)  # forty are ten times four: nobody gets on unless four are there
        with lock:
            going -= 1
        return Presented(probe)

    assert len(looked_at(LOOKS, presented, at_once=4)) == len(LOOKS)
    assert most == 4


def test_the_time_for_all_is_bounded() -> None:
    """What hangs is left behind; what was not reached is said, and looked at the next time."""
    release = threading.Event()

    def presented(probe: str, name: str) -> Presented:
        del name
        if not probe.endswith(":1"):
            release.wait(10)
        return Presented(probe)

    began = time.monotonic()
    found = looked_at(LOOKS, presented, at_once=2, seconds=0.2)
    release.set()
    assert time.monotonic() - began < 2
    assert found[0] == Presented(LOOKS[0].probe)
    assert {each.rule for each in found[1:] if isinstance(each, TrustwrightError)} == {
        "PROBE-POSTPONED"
    }


def test_nothing_to_look_at() -> None:
    """No thread is started for nobody."""
    assert looked_at([], lambda *_: Presented("")) == []
