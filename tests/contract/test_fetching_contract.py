"""What preparing makes for consumers that fetch their sets, in a real OpenBao."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.hosts import (
    HostSecret,
    host,
    prepare,
    surplus,
    unwrapped,
    withdraw,
)
from tests.contract.openbao import OpenBao
from tests.contract.vaults import ORGANIZATION, FreshEnvironment, Place
from tests.fakes.clock import HeldClock
from tests.unit.delivery.material import consumer, pki
from trustwright.delivery.kv import KvTarget
from trustwright.errors import ConfigurationError, Denied, Rejected
from trustwright.model.plan import Change
from trustwright.vault import connect
from trustwright.vault.client import Connection

pytestmark = pytest.mark.contract

BILLING = consumer()
SHOP = consumer("shop", key="managed")
MOUNT = "trustwright-delivery"


@pytest.fixture
def place(fresh_environment: FreshEnvironment) -> Place:
    """An environment without such consumers."""
    return fresh_environment("test")


def test_an_environment_without_such_consumers_gets_nothing(place: Place, openbao: OpenBao) -> None:
    """Preparing changes nothing, and there is no mount."""
    namespace = place.environment.vault.namespace

    assert prepare(place) == ()
    assert openbao.operator().find(f"{namespace}/sys/mounts/{MOUNT}") is None


def test_preparing_says_what_it_made_and_is_done_once(place: Place) -> None:
    """One phrase each; the second time nothing."""
    phrases = prepare(place, BILLING, SHOP)

    assert phrases[:3] == (
        f"mount {MOUNT} made",
        f"mount {MOUNT} keeps one version: max_versions",
        "login of consumers made",
    )
    assert phrases[3:] == tuple(
        phrase
        for name in ("billing", "shop")
        for phrase in (
            f"policy of consumer {name} written",
            f"path of consumer {name} made",
            f"login of consumer {name} bound",
        )
    )
    assert prepare(place, BILLING, SHOP) == ()


def test_a_leaver_loses_everything_when_a_person_approved(place: Place, openbao: OpenBao) -> None:
    """At once: the token that its host still holds reads nothing more."""
    prepare(place, BILLING, SHOP)
    deliver(place)
    leaver = host(place, BILLING)
    leaver.write(f"{MOUNT}/data/billing/request", {"data": {"csr": "x"}})

    assert prepare(place, SHOP) == ()
    assert leaver.read(f"{MOUNT}/data/billing/set")
    assert surplus(place, SHOP) == [
        "test/vault/sys/policies/acl/trustwright-consumer-billing",
        "test/vault/auth/approle-consumers/role/consumer-billing",
        f"test/vault/{MOUNT}/metadata/billing/set",
        f"test/vault/{MOUNT}/metadata/billing/request",
    ]
    assert withdraw(place, SHOP) == (
        "policy trustwright-consumer-billing removed",
        "login approle-consumers/consumer-billing removed",
        "set of consumer billing removed",
        "request of consumer billing removed",
    )
    with pytest.raises(Denied):
        leaver.read(f"{MOUNT}/data/billing/set")
    operator, namespace = openbao.operator(), place.environment.vault.namespace
    assert operator.listing(f"{namespace}/{MOUNT}/metadata")["keys"] == ["shop/"]
    with pytest.raises(Rejected) as error:
        place.provisioner.enrol(place.environment, BILLING, replace=True)
    assert error.value.rule == "VAULT-ABSENT"
    assert surplus(place, SHOP) == []


def test_the_last_leaver_is_a_leaver(place: Place) -> None:
    """The mount stays, and nothing of a consumer in it."""
    prepare(place, BILLING)

    assert "login approle-consumers/consumer-billing removed" in withdraw(place)
    assert (prepare(place), surplus(place)) == ((), [])


def test_a_plan_names_what_is_to_be_made_and_makes_nothing(place: Place) -> None:
    """For the first consumer of an environment: mount, settings, login, policy, path."""
    for _ in range(2):
        plan = place.provisioner.plan("test", place.environment, ORGANIZATION, place.uris, (SHOP,))
        assert [(each.address, each.action) for each in plan if isinstance(each, Change)] == [
            (f"test/vault/sys/mounts/{MOUNT}", "create"),
            (f"test/vault/{MOUNT}/config", "create"),
            ("test/vault/sys/auth/approle-consumers", "create"),
            ("test/vault/sys/policies/acl/trustwright-consumer-shop", "create"),
            (f"test/vault/{MOUNT}/metadata/shop/set", "create"),
            ("test/vault/auth/approle-consumers/role/consumer-shop", "create"),
        ]


def test_a_host_that_gives_its_key_away_writes_no_request_more(place: Place) -> None:
    """``key: managed``: nobody would read it."""
    prepare(place, BILLING)
    connection = host(place, BILLING)
    connection.write(f"{MOUNT}/data/billing/request", {"data": {"csr": "x"}})

    assert prepare(place, consumer(key="managed")) == (
        "policy of consumer billing written: policy",
    )
    with pytest.raises(Denied):
        connection.write(f"{MOUNT}/data/billing/request", {"data": {"csr": "y"}})


def test_what_a_hand_changed_is_put_back(place: Place, openbao: OpenBao) -> None:
    """A wider policy, a longer token, versions that are kept."""
    prepare(place, BILLING)
    operator, namespace = openbao.operator(), place.environment.vault.namespace
    for path, body in (
        ("sys/policies/acl/trustwright-consumer-billing", {"policy": 'path "*" {}'}),
        ("auth/approle-consumers/role/consumer-billing", {"token_ttl": 86400, "token_max_ttl": 0}),
        (f"{MOUNT}/config", {"max_versions": 9}),
        (f"{MOUNT}/metadata/billing/set", {"cas_required": False}),
    ):
        operator.write(f"{namespace}/{path}", body)

    assert prepare(place, BILLING) == (
        f"mount {MOUNT} keeps one version: max_versions",
        "policy of consumer billing written: policy",
        "path of consumer billing made: cas_required",
        "login of consumer billing bound: token_max_ttl, token_ttl",
    )


@pytest.mark.parametrize(
    ("sources", "opens"),
    [
        (["127.0.0.0/8"], True),
        (["10.0.0.0/8", "127.0.0.1/32"], True),
        (["10.0.0.0/8"], False),
        (["2001:db8::/64", "2001:db8::1/128"], False),
    ],
)
def test_a_host_logs_in_from_where_the_estate_says(
    place: Place, sources: list[str], *, opens: bool
) -> None:
    """And preparing again finds the networks as they were written."""
    bound = consumer(deliver={"vault_kv": {"sources": sources}})
    prepare(place, bound)
    connection = host(place, bound)

    assert prepare(place, bound) == ()
    if opens:
        assert connection.token()
    else:
        with pytest.raises(Denied):
            connection.token()


def test_a_wrapped_secret_is_unwrapped_once(place: Place) -> None:
    """Whoever comes second is told so: somebody else has it."""
    prepare(place, BILLING)
    login = place.provisioner.enrol(place.environment, BILLING, replace=False)
    unwrapped(place, login)

    with pytest.raises(AssertionError, match="wrapping token is not valid"):
        unwrapped(place, login)
    assert login.wrapped not in repr(login)


def test_replacing_withdraws_every_former_login(place: Place) -> None:
    """Hosts of one consumer live side by side until then."""
    prepare(place, BILLING)
    former = [secret(place), secret(place)]
    assert all(logged_in(place, each).token() for each in former)

    new = unwrapped(place, place.provisioner.enrol(place.environment, BILLING, replace=True))
    for each in former:
        with pytest.raises(Denied):
            logged_in(place, each).token()
    assert logged_in(place, new).token()
    assert prepare(place, BILLING) == ()


def test_a_superseded_set_cannot_be_read(place: Place, openbao: OpenBao) -> None:
    """Not even by the server's operator, by its number."""
    prepare(place, BILLING)
    path = f"{place.environment.vault.namespace}/{MOUNT}/data/billing/set"
    operator = openbao.operator()
    deliver(place)
    assert operator.read(path, {"version": "1"})
    deliver(place)

    assert operator.read(path, {"version": "1"}) is None
    assert operator.read(path, {"version": "2"})


