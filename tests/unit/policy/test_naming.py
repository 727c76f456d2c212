"""Names that several parts must agree on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.world import World
from trustwright.lifecycle.consumers import consumer_named
from trustwright.policy.naming import consumer_key, issuer_name, slot, workload_uri

pytestmark = pytest.mark.unit


def test_names(tmp_path: Path) -> None:
    """Issuer, consumer, slot and workload, as the store and Vault's roles write them."""
    world = World(tmp_path)
    consumer = consumer_named(world.ports, "prod", "billing")
    prod = world.ports.estate.environments["prod"]
    assert issuer_name("prod", 2) == "prod-g2"
    assert consumer_key(consumer) == "prod/billing"
    assert slot("consumer", "prod", "billing") == "consumer/prod/billing"
    assert (
        workload_uri(prod, "server", "billing") == "spiffe://prod.example.internal/server/billing"
    )


def test_slots_of_different_purposes_differ() -> None:
    """A service, an admin and a probe of one name do not wait for each other."""
    slots = {slot(purpose, "prod", "x") for purpose in ("consumer", "admin", "probe")}
    assert len(slots) == 3
