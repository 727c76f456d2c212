"""When a delivery is expected to be served, and in which order endpoints are looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap, consumer, rows_of
from trustwright.policy.endpoints import ENDPOINT_KINDS, Expected, is_settled, looking_order
from trustwright.policy.findings import kinds_of

pytestmark = pytest.mark.unit


@pytest.fixture
def expected(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """Return what billing ought to serve, delivered now; its certificate lives for three days."""
    world = World(tmp_path_factory.mktemp("world"))
    bootstrap(world)
    row = rows_of(world, "billing", environment="prod")[-1]
    return Expected(consumer(world, "billing"), row, world.clock.now())


@pytest.mark.parametrize(
    ("life", "grace"),
    [(timedelta(days=3), timedelta(minutes=5)), (timedelta(seconds=60), timedelta(seconds=6))],
)
def test_a_short_certificate_has_less_time(
    expected: Expected, life: timedelta, grace: timedelta
) -> None:
    """Five minutes, or a tenth of the certificate's life where that is shorter."""
    row = expected.certificate.model_copy(
        update={"not_after": expected.certificate.not_before + life}
    )
    facts = Expected(expected.consumer, row, expected.since)
    assert not is_settled(facts, expected.since + grace - timedelta(seconds=1))
    assert is_settled(facts, expected.since + grace)


def test_the_order_changes_with_the_hour(expected: Expected) -> None:
    """Everybody is looked at first at some time; within an hour the order stays."""
    all_of_them = [
        expected.consumer.model_copy(update={"name": name}) for name in ("a", "b", "c", "d")
    ]
    hours = [expected.since + timedelta(hours=number) for number in range(48)]
    assert {looking_order(all_of_them, at)[0].name for at in hours} == {"a", "b", "c", "d"}
    for at in hours:
        order = looking_order(all_of_them, at)
        assert looking_order(list(reversed(all_of_them)), at) == order
        assert sorted(each.name for each in order) == ["a", "b", "c", "d"]


def test_the_catalogue_has_what_endpoints_are_judged_by() -> None:
    """A sweep closes the findings of these kinds, and knows no other of its part."""
    assert kinds_of("endpoints") == ENDPOINT_KINDS
