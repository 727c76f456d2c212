"""CER-102, CER-103 and CER-317: may this machine's clock be believed?

The machine is offline and asks nobody for the time. One line recorded under a wrong date would
bind every later one, for time never runs backwards in the transcript: a clock is doubted before.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from trustwright.ceremony.rules import Problem
from trustwright.clock import utc_text
from trustwright.errors import CeremonyViolation

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

BACKWARDS = timedelta(minutes=10)
"""How far a clock that is set right again may run back."""

LONGEST_PAUSE = timedelta(days=400)
"""How long a root may rest before a person has to say the date: a year, and a delay."""


CRL_BACKDATE = 3600
"""Seconds that thisUpdate lies before the signing, for clocks that are behind."""


def never_back(last_at: datetime | None, now: datetime) -> datetime:
    """Return `now`, or the time of the last transcript line where the clock ran back behind it."""
    return now if last_at is None else max(now, last_at)


def crl_time(moment: datetime) -> datetime:
    """Return thisUpdate of a CRL that is announced in a line of this time.

    It is also the revocationDate of what is decided in a line of this time, in every CRL: lines
    never run backwards, so no CRL begins before what it lists; and no intermediate begins after it,
    for its notBefore lies at most as far back (CER-141).
    """
    return moment - timedelta(seconds=CRL_BACKDATE)


def runs_backwards(last_at: datetime | None, now: datetime) -> Problem | None:
    """Return what CER-102 says against a clock that lies before the last transcript line."""
    if last_at is None or now >= last_at - BACKWARDS:
        return None
    return Problem(
        f"the clock says {utc_text(now)}, the transcript's last line {utc_text(last_at)}",
        "set this machine's clock",
    )


def out_of_force(root: Certificate, now: datetime) -> Problem | None:
    """Return what CER-103 says against a time at which the root is not valid."""
    if root.not_valid_before_utc <= now < root.not_valid_after_utc:
        return None
    return Problem("the root certificate is not valid now", "set the clock, or make a new root")


def far_ahead(last_at: datetime | None, now: datetime, said: date | None) -> Problem | None:
    """Return what CER-317 says against a clock that jumped, unless a person said this date."""
    if last_at is None or now <= last_at + LONGEST_PAUSE or said == now.date():
        return None
    return Problem(
        f"the clock says {utc_text(now)}, {(now - last_at).days} days after the transcript's "
        "last line",
        f"set this machine's clock; if this is today: --confirm-time {now.date().isoformat()}",
    )


def refuse_clock(
    root: Certificate, last_at: datetime | None, now: datetime, said: date | None
) -> None:
    """Refuse to record anything under a time that cannot be.

    Args:
        root: its certificate.
        last_at: of the last transcript line.
        now: aware.
        said: the date, in UTC, that a person read from a calendar, if one was asked.

    Raises:
        CeremonyViolation: rule ``CER-102``, ``CER-103`` or ``CER-317``.
    """
    for rule, problem in (
        ("CER-102", runs_backwards(last_at, now)),
        ("CER-103", out_of_force(root, now)),
        ("CER-317", far_ahead(last_at, now, said)),
    ):
        if problem is not None:
            raise CeremonyViolation(problem.what, rule=rule, hint=problem.hint)
