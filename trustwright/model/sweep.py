"""What a sweep leaves in the store: findings, breakers, and that it ran."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trustwright.model.base import Artifact, Moment
from trustwright.model.estate import Severity

FindingState = Literal["open", "closed"]


class FindingRecord(Artifact):
    """Something that is not as it should be, from the sweep that saw it first until it is gone.

    One row per condition: a condition that comes back opens its row again.

    Attributes:
        id: ``<kind>/<environment>/<subject>``.
        kind: of the catalogue in `trustwright.policy.findings`, like ``certificate-rogue``.
        environment: that it concerns; empty for what concerns all of them, like the root.
        subject: consumer, issuer, serial, ceremony …, as its kind says.
        summary: one sentence: what is wrong.
        remedy: what to do, or what Trustwright does by itself.
        due: when it becomes harmful, if that is known.
        opened: when this occurrence was first seen.
        seen: when it was last seen.
        closed: when a sweep saw that it was gone.
        told: when people were told of this occurrence; of its end, once it is closed.
        emitted: when the event of it was taken; of its end, once it is closed.
        times: occurrences up to now.
    """

    id: str
    kind: str
    environment: str
    subject: str
    severity: Severity
    summary: str
    remedy: str = ""
    state: FindingState = "open"
    due: Moment | None = None
    opened: Moment
    seen: Moment
    closed: Moment | None = None
    told: Moment | None = None
    emitted: Moment | None = None
    times: int = Field(default=1, ge=1)
    version: int = 0


BreakerState = Literal["closed", "open", "half-open"]
"""*closed*: work goes on. *open*: nothing is issued. *half-open*: one trial is under way."""


class BreakerRecord(Artifact):
    """Keeps a broken consumer or role from causing an issuance storm.

    Attributes:
        id: ``consumer/<environment>/<name>`` or ``role/<environment>/<role>``.
        failures: in a row, since the last success.
        issued: certificates that were ordered since `since`.
        since: start of the window in which orders are counted.
        opened: when it opened; None while it is closed.
        retry_at: when the next trial may be made.
        problem: one line, of the failure that counted last.
    """

    id: str
    environment: str
    state: BreakerState = "closed"
    failures: int = Field(default=0, ge=0)
    issued: int = Field(default=0, ge=0)
    since: Moment
    opened: Moment | None = None
    retry_at: Moment | None = None
    problem: str = ""
    updated: Moment
    version: int = 0


class SweepRecord(Artifact):
    """One sweep over the estate.

    Attributes:
        id: begins with the time, so that the newest is the last.
        environment: that it was limited to; empty for all.
        actor: flow run or command.
        ended: None while it runs, and for ever when it died.
        due: certificates and sets that had to be renewed.
        opened, closed: findings.
        problems: one line for each part that could not be looked at.
    """

    id: str
    environment: str = ""
    actor: str
    started: Moment
    ended: Moment | None = None
    due: int = Field(default=0, ge=0)
    opened: int = Field(default=0, ge=0)
    closed: int = Field(default=0, ge=0)
    problems: tuple[str, ...] = ()
    version: int = 0
