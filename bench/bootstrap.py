"""Bootstrapping an environment, beside the Vault calls that this takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, process_time
from unittest.mock import patch

import requests

from bench.figures import spread
from bench.world import ENVIRONMENT, new_world, openbao
from tests.e2e.real import RealWorld

RUNS = 7


@dataclass(frozen=True)
class Run:
    """One bootstrap.

    Attributes:
        wall: seconds from claim to release, the root's answer included.
        cpu: seconds of this process's CPU in that time; the rest waits for Vault and the disk.
        calls: seconds of each HTTP request, from handing it over to the last octet of the reply;
            a new connection's TLS handshake is part of its first request.
    """

    wall: float
    cpu: float
    calls: list[float]

    @property
    def ratio(self) -> float:
        """Wall time over the sum of the calls; 1 would be a bootstrap that only calls."""
        return self.wall / sum(self.calls)


@contextmanager
def timed_calls() -> Iterator[list[float]]:
    """Time every request that this process sends through `requests`, as hvac does."""
    send, calls = requests.Session.send, list[float]()

    def timed(
        session: requests.Session, request: requests.PreparedRequest, **options: object
    ) -> requests.Response:
        started = perf_counter()
        try:
            return send(session, request, **options)  # type: ignore[arg-type]
        finally:
            calls.append(perf_counter() - started)

    with patch.object(requests.Session, "send", timed):
        yield calls


def measured(world: RealWorld) -> Run:
    """Bootstrap one environment of a new world and return what it took."""
    with timed_calls() as calls:
        started, cpu = perf_counter(), process_time()
        world.bootstrap(ENVIRONMENT)
        return Run(perf_counter() - started, process_time() - cpu, calls)


def report() -> None:
    """Print wall time, calls and their ratio over `RUNS` bootstraps, each in a new world."""
    with openbao() as server:
        measured(new_world(server, "warm"))
        runs = [measured(new_world(server, f"run-{number}")) for number in range(RUNS)]
    print(f"bootstrap of one environment, median of {RUNS} (lowest-highest)")
    print("  OpenBao in memory, audited, TLS; SQLite and consumers' folders on disk")
    print(f"  wall time         {spread([run.wall for run in runs], 3)} s")
    print(f"  Vault calls       {spread([len(run.calls) for run in runs])}")
    print(f"  their sum         {spread([sum(run.calls) for run in runs], 3)} s")
    print(f"  wall time / sum   {spread([run.ratio for run in runs], 2)}")
    print(f"  our own CPU       {spread([run.cpu for run in runs], 3)} s, part of both")
