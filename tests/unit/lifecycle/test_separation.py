"""The proof of separation catches what must not be."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, leave_request, lines_of
from trustwright.errors import VerificationError
from trustwright.lifecycle.separation import prove_separation
from trustwright.model.records import IssuerRecord

pytestmark = pytest.mark.unit


@pytest.fixture
def both(world: World) -> World:
    """Return a world in which both environments are ready."""
    leave_request(world)
    bootstrap(world, "test")
    bootstrap(world, "prod")
    return world


def issuer(world: World, name: str) -> IssuerRecord:
    """Return an environment's issuer."""
    found = world.ports.store.issuers.get(f"{name}-g1")
    assert found is not None
    return found


def swap_anchor(world: World, name: str, anchor: str | None) -> None:
    """Put another certificate where the anchor stands."""
    world.ports.store.issuers.replace(issuer(world, name), anchor=anchor)


def test_every_certificate_is_judged_under_every_anchor(both: World) -> None:
    """Own ones accepted, foreign ones refused, and the audit counts them."""
    judgements = prove_separation(both.ports, "prod")
    assert Counter((each.anchors_of, each.accepted) for each in judgements) == {
        ("prod", True): 4,
        ("test", False): 4,
    }
    assert all(each.expected == each.accepted for each in judgements)
    lines = [each.detail for each in lines_of(both, "trustwright.separation.proven")]
    assert "8 judgements" in lines


def test_an_environment_alone_is_judged_under_its_own_anchor(world: World) -> None:
    """There is no other one yet."""
    bootstrap(world)
    assert {each.anchors_of for each in prove_separation(world.ports, "prod")} == {"prod"}


@pytest.mark.parametrize("wrong", ["root", "own"])
def test_an_anchor_that_opens_the_boundary_is_caught(both: World, wrong: str) -> None:
    """With the root, or this environment's anchor, as the other's anchor, all are accepted."""
    anchor = both.root.pem if wrong == "root" else issuer(both, "prod").anchor
    swap_anchor(both, "test", anchor)
    with pytest.raises(VerificationError, match="accepted under the anchors of test") as caught:
        prove_separation(both.ports, "prod")
    assert (caught.value.rule, caught.value.where) == ("SEPARATION", "prod")


def test_an_anchor_that_shuts_the_own_ones_out_is_caught(both: World) -> None:
    """The other environment's anchor in place of the own one."""
    swap_anchor(both, "prod", issuer(both, "test").anchor)
    swap_anchor(both, "test", None)
    both.ports.store.issuers.replace(issuer(both, "test"), state="retired")
    with pytest.raises(VerificationError, match="refused under the anchors of prod") as caught:
        prove_separation(both.ports, "prod")
    assert caught.value.rule == "SEPARATION"


def test_an_environment_whose_anchor_is_still_to_come(both: World) -> None:
    """The other one is being bootstrapped at this moment: imported, no anchor yet."""
    swap_anchor(both, "test", None)
    assert {each.anchors_of for each in prove_separation(both.ports, "prod")} == {"prod"}


def test_a_retired_anchor_is_in_no_bundle_and_judges_nothing(both: World) -> None:
    """Only anchors that are delivered count."""
    both.ports.store.issuers.replace(issuer(both, "test"), state="retired")
    assert {each.anchors_of for each in prove_separation(both.ports, "prod")} == {"prod"}


def test_a_role_that_left_the_estate_is_still_judged(both: World) -> None:
    """What a certificate is for stands in the certificate."""
    prod = both.ports.estate.environments["prod"]
    roles = {name: role for name, role in prod.roles.items() if name != "agent"}
    changed = {**both.ports.estate.environments, "prod": prod.model_copy(update={"roles": roles})}
    both.ports.estate = both.ports.estate.model_copy(update={"environments": changed})
    judged = {each.certificate for each in prove_separation(both.ports, "prod")}
    assert "collector (agent)" in judged
