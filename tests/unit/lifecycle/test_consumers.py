"""Who is served, with what, and what becomes of the certificate before."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from cryptography import x509

from tests.fakes.mortal import ProcessDied
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    DAY,
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    dump,
    leave_request,
    lines_of,
    losing,
    prepare_again,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import ConfigurationError, ConflictError, Rejected, Unavailable
from trustwright.lifecycle import consumers, environments
from trustwright.lifecycle.consumers import Served
from trustwright.model.records import DeliveryRecord
from trustwright.policy.renewal import renewal_moment
from trustwright.ports import Delivered, DeliverySet
from trustwright.x509 import parse
from trustwright.x509.keys import generate_key

pytestmark = pytest.mark.unit

BROKEN = Rejected("the reload failed; nothing was in place before", rule="DLV-RELOAD")


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready; the host of ledger has left no request yet."""
    bootstrap(world)
    return world


def serve(world: World, name: str, environment: str = "prod") -> Served:
    """Serve one consumer, as the flow does."""
    (served,) = consumers.serve_consumers(world.ports, [consumer(world, name, environment)])
    return served


def in_place(world: World, name: str, environment: str = "prod") -> Delivered:
    """Return what a consumer has in its folder."""
    found = world.ports.targets[f"{environment}/{name}"].observed()
    assert found is not None
    return found


def delivery(world: World, name: str, environment: str = "prod") -> DeliverySet:
    """Return the set in a consumer's folder."""
    found = world.ports.targets[f"{environment}/{name}"].delivery
    assert found is not None
    return found


def record(world: World, name: str, environment: str = "prod") -> DeliveryRecord:
    """Return the delivery's row; how often it was held and looked at does not count."""
    found = world.ports.store.deliveries.get(f"{environment}/{name}")
    assert found is not None
    return found.model_copy(update={"version": 0, "looked": None})


def states(world: World, name: str) -> dict[str, str]:
    """Return serial → state of a subject's certificates."""
    return {row.serial: row.state for row in rows_of(world, name)}


def listed(world: World, environment: str = "prod") -> int:
    """Return how many certificates an environment's CRL lists now."""
    signer = world.ports.vault.signer(environment)
    signer.rotate_crl()
    issuer = world.ports.store.issuers.get(f"{environment}-g1")
    assert issuer is not None
    return len(parse.crl(signer.crl(issuer.issuer_id or "")))


def test_a_bootstrap_serves_services_and_no_admin(world: World) -> None:
    """Managed ones hold a set, the host is asked for its request, admins are left out."""
    served = bootstrap(world)
    assert {name: each.state for name, each in served.items()} == {
        "prod/billing": "delivered",
        "prod/gateway": "delivered",
        "prod/collector": "delivered",
        "prod/ledger": "waiting",
    }
    assert "prod/alice" not in world.ports.targets
    assert rows_of(world, "alice") == []


def test_a_delivered_set_is_whole(ready: World) -> None:
    """Key, leaf, chain, the own anchor and its CRL; the root is in none of them."""
    held = delivery(ready, "billing")
    issuer = ready.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    assert (held.trust, held.chain) == (
        issuer.anchor,
        held.certificate + (issuer.certificate or ""),
    )
    assert b"PRIVATE KEY" in (held.key or b"")
    assert ready.root.pem not in held.trust + held.chain
    assert record(ready, "billing").serial == in_place(ready, "billing").serial


def test_the_record_holds_no_key(ready: World) -> None:
    """Keys live in memory until they are delivered."""
    assert "PRIVATE KEY" not in str(dump(ready.ports.store))


def test_a_current_set_is_left_alone(ready: World) -> None:
    """Nothing is signed, delivered or written."""
    before = dump(ready.ports.store)
    assert serve(ready, "billing") == Served(consumer(ready, "billing"), "delivered")
    assert dump(ready.ports.store) == before
    assert len(ready.ports.targets["prod/billing"].attempts) == 1


def test_a_host_that_left_nothing_is_waited_for(ready: World) -> None:
    """The record says where the request is expected; it is written once."""
    first = record(ready, "ledger")
    assert (first.state, first.number, first.serial) == ("waiting", 0, None)
    assert first.problem.endswith("prod/ledger/host.csr")
    ready.clock.advance(seconds=60)
    assert serve(ready, "ledger").state == "waiting"
    assert record(ready, "ledger") == first


