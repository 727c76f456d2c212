"""Somebody changed modes or owners at the target, or the estate file asks for others."""

from __future__ import annotations

import pytest

from tests.fakes.target import FakeTarget
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import (
    HOUR,
    bootstrap,
    change_consumer,
    consumer,
    leave_request,
    lines_of,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import Rejected, Unavailable
from trustwright.lifecycle.consumers import Served, serve_consumers
from trustwright.ports import Delivered
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

DRIFT = "key.pem is 0666 user 0 group 0, not 0600 user 0 group 0"


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready."""
    bootstrap(world)
    world.clock.advance(seconds=60)
    return world


def serve(world: World) -> Served:
    """Serve billing, as the flow does."""
    (served,) = serve_consumers(world.ports, [consumer(world, "billing")])
    return served


def target(world: World) -> FakeTarget:
    """Return the target of billing."""
    return world.ports.targets["prod/billing"]


def in_place(world: World) -> Delivered:
    """Return what billing has in its folder."""
    found = target(world).observed()
    assert found is not None
    return found


def states(world: World) -> dict[str, str]:
    """Return serial → state."""
    return {row.serial: row.state for row in rows_of(world, "billing")}


def listed(world: World) -> set[int]:
    """Return the serials on the CRL."""
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    crl = parse.crl(world.ports.vault.signer("prod").crl(issuer.issuer_id or ""))
    return {entry.serial_number for entry in crl}


def test_drift_is_mended_under_the_same_key(ready: World) -> None:
    """Nobody else could read the key: it is delivered again, nothing is signed."""
    first, before = in_place(ready), target(ready).delivery
    target(ready).disturb(drift="cert.pem is 0600 user 0 group 0, not 0644 user 0 group 0")
    assert serve(ready).changed
    assert (in_place(ready).number, in_place(ready).drift) == (first.number + 1, "")
    assert states(ready) == {first.serial: "valid"}
    after = target(ready).delivery
    assert before is not None
    assert after is not None
    assert after.key == before.key
    assert not serve(ready).changed


def test_an_exposed_key_is_replaced_and_its_certificate_revoked(ready: World) -> None:
    """Another key, the old certificate on the CRL, and the reason in the audit trail."""
    first, before = in_place(ready), target(ready).delivery
    target(ready).disturb(drift=DRIFT, exposed=True)
    assert serve(ready).changed
    after = target(ready).delivery
    assert before is not None
    assert after is not None
    assert after.key not in {None, before.key}
    assert states(ready) == {first.serial: "revoked", in_place(ready).serial: "valid"}
    (row,) = rows_of(ready, "billing", state="revoked")
    assert int(row.serial.replace(":", ""), 16) in listed(ready)
    (line,) = lines_of(ready, "trustwright.certificate.exposed")
    assert (line.subject, line.detail) == (row.id, f"others could read its key: {DRIFT}")
    revoked = lines_of(ready, "trustwright.certificate.revoked")
    assert [each.detail for each in revoked if each.subject == row.id] == [
        "others could read its key; another is in place"
    ]
    assert not serve(ready).changed


def test_a_key_that_was_exposed_once_stays_so(ready: World) -> None:
    """The delivery failed and somebody set the mode back: the key is replaced all the same."""
    first = in_place(ready)
    target(ready).disturb(drift=DRIFT, exposed=True)
    target(ready).closed = Rejected("read-only", rule="DLV-PERMISSION")
    assert serve(ready).state == "failed"
    assert states(ready) == {first.serial: "valid"}
    target(ready).disturb(drift="", exposed=False)
    target(ready).closed = None
    assert serve(ready).changed
    assert states(ready) == {first.serial: "revoked", in_place(ready).serial: "valid"}


def test_nothing_is_revoked_before_another_is_in_place(ready: World) -> None:
    """The folder was emptied meanwhile and cannot be written: software still serves the old one."""
    first = in_place(ready)
    target(ready).disturb(drift=DRIFT, exposed=True)
    target(ready).closed = Rejected("read-only", rule="DLV-PERMISSION")
    serve(ready)
    target(ready).lose()
    assert serve(ready).state == "failed"
    assert states(ready) == {first.serial: "valid"}
    target(ready).closed = None
    assert serve(ready).changed
    assert states(ready) == {first.serial: "revoked", in_place(ready).serial: "valid"}


def test_a_vault_that_cannot_revoke_is_asked_again(ready: World) -> None:
    """The new set is in place; the next run revokes the old certificate."""
    first = in_place(ready)
    target(ready).disturb(drift=DRIFT, exposed=True)
    twist(ready.ports, {"signer.revoke": raising(Unavailable("sealed", rule="VAULT-SEALED"))})
    with pytest.raises(Unavailable):
        serve(ready)
    straighten(ready.ports)
    assert in_place(ready).serial != first.serial
    serve(ready)
    assert states(ready) == {first.serial: "revoked", in_place(ready).serial: "valid"}


def test_an_exposed_key_that_a_host_is_to_replace(ready: World) -> None:
    """It is kept in service until the host leaves its request; then it is revoked."""
    first = in_place(ready)
    change_consumer(ready, "billing", key="host")
    target(ready).disturb(drift=DRIFT, exposed=True)
    assert serve(ready).state == "waiting"
    assert (in_place(ready).serial, in_place(ready).drift) == (first.serial, "")
    leave_request(ready, "billing")
    assert serve(ready).changed
    assert states(ready) == {first.serial: "revoked", in_place(ready).serial: "valid"}


def test_a_refresh_does_not_launder_a_key(ready: World) -> None:
    """Somebody opened it after the look: what was seen is not there any more."""
    first = in_place(ready)
    ready.clock.advance(seconds=36 * HOUR)

    def open_first(honest: object, *args: object, **expected: object) -> object:
        target(ready).disturb(drift=DRIFT, exposed=True)
        assert callable(honest)
        return honest(*args, **expected)

    twist(ready.ports, {"target.deliver": open_first})
    assert "[DLV-CONFLICT]" in serve(ready).problem
    straighten(ready.ports)
    assert serve(ready).changed
    assert states(ready) == {first.serial: "revoked", in_place(ready).serial: "valid"}
