"""Waiting for parts: those that come up, and those that gave an answer once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.embedded.test_part import SLEEPS, part_of
from trustwright.embedded import starting
from trustwright.embedded.process import Process
from trustwright.embedded.starting import Starting
from trustwright.embedded.state import Ports, StackState
from trustwright.errors import Unavailable

pytestmark = pytest.mark.unit


def test_silence_of_one_that_has_answered_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again and again for a while, then named with its process and the remedy."""
    monkeypatch.setattr(starting, "SILENCE", 0.2)
    asked: list[int] = []

    def never(found: Process) -> bool:
        asked.append(found.pid)
        return False

    part = replace(part_of(tmp_path, SLEEPS), ready=never)
    process = part.start()
    try:
        with pytest.raises(Unavailable) as refused:
            Starting([part], {"part": process}).refuse_silent(["part"])
    finally:
        part.stop(process)
    assert refused.value.rule == "STACK-SILENT"
    assert f"the part runs (process {process.pid})" in refused.value.what
    assert set(asked) == {process.pid}
    assert len(asked) > 1


def test_only_a_process_that_runs_has_answered() -> None:
    """A part that was started anew has not, whatever the one before it did."""
    one = Process(pid=os.getpid(), started=1, boot="this")
    state = StackState.fresh(Ports()).running({"openbao": one}, ("openbao", "prefect"))
    assert state.answered == ("openbao",)
    assert state.running({"openbao": one}).answered == ()
