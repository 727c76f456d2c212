"""A plan names every kind of difference, and looking changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes.mortal import Mortal
from tests.fakes.vault import FakeIssuer
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    HOUR,
    bootstrap,
    change_consumer,
    dump,
    leave_request,
    raising,
    reach_gate,
    twist,
)
from trustwright.errors import (
    ConfigurationError,
    Denied,
    Rejected,
    TrustwrightError,
    Unavailable,
)
from trustwright.lifecycle.planning import forgotten_environments, plan_environment
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.model.estate import Estate
from trustwright.model.plan import Change, EnvironmentPlan, Member, Remark

pytestmark = pytest.mark.unit

READS = frozenset(
    {
        "alive",
        "find",
        "get",
        "host_request",
        "issuers",
        "keys",
        "observed",
        "plan",
        "probe",
    }
)
"""Calls through a port that change nothing."""


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose host has left its request."""
    leave_request(world)
    bootstrap(world)
    return world


def plan(world: World, name: str = "prod") -> EnvironmentPlan:
    """Plan an environment; no call that changes anything may happen on the way."""
    before = dump(world.ports.store)
    found = plan_environment(world.ports, name)
    assert dump(world.ports.store) == before
    return found


def signs(found: EnvironmentPlan) -> list[str]:
    """Return action and address of each change."""
    return [f"{each.action} {each.address}" for each in found.changes]


def drop_consumer(world: World, *names: str) -> None:
    """Take consumers of prod out of the estate file."""
    whole = world.ports.estate
    kept = tuple(
        each for each in whole.consumers if each.environment != "prod" or each.name not in names
    )
    world.ports.estate = whole.model_copy(update={"consumers": kept})


def test_a_fresh_world_lacks_everything(world: World) -> None:
    """Mount and roles, the intermediate, every consumer with certificate and set."""
    found = plan(world)
    assert (found.phase, found.bootstraps) == ("planned", True)
    assert signs(found) == [
        "create prod/vault/sys/mounts/pki",
        *(f"create prod/vault/roles/{role}" for role in ("server", "admin", "proxy", "agent")),
        "create prod/intermediate",
        *(
            f"create prod/{part}/{name}"
            for name in ("billing", "collector", "gateway")
            for part in ("consumers", "certificates", "sets")
        ),
        "create prod/consumers/ledger",
    ]
    assert [(each.kind, each.address) for each in found.remarks] == [("waits", "prod/sets/ledger")]
    assert not found.destructive


def test_a_bootstrapped_environment_differs_in_nothing(ready: World) -> None:
    """Nor does it after a while; the host that has served itself is not waited for."""
    for _ in range(3):
        assert plan(ready) == EnvironmentPlan("prod", "ready")
        ready.clock.advance(seconds=7 * HOUR)


def test_looking_calls_nothing_that_changes_anything(ready: World) -> None:
    """Neither in the server nor in the record, at a target, in the chat or in Prefect."""
    change_consumer(ready, "billing", names=("other.prod.example.internal",))
    drop_consumer(ready, "gateway")
    for name in ("prod", "test"):
        ready.ports.through = calls = Mortal()
        plan_environment(ready.ports, name)
        assert {call.rpartition(".")[2] for call in calls.calls} <= READS
        assert len(calls.calls) > 5


def test_an_environment_at_the_gate_is_still_to_be_bootstrapped(world: World) -> None:
    """What is there already is not named again."""
    reach_gate(world)
    found = plan(world)
    assert found.phase == "requested"
    assert signs(found)[0] == "create prod/intermediate"
    assert found.changes[0].why == (
        "the environment is requested: its bootstrap goes through the signing gate",
    )


def test_a_role_that_is_not_the_estates_is_named_by_the_provisioner(ready: World) -> None:
    """One that nobody asks for can only be removed by name."""
    ready.ports.vault.mounts["prod"].surplus = {"wide"}
    ready.ports.vault.mounts["prod"].uris = {}
    found = plan(ready)
    assert signs(found) == [
        *(f"update prod/vault/roles/{role}" for role in ("admin", "agent", "proxy", "server")),
        "delete prod/vault/roles/wide",
    ]
    assert [each.address for each in found.destructive] == ["prod/vault/roles/wide"]


Disturb = Callable[[World], None]


