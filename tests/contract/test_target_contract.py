"""One suite over the targets, in memory, on disk and in KV: they behave alike.

Where a command may fail, `hooked` has those that run commands; KV runs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from tests.contract.hosts import host, prepare, withdraw
from tests.contract.vaults import FreshEnvironment
from tests.fakes.clock import HeldClock
from tests.fakes.secrets import FakeSecrets
from tests.fakes.target import FakeTarget
from tests.unit.delivery.material import consumer, host_delivery, pki, put, request_pem
from trustwright.delivery.directory import DirectoryTarget
from trustwright.delivery.kv import KvTarget
from trustwright.errors import ConflictError, Rejected, UpstreamError, VerificationError
from trustwright.ids import serial_text, sha256_hex
from trustwright.model.estate import Directory
from trustwright.ports import Bundles, DeliverySet, Secrets, Target
from trustwright.vault import connect
from trustwright.x509 import parse

pytestmark = pytest.mark.contract


@dataclass(frozen=True)
class Bench:
    """A target and what a test may do to it from outside."""

    target: Target
    break_hook: Callable[[], None]
    mend_hook: Callable[[], None]
    leave_request: Callable[[str], None]


def fake_bench(_: Path) -> Bench:
    """Return the target in memory."""
    target = FakeTarget()
    return Bench(
        target,
        lambda: setattr(target, "broken", Rejected("reload ended with 1", rule="DLV-RELOAD")),
        lambda: setattr(target, "broken", None),
        lambda text: setattr(target, "request", text),
    )


def directory_bench(folder: Path) -> Bench:
    """Return the target on disk; its reload fails while a flag file exists."""
    path, flag = folder / "tls", folder / "broken"
    path.mkdir(mode=0o755)
    directory = Directory(path=path, reload=("test", "!", "-e", str(flag)))
    return Bench(
        DirectoryTarget(directory, "billing", HeldClock()),
        flag.touch,
        flag.unlink,
        lambda text: cast("None", (path / "host.csr").write_text(text)),
    )


def kv_bench(secrets: Secrets, leave: Callable[[Mapping[str, str]], object]) -> Bench:
    """Return the target in a KV engine; it has no hooks to break."""
    target = KvTarget(secrets, consumer(), HeldClock())
    return Bench(target, _no_hook, _no_hook, lambda text: cast("None", leave({"csr": text})))


def _no_hook() -> None:
    raise AssertionError("this target runs no command")


@pytest.fixture(scope="module")
def engine(fresh_environment: FreshEnvironment) -> Callable[[], Bench]:
    """Return a real KV engine, emptied of billing's secrets for each test."""
    place = fresh_environment("test")
    secrets = connect.secrets("test", place.environment)

    def fresh() -> Bench:
        withdraw(place)
        prepare(place, consumer())
        path = f"{place.environment.vault.delivery}/data/billing/request"
        return kv_bench(
            secrets, lambda data: host(place, consumer()).write(path, {"data": dict(data)})
        )

    return fresh


