"""Deadlines as a calendar (RFC 5545): one event each, with a name of its own that stays.

There is no METHOD: this is a file to import or to subscribe to, not an invitation. An event that
says what it said before keeps its DTSTAMP and SEQUENCE, so a calendar that is written again with
nothing new is the same file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from icalendar import Alarm, Calendar, Event, vText

import trustwright
from trustwright.ceremony.shown import printable
from trustwright.policy.deadlines import Deadline

LARGEST = 4_000_000
"""Octets of an earlier calendar that is looked at."""

_DAY = timedelta(days=1)
_COUNTED_FROM = datetime(2020, 1, 1, tzinfo=UTC)


def calendar(
    deadlines: Sequence[Deadline],
    *,
    organization: str,
    root: str,
    now: datetime,
    before: bytes = b"",
) -> bytes:
    """Return the calendar as octets: UTF-8, CRLF, lines of at most 75 octets (RFC 5545 §3.1).

    Args:
        deadlines: what is to be in it.
        organization: names the calendar.
        root: fingerprint of the root: two estates share no event.
        now: aware.
        before: the calendar that this one replaces, or nothing.
    """
    made = Calendar()
    made.add("prodid", f"-//Trustwright//trustwright {trustwright.__version__}//EN")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    for name in ("name", "x-wr-calname"):  # RFC 7986 §5.1, and what everybody reads
        made.add(name, vText(printable(f"{organization}: certificates and ceremonies")))
    earlier = _events(before)
    for each in deadlines:
        event = _event(each, root)
        _stamp(event, earlier.get(str(event["uid"])), now)
        made.add_component(event)
    return bytes(made.to_ical())


def uid(deadline: Deadline, root: str) -> str:
    """Return the event's name for ever (RFC 7986 §5.3: no host, no person, nothing to guess)."""
    text = f"{root}/{deadline.key}"
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}@trustwright"


def _event(deadline: Deadline, root: str) -> Event:
    where = deadline.environment or "root"
    made = Event()
    made.add("uid", uid(deadline, root))
    made.add("dtstart", deadline.at)  # without DTEND: it ends when it begins (§3.6.1)
    made.add("summary", printable(f"{where}: {deadline.summary}"))
    made.add("description", printable(deadline.remedy))
    made.add("categories", ["Trustwright", printable(deadline.kind)])
    made.add("transp", "TRANSPARENT")  # nobody is busy because of it
    made.add("class", "PRIVATE")
    for moment in _alarms(deadline):
        made.add_component(_alarm(deadline, moment))
    return made


def _alarms(deadline: Deadline) -> Iterable[datetime]:
    """Return when to ring: when people are to hear of it first, and a day before."""
    return sorted({deadline.warn, deadline.at - _DAY} - {deadline.at})


def _alarm(deadline: Deadline, moment: datetime) -> Alarm:
    made = Alarm()
    made.add("action", "DISPLAY")
    made.add("description", printable(deadline.summary))
    # Relative to the start: an absolute one would have to be a VALUE of its own type.
    made.add("trigger", moment - deadline.at)
    return made


def _stamp(event: Event, earlier: Event | None, now: datetime) -> None:
    """Say which writing of the event this is.

    Without METHOD, DTSTAMP is when the event was last written anew (§3.8.7.2). SEQUENCE counts
    minutes up to then: it grows with every change, even when the file before was lost (§3.8.7.4).
    """
    if earlier is not None and _content(earlier) == _content(event):
        event.add("dtstamp", earlier.decoded("dtstamp"))
        event.add("sequence", _sequence(earlier))
        return
    event.add("dtstamp", now)
    event.add("sequence", (now - _COUNTED_FROM) // timedelta(minutes=1))


def _content(event: Event) -> frozenset[bytes]:
    """Return an event's lines without those that say which writing it is."""
    lines = event.to_ical(sorted=True).replace(b"\r\n ", b"").split(b"\r\n")
    return frozenset(line for line in lines if not line.startswith((b"DTSTAMP", b"SEQUENCE")))


def _events(text: bytes) -> Mapping[str, Event]:
    """Return the events of an earlier calendar by name; none if it is not one of ours."""
    if not text or len(text) > LARGEST:
        return {}
    try:
        found = Calendar.from_ical(text)
        events = [cast("Event", each) for each in found.walk("VEVENT")]
        return {str(each["uid"]): each for each in events if _is_stamped(each)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_stamped(event: Event) -> bool:
    """Return whether the event says readably which writing it is."""
    return isinstance(event.decoded("dtstamp"), datetime) and _sequence(event) >= 0


def _sequence(event: Event) -> int:
    return int(event.decoded("sequence"))
