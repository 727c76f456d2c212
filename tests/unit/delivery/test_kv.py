"""The target in Vault's KV: what somebody else wrote, and writes of which nobody hears."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.clock import HeldClock
from tests.fakes.secrets import FakeSecrets
from tests.unit.delivery.material import consumer, host_delivery, pki, put
from trustwright.delivery.kv import KvTarget, member
from trustwright.errors import (
    ConflictError,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    VerificationError,
)
from trustwright.ids import serial_text, sha256_hex
from trustwright.ports import DeliverySet, Secret
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

SET = "billing/set"
BILLING = consumer()


def target(secrets: FakeSecrets) -> KvTarget:
    """Return billing's target."""
    return KvTarget(secrets, BILLING, HeldClock())


def held(secrets: FakeSecrets) -> dict[str, Any]:
    """Return the members of the set in place."""
    return dict(secrets.held[SET] or {})


def test_the_whole_set_is_one_version() -> None:
    """Each member is what the manifest says, as a file would be."""
    secrets, delivery = FakeSecrets(), pki().delivery()
    delivered = put(target(secrets), delivery)
    found = held(secrets)
    manifest = json.loads(found["manifest"])

    assert set(found) == {"key", "cert", "fullchain", "trust", "crl", "manifest"}
    assert {member(name): digest for name, digest in manifest["files"].items()} == {
        name: sha256_hex(text.encode()) for name, text in found.items() if name != "manifest"
    }
    assert (manifest["number"], delivered.number, secrets.version(SET)) == (1, 1, 1)
    assert delivered.in_service
    assert not delivered.drift


def test_the_key_in_place_is_kept_beside_other_anchors() -> None:
    """One version more, the same key."""
    secrets = FakeSecrets()
    delivery = pki().delivery()
    put(target(secrets), delivery)
    kept = put(target(secrets), replace(delivery, key=None, keep_key=True))

    assert (kept.number, kept.with_key) == (2, True)
    assert held(secrets)["key"].encode() == delivery.key


def test_a_key_that_does_not_fit_is_not_kept() -> None:
    """Somebody wrote another certificate's; nothing is written over it."""
    secrets = FakeSecrets()
    put(target(secrets), pki().delivery())
    with pytest.raises(VerificationError) as refused:
        put(target(secrets), replace(pki().delivery(), key=None, keep_key=True))

    assert (refused.value.rule, secrets.version(SET)) == ("BUNDLE-KEY", 1)


def test_a_host_that_has_its_own_key_gets_none() -> None:
    """Keeping the key in place keeps none."""
    secrets = FakeSecrets()
    put(target(secrets), host_delivery())
    kept = put(target(secrets), replace(host_delivery(), keep_key=True))

    assert (kept.with_key, "key" in held(secrets)) == (False, False)


@pytest.mark.parametrize("name", ["key", "cert", "fullchain", "trust", "crl"])
@pytest.mark.parametrize("change", [lambda text: f"{text}\n", lambda _: 7, lambda _: ["x"]])
def test_a_changed_member_is_no_set(name: str, change: Callable[[str], object]) -> None:
    """It is delivered anew, over whatever version that is."""
    secrets = FakeSecrets()
    put(target(secrets), pki().delivery())
    secrets.put(SET, held(secrets) | {name: change(held(secrets)[name])})

    assert target(secrets).observed() is None
    assert put(target(secrets), pki().delivery()).number == 3


