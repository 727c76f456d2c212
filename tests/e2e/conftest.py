"""The real worlds that the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.openbao import OpenBao, running
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
