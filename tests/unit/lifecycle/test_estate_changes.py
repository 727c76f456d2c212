"""The estate file changes: whatever a certificate in place does not fit any more is replaced."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    leave_request,
    raising,
    rows_of,
    twist,
)
from trustwright.errors import Rejected
from trustwright.lifecycle.consumers import Served, serve_consumers
from trustwright.ports import DeliverySet
from trustwright.x509 import parse
from trustwright.x509.keys import generate_key, key_kind
from trustwright.x509.profiles import VAULT_BACKDATE

pytestmark = pytest.mark.unit


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready."""
    bootstrap(world)
    world.clock.advance(seconds=60)
    return world


def serve(world: World, name: str) -> Served:
    """Serve one consumer, as the flow does."""
    (served,) = serve_consumers(world.ports, [consumer(world, name)])
    return served


def delivery(world: World, name: str) -> DeliverySet:
    """Return the set in a consumer's folder."""
    found = world.ports.targets[f"prod/{name}"].delivery
    assert found is not None
    return found


def certificate(world: World, name: str) -> x509.Certificate:
    """Return the certificate in a consumer's folder."""
    return parse.certificate(delivery(world, name).certificate)


def change_environment(world: World, **changes: Any) -> None:
    """Change prod in the estate file."""
    environments = dict(world.ports.estate.environments)
    environments["prod"] = environments["prod"].model_copy(update=changes)
    world.ports.estate = world.ports.estate.model_copy(update={"environments": environments})


def change_role(world: World, role: Any, **changes: Any) -> None:
    """Change one role of prod in the estate file."""
    roles = dict(world.ports.estate.environments["prod"].roles)
    roles[role] = roles[role].model_copy(update=changes)
    change_environment(world, roles=roles)


def states(world: World, name: str) -> list[str]:
    """Return the states of a consumer's certificates, oldest first."""
    return [row.state for row in rows_of(world, name)]


@pytest.mark.parametrize(
    ("name", "role", "usage", "wanted"),
    [
        ("gateway", "proxy", ("server",), {ExtendedKeyUsageOID.SERVER_AUTH}),
        (
            "billing",
            "server",
            ("server", "client"),
            {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH},
        ),
    ],
    ids=["narrowed", "widened"],
)
def test_another_usage_takes_another_certificate(
    ready: World, name: str, role: str, usage: Any, wanted: set[x509.ObjectIdentifier]
) -> None:
    """At the next run, and only once."""
    change_role(ready, role, usage=usage)
    served = bootstrap(ready)
    extended = parse.extension(certificate(ready, name), x509.ExtendedKeyUsage)
    assert served[f"prod/{name}"].changed
    assert set(extended or ()) == wanted
    assert states(ready, name) == ["superseded", "valid"]
    assert [each.changed for each in bootstrap(ready).values()] == [False] * 4


def test_another_policy_takes_other_certificates(ready: World) -> None:
    """Every consumer of the environment gets one that names it."""
    change_environment(ready, policy="1.3.6.1.4.1.32473.1.9")
    served = bootstrap(ready)
    for name in ("billing", "gateway", "collector"):
        found = parse.extension(certificate(ready, name), x509.CertificatePolicies) or ()
        assert served[f"prod/{name}"].changed
        assert [each.policy_identifier.dotted_string for each in found] == ["1.3.6.1.4.1.32473.1.9"]
        assert states(ready, name) == ["superseded", "valid"]
    assert [each.changed for each in bootstrap(ready).values()] == [False] * 4


def test_another_kind_of_key_takes_another_key(ready: World) -> None:
    """A P-256 key stays none."""
    change_role(ready, "server", key="ec-p384")
    assert bootstrap(ready)["prod/billing"].changed
    assert key_kind(certificate(ready, "billing").public_key()) == "ec-p384"
    assert not bootstrap(ready)["prod/billing"].changed


