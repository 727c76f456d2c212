"""Names that several parts must agree on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.world import World
from trustwright.lifecycle.consumers import consumer_named
from trustwright.policy.naming import (
    canary_name,
    consumer_key,
    issuer_name,
    probe_role,
    slot,
    workload_uri,
    workload_uris,
)

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


def test_each_role_has_the_uris_of_its_consumers(tmp_path: Path) -> None:
    """Those of the estate and the probe's, exactly; none of another environment."""
    estate = World(tmp_path).ports.estate
    base = "spiffe://prod.example.internal"
    assert workload_uris(estate, "prod") == {
        "server": tuple(
            f"{base}/server/{name}" for name in ("billing", "ledger", "trustwright-canary")
        ),
        "admin": (f"{base}/admin/alice",),
        "proxy": (f"{base}/proxy/gateway",),
        "agent": (f"{base}/agent/collector",),
    }


def test_a_role_without_consumers_has_no_uri(tmp_path: Path) -> None:
    """The probe goes through another role where there is no server."""
    estate = World(tmp_path).ports.estate
    prod = estate.environments["prod"]
    roles = {name: role for name, role in prod.roles.items() if name in {"admin", "agent"}}
    fewer = prod.model_copy(update={"roles": roles})
    estate = estate.model_copy(update={"environments": {"prod": fewer}, "consumers": ()})
    assert (probe_role(fewer), canary_name(fewer)) == (
        "admin",
        "trustwright-canary.prod.example.internal",
    )
    assert workload_uris(estate, "prod") == {
        "admin": ("spiffe://prod.example.internal/admin/trustwright-canary",),
        "agent": (),
    }