def test_a_host_is_served_over_its_own_key(ready: World) -> None:
    """The set has no key; names come from the estate."""
    key = leave_request(ready)
    assert serve(ready, "ledger").changed
    held = delivery(ready, "ledger")
    assert held.key is None
    certificate = parse.certificate(held.certificate)
    assert certificate.public_key() == key.public_key()
    (row,) = rows_of(ready, "ledger")
    assert (row.names, row.state) == (("ledger.prod.example.internal",), "valid")
    assert record(ready, "ledger").problem == ""


@pytest.mark.parametrize("order", ["first", "last"])
def test_one_that_fails_does_not_stop_the_others(
    world: World, order: Literal["first", "last"]
) -> None:
    """Its problem is recorded, audited and handed back; the rest is served."""
    name = "billing" if order == "first" else "collector"
    world.ports.target(consumer(world, name))
    world.ports.targets[f"prod/{name}"].broken = BROKEN
    served = bootstrap(world)
    failed = served.pop(f"prod/{name}")
    assert (failed.state, failed.changed, failed.problem) == ("failed", False, str(BROKEN))
    assert sorted(each.state for each in served.values()) == ["delivered", "delivered", "waiting"]
    assert (record(world, name).state, record(world, name).problem) == ("failed", str(BROKEN))
    (line,) = lines_of(world, "trustwright.consumer.failed")
    assert (line.subject, line.detail) == (f"prod/{name}", str(BROKEN))


def test_a_conflict_over_one_does_not_stop_the_others(world: World) -> None:
    """A folder that somebody else keeps locked is that consumer's problem alone."""
    world.ports.target(consumer(world, "billing"))
    world.ports.targets["prod/billing"].broken = ConflictError("under way", rule="DLV-LOCKED")
    served = bootstrap(world)
    assert served["prod/billing"].problem == "under way [DLV-LOCKED]"
    assert served["prod/gateway"].state == "delivered"


def test_a_broken_target_keeps_what_it_had(ready: World) -> None:
    """The certificate in place stays valid and recorded; the undelivered one is revoked at once."""
    before = in_place(ready, "billing")
    ready.clock.advance(seconds=49 * HOUR)
    ready.ports.targets["prod/billing"].broken = BROKEN
    assert serve(ready, "billing").state == "failed"
    # The reload failed for it as well: it is to be told again.
    assert in_place(ready, "billing") == replace(before, in_service=False)
    assert record(ready, "billing").serial == before.serial
    found = states(ready, "billing")
    assert found.pop(before.serial) == "valid"
    assert list(found.values()) == ["revoked"]


def test_a_target_that_is_mended_leaves_one_valid_certificate(ready: World) -> None:
    """However often it failed: one valid, the one before superseded, the lost ones revoked."""
    first = in_place(ready, "billing").serial
    ready.clock.advance(seconds=49 * HOUR)
    ready.ports.targets["prod/billing"].broken = BROKEN
    for _ in range(3):
        serve(ready, "billing")
        ready.clock.advance(seconds=2 * HOUR)
    ready.ports.targets["prod/billing"].broken = None
    assert serve(ready, "billing").changed
    found = states(ready, "billing")
    assert found.pop(in_place(ready, "billing").serial) == "valid"
    assert found.pop(first) == "superseded"
    assert list(found.values()) == ["revoked"] * 3
    assert listed(ready) == 4  # the three and the canary


def test_a_target_that_is_mended_after_everything_expired(world: World) -> None:
    """What expired meanwhile needs no revocation, which a server would refuse."""
    world.ports.target(consumer(world, "billing"))
    world.ports.targets["prod/billing"].broken = BROKEN
    bootstrap(world)
    world.clock.advance(seconds=4 * DAY)
    world.ports.vault.signer("prod").rotate_crl()
    world.ports.targets["prod/billing"].broken = None
    twist(world.ports, {"signer.revoke": raising(Rejected("already expired"))})
    assert serve(world, "billing").changed


