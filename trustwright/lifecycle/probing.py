"""What consumers' endpoints serve, looked at and compared with what was delivered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustwright.errors import ConflictError, TrustwrightError, VerificationError
from trustwright.ids import serial_text
from trustwright.lifecycle.consumers import consumers_of
from trustwright.model.estate import Consumer
from trustwright.model.records import CertificateRecord, DeliveryRecord, IssuerRecord
from trustwright.policy.endpoints import (
    ENDPOINT_KINDS,
    UNREACHABLE,
    Expected,
    Sight,
    is_settled,
    judge_sight,
    judge_silence,
    judge_unreadable,
    looking_order,
)
from trustwright.policy.findings import Finding
from trustwright.policy.naming import consumer_key
from trustwright.ports import POSTPONED, Look, Ports, Presented
from trustwright.x509 import parse
from trustwright.x509.path import verify_issued

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class _Authorities:
    """Every intermediate that the record has, and what stands above them."""

    intermediates: Sequence[tuple[IssuerRecord, x509.Certificate]]
    root: x509.Certificate
    anchors: Sequence[x509.Certificate]


def judge_endpoints(ports: Ports, environment: str) -> list[Finding]:
    """Return what is wrong at the endpoints of an environment's consumers; record what was seen.

    A consumer that is being served, or was a moment ago, and one that was not reached in the time
    for all, keep the findings that they have.
    """
    found: list[Finding] = []
    expected: list[Expected] = []
    for consumer in looking_order(consumers_of(ports, environment), ports.clock.now()):
        if (facts := _expected(ports, consumer)) is None:
            continue
        if _rests(ports, facts):
            expected.append(facts)
        else:
            found += _standing(ports, consumer, ENDPOINT_KINDS)
    looks = [Look(each.consumer.probe or "", each.consumer.names[0]) for each in expected]
    authorities = _authorities(ports)
    for facts, seen in zip(expected, ports.prober.presented_together(looks), strict=True):
        found += _judged(ports, authorities, facts, seen)
    return found


def _expected(ports: Ports, consumer: Consumer) -> Expected | None:
    """Return what was delivered; None for a consumer without a probe, and before its first set."""
    row = ports.records.deliveries.get(consumer_key(consumer)) if consumer.probe else None
    if row is None or row.serial is None:
        return None
    certificate = _delivered(ports, row)
    if certificate is None:
        return None
    since = row.updated if row.state == "delivered" else certificate.recorded
    return Expected(consumer, certificate, since)


def _rests(ports: Ports, expected: Expected) -> bool:
    """Return whether nobody serves the consumer, nor did a moment ago."""
    row = ports.records.deliveries.get(consumer_key(expected.consumer))
    held = row is not None and row.holder is not None
    return is_settled(expected, ports.clock.now()) and not held


def _delivered(ports: Ports, row: DeliveryRecord) -> CertificateRecord | None:
    found = ports.records.certificates.find(environment=row.environment, serial=row.serial)
    return next((each for each in found if each.subject == row.consumer), None)


def _judged(
    ports: Ports,
    authorities: _Authorities,
    expected: Expected,
    seen: Presented | TrustwrightError,
) -> Iterator[Finding]:
    consumer = expected.consumer
    if isinstance(seen, TrustwrightError):
        if seen.rule == POSTPONED:
            yield from _standing(ports, consumer, ENDPOINT_KINDS)
            return
        yield judge_silence(consumer, seen)
        # Nothing was seen, so nothing is known to be gone.
        yield from _standing(ports, consumer, ENDPOINT_KINDS - {UNREACHABLE})
        return
    try:
        sight = _sight(ports, authorities, seen)
    except VerificationError as error:
        yield judge_unreadable(consumer, error)
        return
    _remember(ports, expected, sight.known.serial if sight.known else None)
    yield from judge_sight(expected, sight, ports.clock.now())


def _sight(ports: Ports, authorities: _Authorities, seen: Presented) -> Sight:
    """Return what was presented beside what the record knows about it.

    Raises:
        VerificationError: a certificate of it cannot be read.
    """
    leaf = parse.certificate(seen.certificate)
    chain = tuple(parse.certificate(each) for each in seen.chain)
    for issuer, intermediate in authorities.intermediates:
        if _signed(leaf, intermediate):
            return Sight(
                leaf=leaf,
                chain=chain,
                known=_known(ports, issuer, leaf),
                signed_by=issuer.environment,
                intermediate=intermediate,
                above={"the root": [authorities.root], "an anchor": authorities.anchors},
            )
    return Sight(leaf, chain)


def _signed(leaf: x509.Certificate, intermediate: x509.Certificate) -> bool:
    if leaf.issuer != intermediate.subject:
        return False
    try:
        verify_issued(leaf, intermediate)
    except VerificationError:
        return False
    return True


def _known(ports: Ports, issuer: IssuerRecord, leaf: x509.Certificate) -> CertificateRecord | None:
    """Return the row that holds these very octets."""
    row = ports.records.certificates.get(f"{issuer.id}/{serial_text(leaf.serial_number)}")
    return row if row and parse.certificate(row.pem) == leaf else None


def _authorities(ports: Ports) -> _Authorities:
    rows = [row for row in ports.records.issuers.find() if row.certificate]
    return _Authorities(
        intermediates=[(row, parse.certificate(row.certificate or "")) for row in rows],
        root=parse.certificate(ports.root_certificate),
        anchors=[parse.certificate(row.anchor) for row in rows if row.anchor],
    )


def _remember(ports: Ports, expected: Expected, served: str | None) -> None:
    """Record what was seen, unless a run serves the consumer meanwhile: its row is that run's."""
    row = ports.records.deliveries.get(consumer_key(expected.consumer))
    if row is None or row.holder is not None or row.serial != expected.certificate.serial:
        return
    with suppress(ConflictError):
        ports.records.deliveries.replace(row, served=served, probed=ports.clock.now())


def _standing(ports: Ports, consumer: Consumer, kinds: Collection[str]) -> Iterator[Finding]:
    """Yield the open findings of a consumer as they stand."""
    for kind in sorted(kinds):
        row = ports.records.findings.get(f"{kind}/{consumer_key(consumer)}")
        if row is not None and row.state == "open":
            yield Finding(
                kind=row.kind,
                environment=row.environment,
                subject=row.subject,
                severity=row.severity,
                summary=row.summary,
                remedy=row.remedy,
                due=row.due,
            )