def _other_names(world: World) -> None:
    change_consumer(world, "billing", names=("pay.prod.example.internal",))


def _due(world: World) -> None:
    world.clock.advance(seconds=49 * HOUR)


def _revoked(world: World) -> None:
    (row,) = world.ports.store.certificates.find(subject="billing", state="valid")
    revoke_certificate(world.ports, row, "by hand")


def _exposed(world: World) -> None:
    world.ports.targets["prod/billing"].disturb(exposed=True, drift="key.pem is 0644")


def _lost(world: World) -> None:
    world.ports.targets["prod/billing"].lose()


def _drifted(world: World) -> None:
    world.ports.targets["prod/billing"].disturb(drift="cert.pem is 0666, not 0644")


def _other_anchors(world: World) -> None:
    world.ports.targets["prod/billing"].disturb(trust="0" * 64)


def _old_crl(world: World) -> None:
    world.ports.targets["prod/billing"].disturb(crl_due=world.clock.now())


def _other_key_holder(world: World) -> None:
    world.ports.targets["prod/billing"].disturb(with_key=False)


@pytest.mark.parametrize(
    ("disturb", "wanted", "why"),
    [
        (_other_names, ["update prod/certificates/billing"], "ORDER-"),
        (_revoked, ["update prod/certificates/billing"], "is not valid in the record"),
        (_exposed, ["update prod/certificates/billing"], "others could read its key"),
        (_other_key_holder, ["update prod/certificates/billing"], "the set holds no key"),
        (_lost, ["create prod/certificates/billing", "create prod/sets/billing"], ""),
        (_drifted, ["update prod/sets/billing"], "drift: cert.pem is 0666, not 0644"),
        (_other_anchors, ["update prod/sets/billing"], "its anchors are not today's"),
        (_old_crl, ["update prod/sets/billing"], "half of its CRLs' life is over"),
    ],
)
def test_what_is_wrong_with_one_consumer(
    ready: World, disturb: Disturb, wanted: list[str], why: str
) -> None:
    """Certificate and set, each with its reason; serving mends it and nothing else changes."""
    disturb(ready)
    found = plan(ready)
    assert signs(found) == wanted
    assert why in " ".join(found.changes[0].why)
    bootstrap(ready)
    assert plan(ready).changes == ()


def test_a_certificate_that_nobody_can_use_is_named_before_it_is_revoked(ready: World) -> None:
    """A run died between its signature and its delivery: the key is lost."""
    (row,) = ready.ports.store.certificates.find(subject="billing", state="valid")
    lost = row.model_copy(update={"id": "prod-g1/0a:0b", "serial": "0a:0b"})
    ready.ports.store.certificates.insert(lost)
    assert plan(ready).changes == (
        Change(
            "prod/certificates/billing/0a:0b",
            "delete",
            why=("revoked: signed but never delivered; its key is lost",),
        ),
    )


def test_a_key_that_others_could_read_leads_to_a_revocation(ready: World) -> None:
    """Said beforehand; it is no removal that somebody may miss, for another is in place then."""
    (row,) = ready.ports.store.certificates.find(subject="billing", state="valid")
    _exposed(ready)
    (change,) = plan(ready).changes
    assert change.consequences == (f"revokes {row.id} when another is in place",)
    assert not change.destructive
    bootstrap(ready)
    newest = ready.ports.store.certificates.get(row.id)
    assert newest is not None
    assert newest.state == "revoked"


def test_certificates_become_due(ready: World) -> None:
    """A day before they expire, the agent's earlier; the reason says until when they are valid."""
    ready.clock.advance(seconds=14 * HOUR)
    assert plan(ready).changes == ()
    ready.clock.advance(seconds=3 * HOUR)
    (change,) = plan(ready).changes
    (row,) = ready.ports.store.certificates.find(subject="collector", state="valid")
    assert change == Change(
        "prod/certificates/collector",
        "update",
        why=(f"due: it is valid until {row.not_after:%Y-%m-%d %H:%M} UTC",),
    )


