"""Several processes on one store, a writer that is killed, and an inventory that is large."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from sqlalchemy import insert

from tests.contract import store_processes
from tests.contract.stores import environment, line
from trustwright.store import open_records
from trustwright.store.engine import open_engine, writing
from trustwright.store.tables import audit

pytestmark = pytest.mark.contract

PROCESSES, ROUNDS = 4, 25
MANY = 50_000
MEGABYTE = 1024 * 1024


def test_one_process_wins_each_round(url: str) -> None:
    """Four processes replace the same version: exactly one succeeds, in every round."""
    with open_records(url) as records:
        records.environments.insert(environment())
    spawn = multiprocessing.get_context("spawn")
    turn, done = spawn.Barrier(PROCESSES), spawn.Queue()
    workers = [
        spawn.Process(target=store_processes.compete, args=(url, ROUNDS, turn, done))
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    won = sorted(number for _ in workers for number in done.get(timeout=60))
    for worker in workers:
        worker.join(30)
        worker.close()
    assert won == list(range(ROUNDS))
    with open_records(url) as records:
        row = records.environments.get("prod")
    assert row is not None
    assert row.version == ROUNDS


def test_what_was_committed_survives_a_kill(url: str) -> None:
    """A writer is killed with SIGKILL: every insert that returned is there, and the store works."""
    said = written_before_kill(url, lines=40)
    with open_records(url) as records:
        found = [row.id for row in records.audit.find()]
        assert found[: len(said)] == said
        assert len(found) - len(said) in {0, 1}  # the last one may not have been said
        records.audit.insert(line("after"))


def written_before_kill(url: str, lines: int) -> list[str]:
    """Run a writer, kill it while it writes, and return the keys that it said."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.store_processes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    with writer:
        writer.stdin.write(f"{url}\n")
        writer.stdin.flush()
        said = [writer.stdout.readline().strip() for _ in range(lines)]
        writer.kill()
        rest = writer.stdout.read()
    # a line cut in two by the kill was not said
    said += [each.strip() for each in rest.splitlines(keepends=True) if each.endswith("\n")]
    assert said[0] == "00000000"
    return said


def test_a_search_needs_no_more_memory_for_more_rows(url: str) -> None:
    """Streaming fifty thousand rows keeps a few pages in memory, about a thousandth of the rows."""
    engine = open_engine(url)
    template = dict(line("x"))
    with writing(engine, "audit") as connection:
        for start in range(0, MANY, 1000):
            rows = [{**template, "id": f"{n:06}"} for n in range(start, start + 1000)]
            connection.execute(insert(audit), rows)
    engine.dispose()
    with open_records(url) as records:
        assert sum(1 for _ in zip(range(1000), records.audit.find(), strict=False)) == 1000
        tracemalloc.start()
        count = sum(1 for _ in records.audit.find(environment="prod"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == MANY
    assert peak < 2 * MEGABYTE