@pytest.mark.parametrize(("late", "changed"), [(-1, False), (0, True), (1, True)])
def test_a_set_is_renewed_from_the_second_on_that_it_is_due(
    ready: World, late: int, changed: bool
) -> None:
    """A day before its end or a little earlier: under a new key, and not revoked."""
    first, key = in_place(ready, "billing"), delivery(ready, "billing").key
    (row,) = rows_of(ready, "billing")
    role = ready.ports.estate.environments["prod"].roles["server"]
    moment = renewal_moment(row, role)
    assert 43 * HOUR <= (moment - ready.clock.now()).total_seconds() <= 48 * HOUR
    ready.clock.advance(seconds=int((moment - ready.clock.now()).total_seconds()) + late)
    assert serve(ready, "billing").changed
    assert (in_place(ready, "billing").serial != first.serial) is changed
    if changed:
        assert delivery(ready, "billing").key != key
        assert in_place(ready, "billing").number == first.number + 1
        assert states(ready, "billing") == {
            first.serial: "superseded",
            in_place(ready, "billing").serial: "valid",
        }
        assert listed(ready) == 1  # the canary alone: a renewal revokes nothing


def test_renewals_go_on(ready: World) -> None:
    """Five in a row: one valid, the others superseded, nothing revoked."""
    for _ in range(5):
        ready.clock.advance(seconds=48 * HOUR)
        ready.ports.vault.signer("prod").rotate_crl()
        assert serve(ready, "billing").changed
    assert sorted(states(ready, "billing").values()) == ["superseded"] * 5 + ["valid"]
    assert listed(ready) == 1


def test_a_renewal_after_a_crash_revokes_nothing_that_was_delivered(ready: World) -> None:
    """The run died after the swap and before its record; the next renewal comes before a rerun."""
    for _ in range(2):
        ready.clock.advance(seconds=48 * HOUR)
        ready.ports.vault.signer("prod").rotate_crl()
        twist(ready.ports, {"target.deliver": losing(ProcessDied("target.deliver"))})
        with pytest.raises(ProcessDied):
            consumers.serve_consumer(ready.ports, consumer(ready, "billing"))
        straighten(ready.ports)
    ready.clock.advance(seconds=60)
    assert not serve(ready, "billing").changed
    assert sorted(states(ready, "billing").values()) == ["superseded", "superseded", "valid"]
    assert listed(ready) == 1


def test_other_names_are_served_anew(ready: World) -> None:
    """The estate names it otherwise: a new certificate, the old one is superseded."""
    first = in_place(ready, "billing").serial
    change_consumer(ready, "billing", names=("pay.prod.example.internal",))
    assert serve(ready, "billing").changed
    certificate = parse.certificate(delivery(ready, "billing").certificate)
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == ["pay.prod.example.internal"]
    assert states(ready, "billing")[first] == "superseded"


def test_another_role_is_served_anew(ready: World) -> None:
    """The certificate of the former role does not stay valid beside the new one."""
    first = in_place(ready, "billing").serial
    change_consumer(ready, "billing", role="proxy")
    prepare_again(ready)
    assert serve(ready, "billing").changed
    assert states(ready, "billing")[first] == "superseded"
    (row,) = rows_of(ready, "billing", state="valid")
    assert row.role == "proxy"


def test_other_trust_is_served_anew(ready: World) -> None:
    """The bundle gets the second environment's anchor and CRL as soon as there are any."""
    change_consumer(ready, "billing", trusts=("prod", "test"))
    assert not serve(ready, "billing").changed
    bootstrap(ready, "test")
    held = delivery(ready, "billing")
    anchors = {each.environment: each.anchor for each in ready.ports.store.issuers.find()}
    assert held.trust == f"{anchors['prod']}{anchors['test']}"
    assert held.crl.count("BEGIN X509 CRL") == 2


def test_a_ready_environment_that_trusts_this_one_is_served_again(ready: World) -> None:
    """Only those of its consumers that do; the others are not touched."""
    change_consumer(ready, "billing", trusts=("prod", "test"))
    served = bootstrap(ready, "test")
    assert served["prod/billing"].changed
    assert "prod/gateway" not in served
    assert {name for name, each in served.items() if each.changed} == {
        "prod/billing",
        "test/billing",
        "test/gateway",
        "test/collector",
    }


