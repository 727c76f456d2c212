"""What the benchmarks stand on: a real OpenBao, its audit log on, in a folder that goes away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.openbao import OpenBao, running
from tests.e2e.real import RealWorld

ENVIRONMENT = "test"
HOST_KEYED = [("test", "ledger"), ("prod", "ledger")]


@contextmanager
def openbao() -> Iterator[OpenBao]:
    """Run a server until the block is left; its folder and what lies in it goes with it."""
    folder = tempfile.TemporaryDirectory(prefix="trustwright-bench-")
    with folder, running(Path(folder.name)) as server:
        yield server


def new_world(server: OpenBao, suffix: str) -> RealWorld:
    """Return an estate with namespaces, store, root and folders of its own, none bootstrapped."""
    folder = server.folder / f"world-{suffix}"
    folder.mkdir()
    world = RealWorld(server, folder, suffix)
    for environment, consumer in HOST_KEYED:
        world.leave_host_request(environment, consumer)
    return world