@pytest.mark.parametrize("engine", [{"type": "kv"}, {"type": "transit"}])
def test_something_else_is_mounted_there(
    place: Place, openbao: OpenBao, engine: dict[str, Any]
) -> None:
    """A KV engine without versions, or none: nothing is written into it."""
    namespace = place.environment.vault.namespace
    openbao.operator().write(f"{namespace}/sys/mounts/{MOUNT}", engine)
    with pytest.raises(ConfigurationError) as error:
        prepare(place, BILLING)

    assert error.value.rule == "VAULT-MOUNT"


def test_a_delivery_before_the_preparation_says_what_is_missing(place: Place) -> None:
    """The mount is not there yet."""
    with pytest.raises(Rejected) as error:
        deliver(place)

    assert error.value.rule == "VAULT-ABSENT"


def deliver(place: Place) -> None:
    """Write the next set of billing."""
    target = KvTarget(connect.secrets("test", place.environment), BILLING, HeldClock())
    target.ready(with_key=True)
    target.deliver(pki().delivery(), expected=target.observed())


def secret(place: Place) -> HostSecret:
    """A new login of billing."""
    login = place.provisioner.enrol(place.environment, BILLING, replace=False)
    return unwrapped(place, login)


def logged_in(place: Place, login: HostSecret) -> Connection:
    """A connection with this login."""
    vault = place.environment.vault
    return Connection(vault.address, login, namespace=vault.namespace, ca=vault.ca)