def test_an_environment_that_is_not_ready_is_left_alone(ready: World) -> None:
    """Its own run serves its consumers when it gets there."""
    change_consumer(ready, "billing", trusts=("prod", "test"))
    found = environments.record_of(ready.ports, "prod")
    ready.ports.store.environments.replace(found, phase="proven")
    assert "prod/billing" not in bootstrap(ready, "test")


def test_admins_of_other_environments_are_skipped_too(ready: World) -> None:
    """They hold their own set, on their own machine."""
    change_consumer(ready, "alice", trusts=("prod", "test"))
    touched = consumers.consumers_touched_by(ready.ports, "test")
    assert [each.name for each in touched if each.role == "admin"] == []


@pytest.mark.parametrize("name", ["billing", "ledger"])
def test_a_tampered_folder_is_served_anew(ready: World, name: str) -> None:
    """What does not read back as delivered counts as nothing: one valid certificate remains."""
    leave_request(ready)
    serve(ready, name)
    first = in_place(ready, name).serial
    ready.ports.targets[f"prod/{name}"].lose()
    assert serve(ready, name).changed
    assert states(ready, name) == {first: "superseded", in_place(ready, name).serial: "valid"}


def test_a_folder_with_somebody_elses_set_is_served_anew(ready: World) -> None:
    """A serial that the inventory does not hold as valid is not ours."""
    found = in_place(ready, "billing")
    (row,) = rows_of(ready, "billing")
    ready.ports.store.certificates.replace(row, state="revoked")
    assert serve(ready, "billing").changed
    assert in_place(ready, "billing").serial != found.serial


def test_a_renewal_of_a_host_keeps_its_key(ready: World) -> None:
    """The request is still there: the same key gets a new certificate."""
    key = leave_request(ready)
    serve(ready, "ledger")
    first = in_place(ready, "ledger").serial
    ready.clock.advance(seconds=48 * HOUR)
    ready.ports.vault.signer("prod").rotate_crl()
    assert serve(ready, "ledger").changed
    certificate = parse.certificate(delivery(ready, "ledger").certificate)
    assert certificate.public_key() == key.public_key()
    assert states(ready, "ledger") == {
        first: "superseded",
        in_place(ready, "ledger").serial: "valid",
    }


def test_a_host_with_a_new_key_is_served_at_once(ready: World) -> None:
    """The certificate in place does not fit the key that the host has now."""
    leave_request(ready)
    serve(ready, "ledger")
    first = in_place(ready, "ledger").serial
    key = leave_request(ready)
    assert serve(ready, "ledger").changed
    certificate = parse.certificate(delivery(ready, "ledger").certificate)
    assert certificate.public_key() == key.public_key()
    assert states(ready, "ledger") == {
        first: "superseded",
        in_place(ready, "ledger").serial: "valid",
    }


def test_a_host_that_took_its_request_away_keeps_its_set(ready: World) -> None:
    """It is current until it is due; then it is waited for."""
    leave_request(ready)
    serve(ready, "ledger")
    ready.ports.targets["prod/ledger"].request = None
    assert serve(ready, "ledger") == Served(consumer(ready, "ledger"), "delivered")
    ready.clock.advance(seconds=48 * HOUR)
    assert serve(ready, "ledger").state == "waiting"
    assert record(ready, "ledger").serial == in_place(ready, "ledger").serial


def test_a_hosts_certificate_waits_until_it_can_be_delivered(ready: World) -> None:
    """The target was broken: the same certificate is delivered later, no second one is signed."""
    leave_request(ready)
    ready.ports.targets["prod/ledger"].broken = BROKEN
    for _ in range(2):
        assert serve(ready, "ledger").state == "failed"
        ready.clock.advance(seconds=60)
    ready.ports.targets["prod/ledger"].broken = None
    assert serve(ready, "ledger").changed
    assert states(ready, "ledger") == {in_place(ready, "ledger").serial: "valid"}


def test_a_host_that_made_another_key_meanwhile_has_one_valid_certificate(ready: World) -> None:
    """What was signed for the former request will never be delivered."""
    leave_request(ready)
    ready.ports.targets["prod/ledger"].broken = BROKEN
    serve(ready, "ledger")
    leave_request(ready)
    ready.ports.targets["prod/ledger"].broken = None
    ready.clock.advance(seconds=60)
    assert serve(ready, "ledger").changed
    assert len(rows_of(ready, "ledger", state="valid")) == 1


