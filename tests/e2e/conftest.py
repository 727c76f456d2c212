"""The real worlds that the end-to-end tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.openbao import OpenBao, running
from tests.e2e.chat import Chat, listening
from tests.e2e.machine import Machine
from tests.e2e.real import RealWorld


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """One OpenBao for the session."""
    with running(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session")
def two_environments(openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory) -> RealWorld:
    """Test and prod, bootstrapped, every consumer served."""
    world = RealWorld(openbao, tmp_path_factory.mktemp("world"), "shared")
    for name in ("test", "prod"):
        world.leave_host_request(name, "ledger")
        world.bootstrap(name)
    return world


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return an offline machine without a root."""
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place with a root, to be copied: opening a root costs a second."""
    return Machine(tmp_path_factory.mktemp("founded")).with_root().place


@pytest.fixture
def ready(founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return an offline machine with a root."""
    shutil.copytree(founded / "root", tmp_path / "root")
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    """A channel that listens."""
    with listening() as made:
        yield made