def test_a_host_is_asked_for_another_kind_of_key(ready: World) -> None:
    """Its old request is refused with the remedy; a new one is served."""
    leave_request(ready)
    assert serve(ready, "ledger").changed
    change_role(ready, "server", key="ec-p384")
    assert "[HOST-KEY]" in bootstrap(ready)["prod/ledger"].problem
    leave_request(ready, key=generate_key("ec-p384"))
    assert bootstrap(ready)["prod/ledger"].changed
    assert key_kind(certificate(ready, "ledger").public_key()) == "ec-p384"


@pytest.mark.parametrize(("hours", "changed"), [(71, True), (72, False), (96, False)])
def test_a_shorter_life_takes_another_certificate(ready: World, hours: int, changed: bool) -> None:
    """One that lives longer than its role allows is replaced; one that could live longer is not."""
    change_role(ready, "server", ttl=hours * HOUR)
    assert bootstrap(ready)["prod/billing"].changed is changed
    found = certificate(ready, "billing")
    life = found.not_valid_after_utc - found.not_valid_before_utc
    assert life.total_seconds() == min(hours, 72) * HOUR + VAULT_BACKDATE
    assert not bootstrap(ready)["prod/billing"].changed


@pytest.mark.parametrize("age", [0, HOUR, 43 * HOUR])
def test_an_unchanged_estate_replaces_nothing(ready: World, age: int) -> None:
    """Neither right after it was made nor later: no run after the first signs anything."""
    leave_request(ready)
    serve(ready, "ledger")
    ready.clock.advance(seconds=age)
    for name in ("billing", "gateway", "ledger"):
        serve(ready, name)
        assert states(ready, name) == ["valid"]


def test_a_host_that_gives_up_its_key_gets_a_managed_one(ready: World) -> None:
    """`key: host` → `key: managed`: the set holds a key that fits."""
    leave_request(ready)
    serve(ready, "ledger")
    assert delivery(ready, "ledger").key is None
    ready.clock.advance(seconds=60)
    change_consumer(ready, "ledger", key="managed")
    served = bootstrap(ready)["prod/ledger"]
    assert (served.state, served.changed) == ("delivered", True)
    assert b"PRIVATE KEY" in (delivery(ready, "ledger").key or b"")
    assert states(ready, "ledger") == ["superseded", "valid"]
    assert not bootstrap(ready)["prod/ledger"].changed


def test_a_host_that_takes_its_key_over_gets_a_set_without_one(ready: World) -> None:
    """`key: managed` → `key: host`: a certificate over the host's key, and no key file."""
    assert delivery(ready, "billing").key is not None
    change_consumer(ready, "billing", key="host")
    key = leave_request(ready, "billing")
    assert bootstrap(ready)["prod/billing"].changed
    assert delivery(ready, "billing").key is None
    assert certificate(ready, "billing").public_key() == key.public_key()
    assert states(ready, "billing") == ["superseded", "valid"]
    assert not bootstrap(ready)["prod/billing"].changed


def test_until_the_host_leaves_its_request_the_managed_set_is_kept_fresh(ready: World) -> None:
    """It waits; software goes on with the key that it has, and its CRL does not run out."""
    first = delivery(ready, "billing")
    change_consumer(ready, "billing", key="host")
    assert (serve(ready, "billing").state, serve(ready, "billing").changed) == ("waiting", False)
    ready.clock.advance(seconds=40 * HOUR)
    assert [(each.state, each.changed) for each in (serve(ready, "billing") for _ in "12")] == [
        ("waiting", True),
        ("waiting", False),
    ]
    assert delivery(ready, "billing").certificate == first.certificate
    assert delivery(ready, "billing").key == first.key
    assert delivery(ready, "billing").crl != first.crl
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    assert (row.state, row.number) == ("waiting", 2)


def test_one_that_expired_while_it_waits_is_left_alone(ready: World) -> None:
    """There is nothing to keep fresh."""
    change_consumer(ready, "billing", key="host")
    ready.clock.advance(seconds=4 * DAY)
    twist(ready.ports, {"target.deliver": raising(Rejected("nothing to deliver"))})
    assert serve(ready, "billing").state == "waiting"
