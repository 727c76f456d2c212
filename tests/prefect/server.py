"""A real Prefect server with a runner, on ephemeral ports, ended by their process identifiers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ports import free_port
from trustwright.embedded.folder import Folder
from trustwright.embedded.part import Part
from trustwright.embedded.prefect_server import password, prefect_server
from trustwright.embedded.process import Process
from trustwright.embedded.runner import runner
from trustwright.embedded.starting import Starting
from trustwright.embedded.state import Ports, StackState
from trustwright.prefect_api import PrefectApi

SERVED = "tests.prefect.served"
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class PrefectServer:
    """A running server.

    Attributes:
        auth: ``user:password``.
    """

    url: str
    auth: str = field(repr=False)
    folder: Folder
    api: PrefectApi


@contextmanager
def importable() -> Iterator[None]:
    """Let processes that are started import the repository, installed or not."""
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        yield


@contextmanager
def serving(home: Path, module: str) -> Iterator[PrefectServer]:
    """Run a server over `home` and the runner of ``python -m module`` while the block runs."""
    folder = Folder(home)
    folder.create()
    state = StackState.fresh(Ports(prefect=free_port()))
    parts = (prefect_server(folder, state), runner(folder, state, module))
    running: dict[str, Process] = {}
    with importable():
        try:
            _start(parts, running)
            api = PrefectApi(state.prefect_api, password(folder))
            yield PrefectServer(state.prefect_api, password(folder), folder, api)
        finally:
            for part in reversed(parts):
                part.stop(running.get(part.name))


def _start(parts: tuple[Part, ...], running: dict[str, Process]) -> None:
    starting = Starting(parts, running)
    for part in parts:
        starting.await_ready(part.needs)
        part.prepare()
        running[part.name] = part.start()
    starting.await_ready(list(running))


@pytest.fixture(scope="session", name="prefect_server")
def _prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Return a server that serves `tests.prefect.served` for the whole session."""
    with serving(tmp_path_factory.mktemp("prefect"), SERVED) as server:
        yield server