def test_a_host_gets_other_anchors_beside_its_certificate(ready: World) -> None:
    """Trust changed, key and names did not: nothing is signed."""
    leave_request(ready)
    serve(ready, "ledger")
    first = in_place(ready, "ledger")
    change_consumer(ready, "ledger", trusts=("prod", "test"))
    bootstrap(ready, "test")
    assert in_place(ready, "ledger").serial == first.serial
    assert in_place(ready, "ledger").trust != first.trust
    assert states(ready, "ledger") == {first.serial: "valid"}


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("names", "HOST-NAMES"),
        ("key", "HOST-KEY"),
        ("proof", "HOST-PROOF"),
        ("junk", "DLV-REQUEST"),
    ],
)
def test_a_bad_host_request_is_refused(ready: World, fault: str, rule: str) -> None:
    """Nothing is signed; what was in place stays there."""
    leave_request(ready)
    serve(ready, "ledger")
    before, signed = in_place(ready, "ledger"), rows_of(ready, "ledger")
    target = ready.ports.targets["prod/ledger"]
    if fault == "names":
        leave_request(ready, names=("gateway.prod.example.internal",))
    elif fault == "key":
        leave_request(ready, key=generate_key("ec-p384"))
    elif fault == "proof":
        target.request = with_broken_proof(target.request or "")
    else:
        target.request = "not a request"
    assert f"[{rule}]" in serve(ready, "ledger").problem
    assert (in_place(ready, "ledger"), rows_of(ready, "ledger")) == (before, signed)
    assert (record(ready, "ledger").state, record(ready, "ledger").serial) == (
        "failed",
        before.serial,
    )


def test_a_bad_host_request_does_not_let_the_set_grow_stale(ready: World) -> None:
    """No new certificate, and a CRL that does not end meanwhile."""
    leave_request(ready)
    serve(ready, "ledger")
    before, signed = in_place(ready, "ledger"), rows_of(ready, "ledger")
    leave_request(ready, names=("gateway.prod.example.internal",))
    ready.clock.advance(seconds=40 * HOUR)
    ready.ports.signer("prod").rotate_crl()
    assert "[HOST-NAMES]" in serve(ready, "ledger").problem

    after = in_place(ready, "ledger")
    assert (after.serial, rows_of(ready, "ledger")) == (before.serial, signed)
    assert before.crl_until is not None
    assert after.crl_until is not None
    assert after.crl_until > before.crl_until
    assert record(ready, "ledger").state == "failed"


def with_broken_proof(csr: str) -> str:
    """Return a request whose signature does not verify."""
    octets = bytearray(parse.der(parse.request(csr)))
    octets[-1] ^= 1
    return parse.pem(x509.load_der_x509_csr(bytes(octets)))


def test_a_target_that_cannot_be_read_is_not_written(ready: World) -> None:
    """Others can write into the folder, say: nothing is signed for it."""
    before = rows_of(ready, "billing")
    twist(ready.ports, {"target.observed": raising(Rejected("others can write", rule="DLV-OPEN"))})
    assert serve(ready, "billing").problem == "others can write [DLV-OPEN]"
    assert rows_of(ready, "billing") == before


def test_a_failure_that_cannot_be_recorded_comes_out(ready: World) -> None:
    """The step is tried again when the store is back."""
    ready.ports.targets["prod/billing"].lose()
    down = raising(Unavailable("the database does not answer"))
    twist(
        ready.ports,
        {"signer.sign": down, "records.intents.insert": down, "records.deliveries.get": down},
    )
    with pytest.raises(Unavailable):
        serve(ready, "billing")


def test_an_issuer_that_ends_too_soon_signs_nothing(ready: World) -> None:
    """A certificate that would outlive its issuer is not asked for."""
    ready.clock.advance(seconds=729 * DAY)
    ready.ports.vault.signer("prod").rotate_crl()
    assert "[ISSUANCE-HORIZON]" in serve(ready, "billing").problem
    assert len(rows_of(ready, "billing")) == 1


def test_a_consumer_that_the_estate_does_not_name(world: World) -> None:
    """The error says where to add it."""
    with pytest.raises(ConfigurationError) as refused:
        consumer(world, "nobody")
    assert refused.value.rule == "EST-CONSUMER"
