"""What is served, compared with what was delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509

from trustwright.errors import TrustwrightError
from trustwright.ids import serial_text, sha256_hex
from trustwright.model.estate import Consumer, Severity
from trustwright.model.records import CertificateRecord
from trustwright.policy.findings import Finding
from trustwright.policy.quoting import one_line, reason_of

UNREACHABLE = "endpoint-unreachable"
DIFFERS = "endpoint-differs"
CHAIN = "endpoint-chain"
EXPIRED = "endpoint-expired"
ENDPOINT_KINDS = frozenset({UNREACHABLE, DIFFERS, CHAIN, EXPIRED})
GRACE = timedelta(minutes=5)
"""For a service that looks at its files now and then, and for connections of before."""
_RELOAD = "have the service read its files again: look at `reload` of the consumer"


@dataclass(frozen=True)
class Expected:
    """What ought to be served.

    Attributes:
        certificate: that was delivered.
        since: when that was.
    """

    consumer: Consumer
    certificate: CertificateRecord
    since: datetime


@dataclass(frozen=True)
class Sight:
    """What was presented, and what the record knows about it.

    Attributes:
        known: the row of the inventory that holds the very octets of the leaf.
        signed_by: environment whose intermediate signed the leaf; empty for a stranger's.
        intermediate: the root-signed one that signed the leaf.
        above: root and anchors, which belong in no chain, by what they are called.
    """

    leaf: x509.Certificate
    chain: Sequence[x509.Certificate] = ()
    known: CertificateRecord | None = None
    signed_by: str = ""
    intermediate: x509.Certificate | None = None
    above: Mapping[str, Sequence[x509.Certificate]] = field(default_factory=dict)


def is_settled(expected: Expected, now: datetime) -> bool:
    """Return whether a delivery is so long ago that it is served by now, if ever."""
    row = expected.certificate
    return now - expected.since >= min(GRACE, (row.not_after - row.not_before) / 10)


def looking_order(consumers: Sequence[Consumer], now: datetime) -> list[Consumer]:
    """Return consumers in an order that changes by the hour.

    The time for a sweep's looks is bounded: whoever was not reached is reached another time.
    """
    return sorted(consumers, key=lambda each: sha256_hex(f"{now:%Y%m%d%H} {each.name}".encode()))


def judge_silence(consumer: Consumer, error: TrustwrightError) -> Finding:
    """Return the finding for an endpoint that made no handshake."""
    summary = f"{consumer.name}: {one_line(error.what)} ({error.rule})"
    return _finding(UNREACHABLE, consumer, "warning", summary, error.hint)


def judge_unreadable(consumer: Consumer, error: TrustwrightError) -> Finding:
    """Return the finding for an endpoint whose certificate is none."""
    summary = f"{consumer.name} serves what cannot be read: {reason_of(error)}"
    return _finding(DIFFERS, consumer, "critical", summary, _RELOAD)


def judge_sight(expected: Expected, sight: Sight, now: datetime) -> Iterator[Finding]:
    """Yield what is wrong with what was presented: at most one about leaf, one about chain."""
    leaf = _judge_leaf(expected, sight, now)
    if leaf is not None:
        yield leaf
    if sight.intermediate is not None and (wrong := _wrong_with_chain(sight)):
        summary = f"{expected.consumer.name} {wrong}"
        remedy = "serve fullchain.pem as it was delivered"
        yield _finding(CHAIN, expected.consumer, "warning", summary, remedy)


def _judge_leaf(expected: Expected, sight: Sight, now: datetime) -> Finding | None:
    consumer, delivered, known = expected.consumer, expected.certificate, sight.known
    if known is None or (known.environment, known.subject) != (
        consumer.environment,
        consumer.name,
    ):
        return _finding(
            DIFFERS,
            consumer,
            "critical",
            f"{consumer.name} serves {_whose(sight)}",
            "find out what answers there, and correct it or `probe` in the estate file",
        )
    if known.not_after <= now:
        summary = f"{consumer.name} serves serial {known.serial}, which expired {_shown(known)}"
        return _finding(EXPIRED, consumer, "critical", summary, _RELOAD, known.not_after)
    if known.id == delivered.id or known.recorded > delivered.recorded:
        return None  # a newer one was delivered since the record was read
    return _older(expected, known)


def _older(expected: Expected, known: CertificateRecord) -> Finding:
    """Return the finding for a certificate that was the consumer's before this delivery."""
    revoked = known.state == "revoked"
    state = "which is revoked" if revoked else f"which expires {_shown(known)}"
    since = f"{expected.since:%Y-%m-%d %H:%M} UTC"
    return _finding(
        DIFFERS,
        expected.consumer,
        "critical" if revoked else "warning",
        f"{expected.consumer.name} still serves serial {known.serial}, {state}; "
        f"serial {expected.certificate.serial} was delivered {since}",
        _RELOAD,
        known.not_after,
    )


def _whose(sight: Sight) -> str:
    """Say whose certificate it is, when it is not the consumer's."""
    if sight.known is not None:
        return f"the certificate of {sight.known.environment}/{sight.known.subject}"
    serial = serial_text(sight.leaf.serial_number)
    if sight.signed_by:
        return f"serial {serial}, signed by the intermediate of {sight.signed_by} and not recorded"
    issuer = one_line(sight.leaf.issuer.rfc4514_string(), 100)
    return f"somebody else's certificate: serial {one_line(serial, 60)}, issuer {issuer or 'empty'}"


def _wrong_with_chain(sight: Sight) -> str:
    """Say what is wrong; empty when the intermediate follows the leaf, and nothing else."""
    if list(sight.chain) == [sight.intermediate]:
        return ""
    for name, certificates in sight.above.items():
        if any(each in certificates for each in sight.chain):
            return f"sends {name}, which relying parties have for themselves or not at all"
    if not sight.chain:
        return "sends its certificate without the intermediate that signed it"
    if sight.intermediate in sight.chain:
        return "sends more than its certificate and intermediate, or not in that order"
    return "sends certificates that did not sign its own"


def _shown(row: CertificateRecord) -> str:
    return f"{row.not_after:%Y-%m-%d %H:%M} UTC"


def _finding(
    kind: str,
    consumer: Consumer,
    severity: Severity,
    summary: str,
    remedy: str,
    due: datetime | None = None,
) -> Finding:
    return Finding(kind, consumer.environment, consumer.name, severity, summary, remedy, due)
