"""The deadlines of an estate follow its record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.world import World, run_bootstrap
from trustwright.errors import VerificationError
from trustwright.lifecycle import environments, preparation
from trustwright.lifecycle.deadlines import deadlines
from trustwright.lifecycle.requests import request_intermediate
from trustwright.x509 import parse

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world in which nothing is begun."""
    return World(tmp_path)


def kinds(world: World) -> list[tuple[str, str]]:
    """Return kind and environment of each deadline."""
    return [(each.kind, each.environment) for each in deadlines(world.ports)]


def test_before_anything_is_begun_only_the_root_counts(world: World) -> None:
    """There is nothing else that could end."""
    assert kinds(world) == [("root-horizon", ""), ("root-expiry", "")]


def test_a_pending_request_is_the_nearest(world: World) -> None:
    """It runs out within days, everything else within years."""
    environments.claim(world.ports, "prod", world.ports.actor)
    preparation.prepare_environment(world.ports, "prod")
    ceremony = request_intermediate(world.ports, "prod")
    first = deadlines(world.ports)[0]
    assert (first.kind, first.subject, first.at) == ("ceremony", ceremony.id[:12], ceremony.expires)


def test_an_issuing_intermediate_brings_its_own_and_the_roots_list(world: World) -> None:
    """The list came with the response."""
    run_bootstrap(world.ports, "prod", world.answer)
    found = {each.kind: each for each in deadlines(world.ports)}
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    end = parse.certificate(issuer.certificate or "").not_valid_after_utc
    assert found["issuer-expiry"].at == end
    assert found["rotation"].at == end - timedelta(hours=72) - timedelta(days=14)
    assert found["root-crl"].subject == "root"
    assert "ceremony" not in found
    moments = [each.at for each in deadlines(world.ports)]
    assert moments == sorted(moments)


def test_a_generation_that_was_given_up_has_none(world: World) -> None:
    """Nothing hangs on it."""
    run_bootstrap(world.ports, "prod", world.answer)
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    world.ports.store.issuers.replace(issuer, state="abandoned")
    assert not {kind for kind, _ in kinds(world)} & {"rotation", "horizon", "issuer-expiry"}


def test_a_proven_successor_leaves_its_end_to_the_predecessor(world: World) -> None:
    """It is to be rotated once, not twice."""
    run_bootstrap(world.ports, "prod", world.answer)
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    later = issuer.model_copy(update={"id": "prod-g2", "generation": 2, "version": 0})
    world.ports.store.issuers.insert(later)
    found = [(each.kind, each.subject) for each in deadlines(world.ports) if each.environment]
    assert sorted(found) == [
        ("horizon", "prod-g2"),
        ("issuer-expiry", "prod-g1"),
        ("issuer-expiry", "prod-g2"),
        ("rotation", "prod-g2"),
    ]


def test_a_list_of_another_root_in_the_store_is_refused(world: World, tmp_path: Path) -> None:
    """It is signed by another key than the pinned one: somebody wrote into the store."""
    run_bootstrap(world.ports, "prod", world.answer)
    stranger = World(tmp_path / "other")
    world.ports.root_certificate = stranger.root.pem
    with pytest.raises(VerificationError):
        deadlines(world.ports)