def test_a_consumer_that_is_new_is_shown_with_what_it_asks_for(ready: World) -> None:
    """Its role, its owner, its names, whom it trusts."""
    whole: Estate = ready.ports.estate
    billing = next(each for each in whole.consumers if each.name == "billing")
    new = billing.model_copy(
        update={"name": "shop", "environment": "prod", "names": ("shop.prod.example.internal",)}
    )
    ready.ports.estate = whole.model_copy(update={"consumers": (*whole.consumers, new)})
    found = plan(ready)
    assert signs(found) == [
        "update prod/vault/roles/server",
        "create prod/consumers/shop",
        "create prod/certificates/shop",
        "create prod/sets/shop",
    ]
    assert found.changes[1].members[2] == Member("names", None, ["shop.prod.example.internal"])


def test_a_leaver_is_shown_with_what_goes_with_it(ready: World) -> None:
    """It needs an approval, for its certificate is revoked; its files stay."""
    (row,) = ready.ports.store.certificates.find(subject="gateway", state="valid")
    drop_consumer(ready, "gateway")
    found = plan(ready)
    assert signs(found) == ["update prod/vault/roles/proxy", "delete prod/consumers/gateway"]
    (leaver,) = found.destructive
    until = f"{row.not_after:%Y-%m-%d %H:%M}"
    assert leaver.consequences == (
        f"revokes {row.id} (proxy, valid until {until} UTC)",
        f"leaves its files in {ready.ports.folder.parent / 'hosts/prod/gateway'}",
    )


def test_a_host_that_has_left_nothing_is_waited_for(world: World) -> None:
    """Once it is in the record, it is no difference: nobody here can mend it."""
    bootstrap(world)
    found = plan(world)
    assert found.changes == ()
    assert found.remarks == (
        Remark("waits", "prod/sets/ledger", "for the host's certification request"),
    )
    assert not found.differs


def test_a_host_that_asks_for_what_it_may_not_is_a_trouble(ready: World) -> None:
    """Serving refuses it, so applying would not mend it."""
    leave_request(ready, "ledger", names=("other.prod.example.internal",))
    found = plan(ready)
    assert found.changes == ()
    ((kind, address, text),) = [(each.kind, each.address, each.text) for each in found.remarks]
    assert (kind, address) == ("trouble", "prod/sets/ledger")
    assert "[HOST-NAMES]" in text
    assert found.differs


def test_a_target_that_cannot_be_read_is_not_guessed_at(ready: World) -> None:
    """It is named, and it is no difference."""
    twist(ready.ports, {"target.observed": raising(Rejected("no right", rule="DLV-IO"))})
    found = plan(ready)
    assert found.changes == ()
    assert [each.address for each in found.remarks] == [
        f"prod/sets/{name}" for name in ("billing", "collector", "gateway", "ledger")
    ]
    assert {(each.kind, each.text) for each in found.remarks} == {
        ("unseen", "certificate and delivered set: no right [DLV-IO]")
    }


def test_a_delivery_mount_that_is_still_to_be_made_hides_nothing(ready: World) -> None:
    """Applying makes the mount first: what it makes then stands in the plan."""
    twist(ready.ports, {"target.observed": raising(Rejected("no mount", rule="VAULT-ABSENT"))})
    found = plan(ready)
    made = [
        f"create prod/{part}/{name}"
        for name in ("billing", "collector", "gateway")
        for part in ("certificates", "sets")
    ]
    assert signs(found) == made
    assert [(each.kind, each.address) for each in found.remarks] == [("waits", "prod/sets/ledger")]


def test_a_record_that_says_otherwise_than_the_target(ready: World) -> None:
    """A failure that was mended by hand is closed."""
    row = ready.ports.store.deliveries.get("prod/billing")
    assert row is not None
    ready.ports.store.deliveries.replace(row, state="failed", problem="disk full")
    found = plan(ready)
    assert found.changes == (
        Change("prod/consumers/billing", "update", (Member("state", "failed", "delivered"),)),
    )
    bootstrap(ready)
    assert plan(ready).changes == ()


def test_without_the_provisioners_key_the_rest_is_looked_at(ready: World) -> None:
    """The server's settings are named as not looked at; a due certificate is found all the same."""
    missing = ConfigurationError("it is not here", rule="KEY-PROVISIONER", where="/k/p.key")
    twist(ready.ports, {"provisioner.plan": raising(missing)})
    _due(ready)
    found = plan(ready)
    assert {each.address.split("/")[1] for each in found.changes} == {"certificates"}
    assert found.remarks == (
        Remark(
            "unseen",
            "prod/vault",
            "namespace, mount, settings, policies, logins, roles: /k/p.key: it is not here "
            "[KEY-PROVISIONER]",
        ),
    )