@pytest.mark.parametrize(
    "alter",
    [
        lambda found: {name: text for name, text in found.items() if name != "crl"},
        lambda found: {name: text for name, text in found.items() if name != "manifest"},
        lambda found: found | {"more": "x"},
        lambda found: found | {"manifest": f" {found['manifest']}"},
        lambda found: found | {"manifest": "{}"},
        lambda found: found | {"manifest": 7},
        lambda found: found | {"manifest": found["manifest"].replace("billing", "shipping")},
        lambda _: {},
    ],
    ids=["less", "no manifest", "more", "blank", "empty", "number", "another's", "nothing"],
)
def test_what_is_not_whole_is_no_set(alter: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """A member too few or too many, or a manifest that is not one of ours."""
    secrets = FakeSecrets()
    put(target(secrets), pki().delivery())
    secrets.put(SET, alter(held(secrets)))

    assert target(secrets).observed() is None


@pytest.mark.parametrize(
    ("delivery", "exposed"), [(pki().delivery(), True), (host_delivery(), False)]
)
def test_a_whole_set_that_somebody_wrote_again_is_drift(
    delivery: DeliverySet, exposed: bool
) -> None:
    """And whoever wrote the key has had it."""
    secrets = FakeSecrets()
    before = put(target(secrets), delivery)
    secrets.put(SET, held(secrets))

    assert target(secrets).observed() == replace(
        before,
        number=2,
        drift="version 2 was written by somebody else: its manifest is that of 1",
        exposed=exposed,
    )


def test_a_deleted_set_is_written_after_its_last_version() -> None:
    """Check-and-set counts deleted versions."""
    secrets = FakeSecrets()
    put(target(secrets), pki().delivery())
    secrets.put(SET, None)

    assert target(secrets).observed() is None
    assert put(target(secrets), pki().delivery()).number == 2


class Unheard(FakeSecrets):
    """Connections die at writes.

    Attributes:
        deaths: for each write to come, whether it took effect; then all is well.
        between: done before the next write.
    """

    def __init__(self, *deaths: bool) -> None:
        super().__init__()
        self.deaths = list(deaths)
        self.between: Callable[[], None] = lambda: None

    def write(self, path: str, data: Mapping[str, str], *, expected: int) -> None:
        """Write, or not, and say nothing."""
        if not self.deaths:
            self.between()
            super().write(path, data, expected=expected)
            return
        if self.deaths.pop(0):
            super().write(path, data, expected=expected)
        raise OutcomeUnknown("the connection died", rule="VAULT-UNKNOWN")


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_write_of_which_nobody_heard_counts_once(took_effect: bool) -> None:
    """It is written again: check-and-set lets one of the two through, and reading tells."""
    secrets, delivery = Unheard(took_effect), pki().delivery()
    delivered = put(target(secrets), delivery)

    leaf = parse.certificate(delivery.certificate)
    assert delivered.serial == serial_text(leaf.serial_number)
    assert secrets.version(SET) == 1
    assert target(secrets).observed() == delivered


def test_a_write_that_stays_unheard_comes_out() -> None:
    """Nobody says that it failed: the certificate may be in place."""
    with pytest.raises(OutcomeUnknown):
        put(target(Unheard(False, True)), pki().delivery())


def test_somebody_elses_write_after_an_unheard_one_is_a_conflict() -> None:
    """What is in place is not ours."""
    secrets = Unheard(False)
    other = pki().delivery()
    theirs = KvTarget(memory := FakeSecrets(), BILLING, HeldClock())
    put(theirs, other)
    secrets.between = lambda: secrets.put(SET, memory.held[SET])
    with pytest.raises(ConflictError) as refused:
        put(target(secrets), pki().delivery())

    assert refused.value.rule == "DLV-CONFLICT"
    leaf = parse.certificate(other.certificate)
    found = target(secrets).observed()
    assert found is not None
    assert found.serial == serial_text(leaf.serial_number)


class Forgetful(FakeSecrets):
    """Keeps something else than it was given."""

    def write(self, path: str, data: Mapping[str, str], *, expected: int) -> None:
        """Lose the CRL."""
        super().write(path, {**data, "crl": ""}, expected=expected)


def test_what_reads_back_differently_is_not_delivered() -> None:
    """Done means read back."""
    with pytest.raises(Rejected) as refused:
        put(target(Forgetful()), pki().delivery())

    assert refused.value.rule == "DLV-READBACK"


class Closed(FakeSecrets):
    """A mount that is not reached."""

    def version(self, path: str) -> int:
        """Raise."""
        raise Unavailable("sealed", rule="VAULT-SEALED")


def test_an_unreachable_mount_is_known_before_anything_is_signed() -> None:
    """``ready`` asks for it."""
    with pytest.raises(Unavailable):
        target(Closed()).ready(with_key=True)


@pytest.mark.parametrize("data", [{}, {"csr": 7}, {"csr": ["x"]}, {"csr": "\ud800"}, {"key": "x"}])
def test_what_a_host_wrote_that_is_no_request(data: dict[str, object]) -> None:
    """Whatever a host writes, it is refused by name."""
    secrets = FakeSecrets()
    secrets.put("billing/request", data)
    with pytest.raises(Rejected) as refused:
        target(secrets).host_request()

    assert refused.value.rule == "DLV-REQUEST"
    assert "billing/request" in refused.value.what


def test_a_private_key_in_a_request_is_not_repeated() -> None:
    """The host sent the wrong file."""
    secrets = FakeSecrets()
    key = (pki().delivery().key or b"").decode()
    secrets.put("billing/request", {"csr": key})
    with pytest.raises(Rejected) as refused:
        target(secrets).host_request()

    assert "holds a private key" in refused.value.what
    assert key.splitlines()[1] not in str(refused.value)


def test_keys_are_in_no_repr() -> None:
    """A secret that is logged by mistake shows its number."""
    assert repr(Secret(3, {"key": "x"})) == "Secret(version=3)"
