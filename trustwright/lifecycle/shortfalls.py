"""What an environment's consumers lack: record, certificate, delivered set; and who left.

The reasons are those by which a run serves (`trustwright.lifecycle.holdings`): what is named here
is what serving mends, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from trustwright.errors import (
    ConfigurationError,
    PolicyViolation,
    UpstreamError,
    VerificationError,
)
from trustwright.lifecycle.consumers import consumers_of, host_request
from trustwright.lifecycle.holdings import (
    certificate_in_place,
    key_was_exposed,
    leftovers,
    misfits_in_place,
    staleness,
)
from trustwright.lifecycle.retirement import leavers
from trustwright.model.estate import Consumer
from trustwright.model.plan import Change, Found, Member, Remark
from trustwright.model.records import DeliveryRecord
from trustwright.policy.naming import consumer_key
from trustwright.ports import Delivered, Ports

NO_MOUNT = "VAULT-ABSENT"
"""Rule of the error for a delivery mount that preparing, which comes first, still has to make."""


def shortfalls(ports: Ports, environment: str) -> Iterator[Found]:
    """Yield what serving the environment's consumers would change, by name, and who left."""
    for consumer in sorted(consumers_of(ports, environment), key=lambda each: each.name):
        yield from _shortfalls_of(ports, consumer)
    for leaver in leavers(ports, environment):
        yield leaver.change()


def _shortfalls_of(ports: Ports, consumer: Consumer) -> Iterator[Found]:
    row = ports.records.deliveries.get(consumer_key(consumer))
    new = row is None or row.state == "retired"
    if new:
        yield _new(consumer)
    try:
        observed = ports.target(consumer).observed()
    except (ConfigurationError, UpstreamError) as error:
        if error.rule == NO_MOUNT:
            yield from _all_of_it(consumer)
            return
        text = f"certificate and delivered set: {error}"
        yield Remark("unseen", _address(consumer, "sets"), text)
        return
    try:
        found = list(_in_place(ports, consumer, observed))
    except (PolicyViolation, VerificationError, UpstreamError) as error:
        # Serving fails on it, too: a host's request that breaks a rule, an anchor that is revoked.
        yield Remark("trouble", _address(consumer, "sets"), str(error))
        return
    yield from found
    yield from _leftovers(ports, consumer, observed, row)
    if row is not None and observed is not None and not (new or found):
        yield from _stale_record(consumer, row, observed)


def _all_of_it(consumer: Consumer) -> Iterator[Found]:
    """Yield what a consumer lacks for which nothing is there, not even a host's request."""
    if consumer.key == "host":
        yield Remark("waits", _address(consumer, "sets"), "for the host's certification request")
    else:
        yield Change(_address(consumer, "certificates"), "create")
        yield Change(_address(consumer, "sets"), "create")


def _new(consumer: Consumer) -> Change:
    asked = (
        Member("role", None, consumer.role),
        Member("owner", None, consumer.owner),
        Member("names", None, list(consumer.names)),
        Member("trusts", None, list(consumer.trusts)),
    )
    return Change(_address(consumer, "consumers"), "create", asked)


def _in_place(ports: Ports, consumer: Consumer, observed: Delivered | None) -> Iterator[Found]:
    """Yield what is wrong with certificate and set in place, or that they are not there."""
    asked = host_request(ports, consumer, ports.target(consumer))
    waits = consumer.key == "host" and asked is None
    wrong = _misfits(ports, consumer, observed, asked)
    if wrong is None or (wrong and waits):
        if waits:
            text = "for the host's certification request"
            yield Remark("waits", _address(consumer, "sets"), text)
        else:
            yield Change(_address(consumer, "certificates"), "create")
            yield Change(_address(consumer, "sets"), "create")
    elif wrong:
        gone = tuple(_exposed(ports, consumer, observed))
        yield Change(_address(consumer, "certificates"), "update", why=wrong, consequences=gone)
    if observed is not None and (waits or not wrong):
        yield from _stale(ports, consumer, observed)


def _exposed(ports: Ports, consumer: Consumer, observed: Delivered | None) -> Iterator[str]:
    """Yield what happens to a certificate whose key others could read, once it is replaced."""
    row = certificate_in_place(ports, consumer, observed)
    if row is None or observed is None:
        return
    if observed.exposed or key_was_exposed(ports, row):
        yield f"revokes {row.id} when another is in place"


def _misfits(
    ports: Ports, consumer: Consumer, observed: Delivered | None, asked: str | None
) -> tuple[str, ...] | None:
    """Return what is wrong with the certificate in place; None when nothing is in place."""
    if observed is None:
        return None
    row = certificate_in_place(ports, consumer, observed)
    if row is None:
        return (f"what is in place ({observed.serial}) is not valid in the record",)
    return tuple(misfits_in_place(ports, consumer, row, observed, asked))


def _stale(ports: Ports, consumer: Consumer, observed: Delivered) -> Iterator[Change]:
    """Yield what is stale in the set beside a certificate that stays: no run looks at others."""
    row = certificate_in_place(ports, consumer, observed)
    if row is not None and row.not_after > ports.clock.now():
        why = tuple(staleness(ports, consumer, observed))
        if why:
            yield Change(_address(consumer, "sets"), "update", why=why)


def _leftovers(
    ports: Ports, consumer: Consumer, observed: Delivered | None, row: DeliveryRecord | None
) -> Iterator[Change]:
    """Yield the certificates that serving revokes, because nobody can use them, or too many can."""
    before = row.serial if row else None
    for each, why in leftovers(ports, consumer, observed, before=before):
        if why:
            address = f"{_address(consumer, 'certificates')}/{each.serial}"
            yield Change(address, "delete", why=(f"revoked: {why}",))


def _stale_record(consumer: Consumer, row: DeliveryRecord, observed: Delivered) -> Iterator[Change]:
    """Yield what the record says otherwise than what is in place, when nothing is wrong with it."""
    members = [
        Member(name, now, wanted)
        for name, now, wanted in (
            ("state", row.state, "delivered"),
            ("serial", row.serial, observed.serial),
        )
        if now != wanted
    ]
    if members:
        yield Change(_address(consumer, "consumers"), "update", tuple(members))


def _address(consumer: Consumer, part: str) -> str:
    return f"{consumer.environment}/{part}/{consumer.name}"
