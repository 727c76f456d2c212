"""What lies at the consumers' targets against what was delivered, some of them at each sweep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trustwright.errors import TrustwrightError, VerificationError
from trustwright.ids import sha256_hex
from trustwright.lifecycle.holdings import is_served
from trustwright.lifecycle.trust import is_anchored
from trustwright.model.estate import Consumer
from trustwright.model.records import DeliveryRecord
from trustwright.policy.findings import Finding, Seen, finding, kinds_of
from trustwright.policy.quoting import one_line
from trustwright.ports import Bundles, Delivered, Ports
from trustwright.x509 import parse
from trustwright.x509.path import verify_anchor, verify_issued

if TYPE_CHECKING:
    from cryptography import x509

LOOKS = 250
"""Targets that one sweep looks at, those first that were looked at longest ago."""


def inspect_targets(ports: Ports, environment: str) -> Seen:
    """Look at the targets that nobody has looked at for longest, and at those that were not right.

    Which were looked at is written down by `due_consumers`, which looks at the same ones right
    after: what differs is mended. A consumer that is being served at this moment is left to the run
    that serves it. What cannot be reached does not keep the others from being looked at.

    Raises:
        Unavailable: the store does not answer.
    """
    found: list[Finding] = [*_false_anchors(ports, environment)]
    seen: set[str] = {each.subject for each in found}
    problems: list[str] = []
    consumers = {
        each.name: each for each in ports.estate.consumers if each.environment == environment
    }
    for row in _to_look_at(ports, environment):
        try:
            wrong = list(_inspected(ports, consumers.get(row.consumer), row))
        except TrustwrightError as error:
            problems.append(f"{row.id}: {one_line(str(error))}")
            continue
        if not wrong or _stands(ports, row):
            found += wrong
            seen.add(row.consumer)
    issuers = {each.id for each in ports.records.issuers.find(environment=environment)}
    return Seen(
        kinds=kinds_of("consumers"),
        found=tuple(found),
        subjects=frozenset(seen | issuers),
        problems=tuple(problems),
    )


def _to_look_at(ports: Ports, environment: str) -> Iterator[DeliveryRecord]:
    rows = {row.id: row for row in ports.records.agenda.longest_unlooked(environment, LOOKS)}
    for kind in sorted(kinds_of("consumers")):
        for each in ports.records.findings.find(state="open", kind=kind, environment=environment):
            row = ports.records.deliveries.get(f"{environment}/{each.subject}")
            if row is not None:
                rows[row.id] = row
    return (row for row in rows.values() if row.holder is None)


def _stands(ports: Ports, row: DeliveryRecord) -> bool:
    """Return whether nobody has written the row since: a run may have delivered meanwhile."""
    newest = ports.records.deliveries.get(row.id)
    return newest is not None and newest.version == row.version


def _inspected(ports: Ports, consumer: Consumer | None, row: DeliveryRecord) -> Iterator[Finding]:
    if consumer is None:
        summary = f"a set was delivered to {row.consumer} at {one_line(row.target)}"
        if is_served(ports, row):
            yield finding("consumer-surplus", row.environment, row.consumer, summary)
        return
    target = ports.target(consumer)
    observed, bundles = target.observed(), target.bundles()
    drift = _drift(row, observed)
    if drift:
        what = f"what lies at {one_line(row.target)} is not what was delivered: {one_line(drift)}"
        yield finding("set-drifted", row.environment, row.consumer, what)
    if bundles is not None:
        yield from _bundle_findings(ports, consumer, row, bundles)


def _drift(row: DeliveryRecord, observed: Delivered | None) -> str:
    if row.serial is None:
        return ""
    if observed is None:
        return "it is gone, or not whole"
    if observed.serial != row.serial:
        return f"it holds the certificate {observed.serial}, not {row.serial}"
    if row.manifest is not None and observed.manifest != row.manifest:
        return "its manifest is another"
    return observed.drift


def _bundle_findings(
    ports: Ports, consumer: Consumer, row: DeliveryRecord, bundles: Bundles
) -> Iterator[Finding]:
    """Judge what software trusts there; a bundle that is as it was delivered was judged before."""
    root = parse.spki_sha256(parse.certificate(ports.root_certificate))
    try:
        trusted, chain = _read(bundles.trust), _read(bundles.chain)
    except VerificationError as error:
        what = f"a bundle of {row.consumer} at {one_line(row.target)}: {one_line(str(error))}"
        yield finding("anchor-differs", row.environment, row.consumer, what)
        return
    if any(parse.spki_sha256(each) == root for each in (*trusted, *chain)):
        what = f"the root is in a bundle of {row.consumer} at {one_line(row.target)}"
        yield finding("bundle-root", row.environment, row.consumer, what)
    if row.trust is not None and sha256_hex(bundles.trust.encode()) == row.trust:
        return
    own = _anchors(ports, consumer)
    strange = [parse.fingerprint(each) for each in trusted if parse.fingerprint(each) not in own]
    if strange:
        what = f"trust.pem of {row.consumer} at {one_line(row.target)} holds {', '.join(strange)}"
        yield finding("anchor-differs", row.environment, row.consumer, what)


def _read(pem: str) -> list[x509.Certificate]:
    return parse.certificates(pem) if pem.strip() else []


def _anchors(ports: Ports, consumer: Consumer) -> frozenset[str]:
    """Return the fingerprints of the anchors that the consumer may hold."""
    return frozenset(
        parse.fingerprint(parse.certificate(issuer.anchor))
        for name in consumer.trusts
        for issuer in ports.records.issuers.find(environment=name)
        if issuer.anchor
    )


def _false_anchors(ports: Ports, environment: str) -> Iterator[Finding]:
    """Yield what is wrong with the anchors on record: each is the twin of a root-signed issuer."""
    root = parse.certificate(ports.root_certificate)
    for issuer in ports.records.issuers.find(environment=environment):
        if not is_anchored(issuer):
            continue
        try:
            intermediate = parse.certificate(issuer.certificate or "")
            verify_issued(intermediate, root)
            verify_anchor(parse.certificate(issuer.anchor or ""), intermediate)
        except VerificationError as error:
            what = f"the anchor of {issuer.id} is not to be trusted: {one_line(str(error))}"
            yield finding("anchor-differs", environment, issuer.id, what)
