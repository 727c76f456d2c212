"""An anchor is delivered only while the root has not revoked its intermediate."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.fakes.root import TestRoot
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import DAY, bootstrap, change_consumer, consumer
from trustwright.errors import VerificationError
from trustwright.lifecycle.consumers import Served, serve_consumers
from trustwright.lifecycle.rootcrl import newest_root_crl
from trustwright.model.ceremony import Response
from trustwright.x509 import parse
from trustwright.x509.crl import Revoked, build_crl, crl_number

pytestmark = pytest.mark.unit


def serve(world: World, name: str = "billing", environment: str = "prod") -> Served:
    """Serve one consumer."""
    (served,) = serve_consumers(world.ports, [consumer(world, name, environment)])
    return served


def revoke_at_root(world: World, name: str = "prod") -> None:
    """Have the root list an environment's intermediate in every CRL from now on."""
    issuer = world.ports.store.issuers.get(f"{name}-g1")
    assert issuer is not None
    serial = parse.certificate(issuer.certificate or "").serial_number
    world.root.revoked = [Revoked(serial, world.clock.now() - timedelta(hours=1), "ca_compromise")]


def test_no_anchor_of_a_revoked_intermediate_is_delivered(world: World) -> None:
    """The list came with another environment's response; what is in place is left alone."""
    bootstrap(world, "prod")
    held = world.ports.targets["prod/billing"].delivery
    revoke_at_root(world)
    bootstrap(world, "test")
    served = serve(world)
    assert (served.state, "[ANCHOR-REVOKED]" in served.problem) == ("failed", True)
    assert served.problem.startswith("prod-g1: the root has revoked the intermediate prod-g1")
    assert served.problem.count("\n") == 0
    assert world.ports.targets["prod/billing"].delivery == held
    assert not serve(world, "billing", "test").problem


def test_whoever_trusts_it_is_refused_as_well(world: World) -> None:
    """Another environment's consumer gets no set with that anchor in it."""
    bootstrap(world, "prod")
    change_consumer(world, "billing", "test", trusts=("test", "prod"))
    revoke_at_root(world)
    bootstrap(world, "test")
    assert "[ANCHOR-REVOKED]" in serve(world, "billing", "test").problem
    assert "test/billing" not in [
        key for key, target in world.ports.targets.items() if target.delivery is not None
    ]


def test_the_highest_number_counts(world: World) -> None:
    """Whichever response brought it, and also when its time is over."""
    assert newest_root_crl(world.ports) is None
    bootstrap(world, "prod")
    bootstrap(world, "test")
    newest = newest_root_crl(world.ports)
    assert newest is not None
    assert crl_number(newest) == 2
    world.clock.advance(seconds=400 * DAY)
    assert newest_root_crl(world.ports) == newest


def tampered(world: World, root: TestRoot, pinned: str) -> None:
    """Write a CRL of another root, with a higher number, into an accepted response."""
    row = next(world.ports.store.ceremonies.find(environment="prod", state="accepted"))
    crl = build_crl(
        issuer_key=root.key,
        issuer=root.certificate,
        number=99,
        this_update=world.clock.now() - timedelta(hours=1),
        next_update=world.clock.now() + timedelta(days=1),
        revoked=[],
    )
    members = json.loads(row.response or "") | {"root_crl": parse.pem(crl), "root": pinned}
    response = Response.parse(json.dumps(members).encode())
    world.ports.store.ceremonies.replace(row, response=response.canonical().decode())


def test_a_list_that_the_root_did_not_sign_is_noticed(world: World) -> None:
    """Somebody wrote into the store to hide a revocation: nothing is delivered on it."""
    bootstrap(world, "prod")
    tampered(world, TestRoot(world.clock.now()), world.root.fingerprint)
    with pytest.raises(VerificationError) as noticed:
        newest_root_crl(world.ports)
    assert noticed.value.rule in {"CRL-AKI", "CRL-SIGNATURE"}
    assert serve(world).state == "failed"


def test_a_root_that_was_pinned_before_says_nothing(world: World) -> None:
    """Its lists are about its own certificates."""
    bootstrap(world, "prod")
    stranger = TestRoot(world.clock.now())
    tampered(world, stranger, stranger.fingerprint)
    assert newest_root_crl(world.ports) is None
    assert serve(world).state == "delivered"