@pytest.fixture(params=["fake", "directory", "kv in memory", "kv in OpenBao"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Return each implementation in turn."""
    if request.param == "kv in OpenBao":
        made: Callable[[], Bench] = request.getfixturevalue("engine")
        return made()
    if request.param == "kv in memory":
        memory = FakeSecrets()
        return kv_bench(memory, lambda data: memory.put("billing/request", data))
    return fake_bench(tmp_path) if request.param == "fake" else directory_bench(tmp_path)


@pytest.fixture(params=[fake_bench, directory_bench], ids=["fake", "directory"])
def hooked(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Return each implementation that runs commands in turn."""
    return cast("Callable[[Path], Bench]", request.param)(tmp_path)


def serial_of(delivery: DeliverySet) -> str:
    """Return the serial of a set's certificate."""
    return serial_text(parse.certificate(delivery.certificate).serial_number)


def test_nothing_is_observed_before_the_first_delivery(bench: Bench) -> None:
    """An empty target holds nothing."""
    assert bench.target.observed() is None


def test_what_was_delivered_is_observed(bench: Bench) -> None:
    """The proof names serial and trust bundle, and reading again gives the same proof."""
    delivery = pki().delivery()
    delivered = put(bench.target, delivery)

    assert delivered.number == 1
    assert delivered.serial == serial_of(delivery)
    assert delivered.trust == sha256_hex(delivery.trust.encode())
    assert len(delivered.manifest) == 64
    assert bench.target.observed() == delivered


def test_the_bundles_are_those_of_the_set(bench: Bench) -> None:
    """What a sweep looks at."""
    delivery = pki().delivery()
    before = bench.target.bundles()
    put(bench.target, delivery)

    assert (before, bench.target.bundles()) == (None, Bundles(delivery.trust, delivery.chain))


def test_versions_are_counted(bench: Bench) -> None:
    """Each delivery is a version of its own."""
    numbers = [put(bench.target, pki().delivery()).number for _ in range(4)]

    assert numbers == [1, 2, 3, 4]


def test_the_same_set_twice_is_two_versions(bench: Bench) -> None:
    """A repeated delivery works and is proven anew."""
    delivery = pki().delivery()
    first, second = put(bench.target, delivery), put(bench.target, delivery)

    assert (first.serial, first.trust) == (second.serial, second.trust)
    assert first.manifest != second.manifest


def test_a_key_of_another_certificate_is_refused(bench: Bench) -> None:
    """Nothing changes when key and certificate do not fit."""
    before = put(bench.target, pki().delivery())
    with pytest.raises(VerificationError) as refused:
        put(bench.target, replace(pki().delivery(), key=pki().delivery().key))

    assert refused.value.rule == "BUNDLE-KEY"
    assert bench.target.observed() == before


def test_rubbish_instead_of_a_certificate_is_refused(bench: Bench) -> None:
    """A set without a readable certificate never reaches the target."""
    with pytest.raises(VerificationError):
        put(bench.target, replace(host_delivery(), certificate="no certificate"))

    assert bench.target.observed() is None


def test_a_failing_hook_leaves_the_previous_version(hooked: Bench) -> None:
    """The undo is part of the delivery; its reload failed as well and has to be made up for."""
    before = put(hooked.target, pki().delivery())
    hooked.break_hook()
    with pytest.raises(UpstreamError) as failed:
        put(hooked.target, pki().delivery())

    assert failed.value.rule == "DLV-RELOAD"
    assert hooked.target.observed() == replace(before, in_service=False)


def test_a_failing_first_delivery_leaves_nothing(hooked: Bench) -> None:
    """There is no previous version to go back to."""
    hooked.break_hook()
    with pytest.raises(UpstreamError):
        put(hooked.target, pki().delivery())

    assert hooked.target.observed() is None


def test_delivery_works_after_an_undo(hooked: Bench) -> None:
    """A mended hook is enough; the failed version leaves no gap and no trace."""
    put(hooked.target, pki().delivery())
    hooked.break_hook()
    with pytest.raises(UpstreamError):
        put(hooked.target, pki().delivery())
    hooked.mend_hook()
    delivery = pki().delivery()

    assert put(hooked.target, delivery).serial == serial_of(delivery)


def test_what_passed_its_hooks_is_in_service(hooked: Bench) -> None:
    """And finishing it does nothing."""
    delivered = put(hooked.target, pki().delivery())
    hooked.break_hook()

    assert delivered.in_service
    assert hooked.target.finish(expected=delivered) == delivered


def test_a_reload_that_failed_on_the_way_back_is_made_up_for(hooked: Bench) -> None:
    """The set stays, however often it fails, and is in service once it passes."""
    before = put(hooked.target, pki().delivery())
    hooked.break_hook()
    with pytest.raises(UpstreamError):
        put(hooked.target, pki().delivery())
    found = replace(before, in_service=False)
    for _ in range(3):
        with pytest.raises(UpstreamError) as failed:
            hooked.target.finish(expected=found)
        assert failed.value.rule == "DLV-RELOAD"
        assert hooked.target.observed() == found
    hooked.mend_hook()

    assert hooked.target.finish(expected=found) == before
    assert hooked.target.observed() == before


def test_whoever_was_overtaken_changes_nothing(bench: Bench) -> None:
    """Two callers saw the same set; the second one to deliver learns that it is not there."""
    both_saw = put(bench.target, pki().delivery())
    newer = bench.target.deliver(pki().delivery(), expected=both_saw)
    for stale in (both_saw, None):
        with pytest.raises(ConflictError) as refused:
            bench.target.deliver(pki().delivery(), expected=stale)
        assert refused.value.rule == "DLV-CONFLICT"
    with pytest.raises(ConflictError):
        bench.target.finish(expected=both_saw)

    assert bench.target.observed() == newer


def test_nothing_is_delivered_over_what_is_gone(bench: Bench) -> None:
    """The caller saw a set of another target, say."""
    seen = replace(put(bench.target, pki().delivery()), number=7)
    with pytest.raises(ConflictError) as refused:
        bench.target.deliver(pki().delivery(), expected=seen)

    assert refused.value.rule == "DLV-CONFLICT"


@pytest.mark.parametrize(
    ("delivery", "with_key"), [(pki().delivery(), True), (host_delivery(), False)]
)
def test_the_proof_says_whether_there_is_a_key(
    bench: Bench, delivery: DeliverySet, with_key: bool
) -> None:
    """A managed consumer's set must hold one."""
    assert put(bench.target, delivery).with_key is with_key


def test_a_set_without_key_is_delivered(bench: Bench) -> None:
    """``key: host``: the key is not part of the set."""
    delivery = host_delivery()

    assert put(bench.target, delivery).serial == serial_of(delivery)


def test_the_hosts_request_is_read(bench: Bench) -> None:
    """None until the host leaves one, then its text."""
    text = request_pem()
    before = bench.target.host_request()
    bench.leave_request(text)

    assert (before, bench.target.host_request()) == (None, text)


@pytest.mark.parametrize("text", ["rubbish", request_pem() + " " * 16_384])
def test_what_is_no_request_is_refused(bench: Bench, text: str) -> None:
    """Neither rubbish nor a file without end is taken for a request."""
    bench.leave_request(text)
    with pytest.raises(UpstreamError) as refused:
        bench.target.host_request()

    assert refused.value.rule == "DLV-REQUEST"