@pytest.mark.parametrize(
    "error",
    [ConfigurationError("no login", rule="KEY-FILE"), Denied("login: no", rule="VAULT-DENIED")],
)
def test_without_the_rotators_login_issuers_are_not_looked_at(
    ready: World, error: TrustwrightError
) -> None:
    """Nor guessed at."""
    twist(ready.ports, {"rotator.issuers": raising(error)})
    ((kind, address, text),) = [
        (each.kind, each.address, each.text) for each in plan(ready).remarks
    ]
    assert (kind, address) == ("unseen", "prod/vault/issuers")
    assert str(error) in text


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("provisioner.probe", Unavailable("sealed", rule="VAULT-SEALED")),
        ("provisioner.plan", ConfigurationError("no .pub", rule="IDENTITY-MISSING")),
        ("rotator.keys", Unavailable("down", rule="VAULT-UNREACHABLE")),
        ("rotator.issuers", ConfigurationError("unsafe", rule="KEY-MODE")),
        ("records.deliveries.get", Unavailable("locked", rule="STORE-LOCKED")),
    ],
)
def test_what_does_not_answer_ends_the_plan(
    ready: World, call: str, error: TrustwrightError
) -> None:
    """No half of a plan is shown for the whole."""
    twist(ready.ports, {call: raising(error)})
    with pytest.raises(type(error)) as raised:
        plan(ready)
    assert raised.value is error


def test_a_default_that_was_moved(ready: World) -> None:
    """From nothing, and from an issuer that nobody knows, which is named as well."""
    mount = ready.ports.vault.mounts["prod"]
    (ours,) = mount.issuers.values()
    mount.default = ""
    (change,) = plan(ready).changes
    assert change == Change(
        "prod/vault/config/issuers", "update", (Member("default", None, "prod-g1"),)
    )
    mount.issuers["x"] = FakeIssuer("x", ours.certificate, "", "evil")
    mount.default = "x"
    found = plan(ready)
    assert found.changes[0].members == (Member("default", "evil", "prod-g1"),)
    assert [(each.kind, each.address) for each in found.remarks] == [
        ("trouble", "prod/vault/issuer/evil")
    ]


def test_an_issuer_or_key_that_is_strange_or_gone_is_for_a_person(ready: World) -> None:
    """No identity may delete one; the plan says so until it is gone."""
    mount = ready.ports.vault.mounts["prod"]
    (key,) = mount.keys.values()
    mount.keys["k"] = replace(key, key_id="k", name="spare")
    (issuer,) = mount.issuers.values()
    mount.issuers = {issuer.issuer_id: replace(issuer, name="renamed")}
    found = plan(ready)
    assert found.changes == ()
    assert [(each.address, each.text) for each in found.troubles] == [
        (
            "prod/vault/issuer/renamed",
            "it is the record's prod-g1, with another name or key: an operator puts it right",
        ),
        (
            "prod/vault/key/spare",
            "a key that the record does not know: an operator removes it, or says whose it is",
        ),
    ]
    mount.issuers, mount.default = {}, ""
    gone = plan(ready)
    assert gone.changes == ()
    assert gone.troubles[0].address == "prod/vault/issuer/prod-g1"
    assert "restore the server" in gone.troubles[0].text


def test_an_environment_that_left_the_estate_is_only_named(ready: World) -> None:
    """Where its server is, the file does not say any more."""
    alone = {"test": ready.ports.estate.environments["test"]}
    ready.ports.estate = ready.ports.estate.model_copy(update={"environments": alone})
    (remark,) = forgotten_environments(ready.ports)
    assert (remark.kind, remark.address) == ("foreign", "prod")
    with pytest.raises(ConfigurationError) as refused:
        plan(ready)
    assert refused.value.rule == "EST-ENVIRONMENT"


def test_an_expired_leaver_has_nothing_to_revoke(ready: World) -> None:
    """Only its row is left to be closed."""
    drop_consumer(ready, "collector")
    ready.clock.advance(seconds=25 * HOUR)
    (leaver,) = plan(ready).destructive
    assert [each.split()[0] for each in leaver.consequences] == ["leaves"]
