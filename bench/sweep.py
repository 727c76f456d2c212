"""What a sweep costs over a large inventory in which little is due.

The due query and the decisions on what it finds are timed in turn over stores of each size, so that
what else runs here meets all of them alike. Memory is measured in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

from bench.figures import ratios, spread
from bench.stock import DUE, ENVIRONMENT, estate_world, fill
from tests.contract import postgres
from tests.fakes.world import World
from trustwright.lifecycle import due
from trustwright.store import SqlRecords, open_records

ROUNDS = 15
USUAL = (10_000, 100_000)
FULL = (*USUAL, 1_000_000)
TARGET = 1.5

Urls = dict[int, str]


@dataclass(frozen=True)
class Memory:
    """What one process needed for one decision.

    Attributes:
        traced: octets of Python objects at their peak, beyond those before.
        resident: octets that the process held at its peak beyond those of one that only began.
    """

    traced: int
    resident: int


def decide(world: World, records: SqlRecords) -> int:
    """Return how many consumers are due."""
    world.ports.store = records  # type: ignore[assignment] # the real store in place of the fake
    with patch.object(due, "LOOKS", 0):  # targets are looked at, so many each time, at any size
        return len(due.due_consumers(world.ports, ENVIRONMENT))


def times(urls: Urls, world: World) -> dict[int, list[float]]:
    """Return milliseconds by size, measured in turn after one round that is not kept."""
    found: dict[int, list[float]] = {size: [] for size in urls}
    opened = {size: open_records(url) for size, url in urls.items()}
    try:
        for number in range(-1, ROUNDS):
            for size, records in opened.items():
                started = perf_counter()
                number_due = decide(world, records)
                taken = (perf_counter() - started) * 1000
                if number_due != DUE:
                    raise AssertionError(f"{number_due} are due in place of {DUE}")
                if number >= 0:
                    found[size].append(taken)
    finally:
        for records in opened.values():
            records.close()
    return found


def memory(url: str, folder: Path) -> Memory:
    """Measure one decision in this process, which has done nothing else."""
    world = estate_world(folder)
    with open_records(url) as records:
        next(records.environments.find())
        before = peak()
        decide(world, records)
        resident = peak() - before
        tracemalloc.start()
        decide(world, records)
        _, traced = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return Memory(traced, resident)


def peak() -> int:
    """Return the octets that this process held at most until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def report(sizes: tuple[int, ...] = USUAL) -> None:
    """Print times, ratios and memory for SQLite and PostgreSQL."""
    print(
        f"a sweep's due query and decisions, {DUE} of the certificates due, median of {ROUNDS}"
        f" (lowest-highest)\n  target: within {TARGET} of the time at {sizes[0]:,}"
    )
    with tempfile.TemporaryDirectory(prefix="trustwright-bench-") as name:
        folder = Path(name)
        files = {size: f"sqlite:///{folder / f'{size}.db'}" for size in sizes}
        measure("SQLite", files, folder)
        with postgres.running() as server:
            if server is None:
                print("  PostgreSQL: skipped, Debian's package postgresql is not installed")
                return
            measure(
                "PostgreSQL", {size: server.url(server.new_database()) for size in sizes}, folder
            )


def measure(title: str, urls: Urls, folder: Path) -> None:
    """Fill the stores and print a line for each."""
    world = estate_world(folder / title)
    started = perf_counter()
    for size, url in urls.items():
        fill(url, size, world.clock.now())
    print(f"  {title}, filled in {perf_counter() - started:.0f} s")
    found, (smallest, *_) = times(urls, world), urls
    for size, url in urls.items():
        needed = alone(memory, url, folder / f"{title}-{size}")
        print(
            f"  {size:>11,} certificates {spread(found[size], 1):>20} ms"
            f"  ratio {spread(ratios(found[size], found[smallest]), 2)}"
            f"  peak {needed.traced / 1e6:.2f} MB traced, {needed.resident / 1e6:.1f} MB resident"
        )


def alone(work: Callable[..., Memory], *arguments: object) -> Memory:
    """Run something in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        return processes.submit(work, *arguments).result()
