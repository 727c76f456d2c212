"""What a sweep costs over a large inventory in which little is due.

The due query and the decisions on what it finds are timed in turn over stores of each size, so that
what else runs here meets all of them alike. Memory is measured in a process of its own. Comparing
Vault's list with the inventory reads both from end to end: it is measured apart.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

from bench.figures import ratios, spread
from bench.stock import DUE, ENVIRONMENT, estate_world, fill, serials
from tests.contract import postgres
from tests.fakes.world import World
from trustwright.lifecycle import due
from trustwright.lifecycle.comparison import compare_with_vault
from trustwright.store import SqlRecords, open_records

ROUNDS = 15
USUAL = (10_000, 100_000)
FULL = (*USUAL, 1_000_000)
TARGET = 1.5

Urls = dict[int, str]


@dataclass(frozen=True)
class Memory:
    """What one process needed for its work.

    Attributes:
        traced: octets of Python objects at their peak, beyond those before.
        resident: octets that the process held at its peak beyond those of one that only began.
        outcome: what the work returned.
    """

    traced: int
    resident: int
    outcome: float

    def __str__(self) -> str:
        """Return both figures."""
        return f"peak {self.traced / 1e6:.2f} MB traced, {self.resident / 1e6:.1f} MB resident"


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


class Listing:
    """A Vault that lists exactly what is on record, as it would: in order and as it is asked."""

    def __init__(self, size: int) -> None:
        self._size = size

    def serials(self) -> Iterator[str]:
        """Yield the serials."""
        return serials(self._size)


def compare(world: World, records: SqlRecords, size: int) -> float:
    """Return the seconds that the comparison with Vault's list took."""
    world.ports.store = records  # type: ignore[assignment] # as above
    world.ports.through = lambda name, part: Listing(size) if name == "signer" else part
    started = perf_counter()
    seen = compare_with_vault(world.ports, ENVIRONMENT)
    if seen.found or seen.problems:
        raise AssertionError(f"{len(seen.found)} differences where there are none")
    return perf_counter() - started


def decision_alone(url: str, folder: Path, size: int) -> Memory:
    """Measure the memory of one decision in this process, which has done nothing else."""
    del size
    return memory(url, folder, decide)


def comparison_alone(url: str, folder: Path, size: int) -> Memory:
    """Measure time and memory of one comparison in this process, which has done nothing else."""
    return memory(url, folder, partial(compare, size=size))


def memory(url: str, folder: Path, work: Callable[[World, SqlRecords], float]) -> Memory:
    """Do some work twice; its memory is traced the second time, for that takes time."""
    world = estate_world(folder)
    with open_records(url) as records:
        next(records.environments.find())
        before = peak()
        outcome = work(world, records)
        resident = peak() - before
        tracemalloc.start()
        work(world, records)
        _, traced = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return Memory(traced, resident, outcome)


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
        needed = alone(decision_alone, url, folder / f"{title}-{size}", size)
        print(
            f"  {size:>11,} certificates {spread(found[size], 1):>20} ms"
            f"  ratio {spread(ratios(found[size], found[smallest]), 2)}  {needed}"
        )
    print(f"  {title}, the comparison with Vault's list, apart and once")
    for size, url in urls.items():
        needed = alone(comparison_alone, url, folder / f"{title}-{size}-compared", size)
        rate = size / needed.outcome
        print(f"  {size:>11,} certificates {needed.outcome:>18.1f} s  {rate:,.0f}/s  {needed}")


def alone(work: Callable[..., Memory], *arguments: object) -> Memory:
    """Run something in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        return processes.submit(work, *arguments).result()
