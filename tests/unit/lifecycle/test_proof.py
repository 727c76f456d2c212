"""The probe that proves an issuer, in environments with all kinds of roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, rows_of
from trustwright.lifecycle import proof
from trustwright.lifecycle.environments import record_of
from trustwright.model.estate import RoleName
from trustwright.model.profile import Usage
from trustwright.x509.path import path_holds

pytestmark = pytest.mark.unit


def world_of(folder: Path, role: RoleName, usage: tuple[Usage, ...]) -> World:
    """Return a world whose prod has one role only."""
    world = World(folder)
    estate = world.ports.estate
    prod = estate.environments["prod"]
    alone = prod.roles[role].model_copy(update={"usage": usage})
    world.ports.estate = estate.model_copy(
        update={
            "environments": {"prod": prod.model_copy(update={"roles": {role: alone}})},
            "consumers": (),
        }
    )
    return world


@pytest.mark.parametrize(
    ("role", "usage"),
    [
        ("server", ("server",)),
        ("server", ("client", "server")),
        ("proxy", ("client", "server")),
        ("agent", ("client",)),
        ("admin", ("client",)),
    ],
)
def test_an_issuer_is_proven_through_whatever_role_there_is(
    tmp_path: Path, role: RoleName, usage: tuple[Usage, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client's name is compared with nothing, so only a server's probe is tried under another."""
    world, tried = world_of(tmp_path, role, usage), []

    def noted(*paths: Any, name: str | None, **facts: Any) -> bool:
        tried.append((facts["usage"], name))
        return path_holds(*paths, name=name, **facts)

    monkeypatch.setattr(proof, "path_holds", noted)
    bootstrap(world)
    canary = f"not-trustwright-canary.{world.ports.estate.environments['prod'].domain}"
    assert tried == ([("server", canary)] if "server" in usage else [])
    (probe,) = rows_of(world, "trustwright-canary")
    assert (probe.role, probe.state) == (role, "revoked")
    assert record_of(world.ports, "prod").phase == "ready"
