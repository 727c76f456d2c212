"""Killed between any two calls to the system, a delivery leaves the old or the new set."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.unit.delivery.killed import SCENARIOS, Death
from tests.unit.delivery.material import pki

CHECKOUT = Path(__file__).parents[3]
# A thousand deaths, each with a delivery before and after it.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Death]]:
    """Return every death of every scenario; one process with one thread does all the forking."""
    # In memory where there is such a disk: a thousand real fsyncs would prove no more.
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield _all_deaths(tmp_path_factory.mktemp("killed"))
        return
    with TemporaryDirectory(dir=memory) as folder:
        yield _all_deaths(Path(folder))


def _all_deaths(folder: Path) -> list[Death]:
    (folder / "sets").write_bytes(pickle.dumps([pki().delivery() for _ in range(5)]))
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.delivery.killed", str(folder)],
        capture_output=True,
        check=True,
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": "."},
        timeout=280,
    )
    return [Death(**each) for each in json.loads(run.stdout)]


def test_every_scenario_was_cut_at_every_call(deaths: list[Death]) -> None:
    """Each scenario ends with a child that lived, after dying at dozens of calls."""
    for scenario in SCENARIOS:
        steps = [each for each in deaths if each.scenario == scenario.name]
        assert steps[-1].call == ""
        assert len(steps) > 50
        calls = {"rename", "fsync", "write", "Popen"} | (set() if scenario.cut else {"symlink"})
        assert calls <= {each.call for each in steps}


def test_it_died_before_reload_and_before_check(deaths: list[Death]) -> None:
    """Between swap, reload and check, also on the way back: each command is a step of its own."""
    commands = Counter(each.scenario for each in deaths if each.call == "Popen")

    assert commands == {
        "first": 2,
        "second": 2,
        "pruning": 2,
        "undo": 3,
        "undo-first": 2,
        "finish": 2,
        "finish-undo": 3,
        "finish-first-undo": 2,
    }


def test_nothing_counts_as_in_service_that_software_was_not_told_of(deaths: list[Death]) -> None:
    """Wherever the process died, in the undo as well."""
    assert [each for each in deaths if each.deceived] == []


def test_in_the_end_software_serves_what_is_in_place(deaths: list[Death]) -> None:
    """The next run reloads, whichever version it finds."""
    assert [each for each in deaths if not each.told] == []


def test_the_old_or_the_new_set_is_visible(deaths: list[Death]) -> None:
    """Never a part of one, never a mixture; nothing at all only before the first."""
    first = {scenario.name for scenario in SCENARIOS if not scenario.before}
    allowed = {True: {"none", "new"}, False: {"old", "new"}}
    strange = [each for each in deaths if each.seen not in allowed[each.scenario in first]]

    assert strange == []


def test_both_sets_were_seen(deaths: list[Death]) -> None:
    """The cut lies on both sides of the swap, or the test would prove nothing."""
    assert {each.seen for each in deaths if each.scenario == "second"} == {"old", "new"}
    assert {each.seen for each in deaths if each.scenario == "first"} == {"none", "new"}


def test_no_key_is_ever_readable_by_others(deaths: list[Death]) -> None:
    """At no point between two calls, whatever the umask."""
    assert [each for each in deaths if each.exposed] == []


def test_the_next_delivery_mends_it(deaths: list[Death]) -> None:
    """It works, is whole, and leaves no leftover of the dead one."""
    assert [each for each in deaths if not each.mended] == []


def test_a_child_that_lives_ends_well(deaths: list[Death]) -> None:
    """Delivered is delivered, undone is undone."""
    ends = {each.scenario: each.seen for each in deaths if not each.call}

    assert ends == {
        "first": "new",
        "second": "new",
        "pruning": "new",
        "undo": "old",
        "undo-first": "none",
        "finish": "new",
        "finish-undo": "old",
        "finish-first-undo": "none",
    }
