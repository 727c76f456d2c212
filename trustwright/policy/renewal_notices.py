"""What people are told of renewals: one digest a run, what failed first, breakers that turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trustwright.model.estate import Consumer
from trustwright.model.sweep import BreakerRecord
from trustwright.policy.quoting import one_line
from trustwright.policy.renewal import Outcome
from trustwright.ports import Notice

_LISTED = 20
"""Names in a digest; more are counted."""


def renewal_digest(environment: str, outcome: Outcome, *, link: str = "") -> Notice:
    """One run of renewals, in which something was delivered."""
    lines = [f"Delivered: {_names(outcome.changed)}"]
    lines += [f"Failed: {_names(outcome.failed)}"] if outcome.failed else []
    lines += [f"Waiting for their hosts: {_names(outcome.waiting)}"] if outcome.waiting else []
    lines += [f"Left out: {_names(outcome.skipped)}"] if outcome.skipped else []
    return Notice(
        event="trustwright.consumers.renewed",
        severity="info",
        title=f"{environment}: {len(outcome.changed)} consumer(s) were delivered a new set",
        body="\n".join(lines),
        environment=environment,
        link=link,
    )


def delivery_failed(
    consumer: Consumer, problem: str, *, until: datetime | None, link: str = ""
) -> Notice:
    """A consumer could not be served, after it could; told once until it is served again.

    Args:
        consumer: whose set.
        problem: one line.
        until: when the certificate that it still has ends; None when it has none.
        link: the run's page.
    """
    held = f"a certificate until {until:%Y-%m-%d %H:%M} UTC" if until else "no valid certificate"
    lines = [
        f"Problem: {one_line(problem)}",
        f"Owner: {one_line(consumer.owner)}",
        f"It still has {held}. It is tried again by itself. To try at once:",
        *_command(f"trustwright renew {consumer.environment} --consumer {consumer.name}"),
    ]
    return Notice(
        event="trustwright.consumer.failed",
        severity="critical",
        title=f"{consumer.environment}: {consumer.name} was not served",
        body="\n".join(lines),
        environment=consumer.environment,
        link=link,
    )


def breaker_opened(record: BreakerRecord) -> Notice:
    """Nothing is ordered for a consumer or through a role any more."""
    kind, _, name = record.id.partition("/")
    retry = f"{record.retry_at:%Y-%m-%d %H:%M} UTC" if record.retry_at else "a person closes it"
    lines = [
        f"Problem: {one_line(record.problem)}",
        f"Failures in a row: {record.failures}",
        f"Orders since {record.since:%Y-%m-%d %H:%M} UTC: {record.issued}",
        f"No certificate is ordered before {retry}; then one is, as a trial.",
        "Sets that need no new certificate are still kept fresh.",
    ]
    if kind == "consumer":
        command = f"trustwright renew {record.environment} --consumer {name.partition('/')[2]}"
        lines += ["When the cause is mended:", *_command(f"{command} --close-breaker")]
    return Notice(
        event="trustwright.breaker.opened",
        severity="critical" if kind == "role" else "warning",
        title=f"{name}: the {kind}'s breaker is open",
        body="\n".join(lines),
        environment=record.environment,
    )


def breaker_closed(record: BreakerRecord) -> Notice:
    """An order went well again."""
    kind, _, name = record.id.partition("/")
    since = f"{record.opened:%Y-%m-%d %H:%M} UTC" if record.opened else "a while ago"
    return Notice(
        event="trustwright.breaker.closed",
        severity="info",
        title=f"{name}: the {kind}'s breaker is closed again",
        body=f"It was open since {since}. Certificates are ordered as before.",
        environment=record.environment,
    )


def _names(names: Sequence[str]) -> str:
    if not names:
        return "none"
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"


def _command(line: str) -> list[str]:
    """Return a command that Markdown shows as it is."""
    return ["", f"    {line}", ""]
