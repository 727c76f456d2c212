"""The calendar: what a second reader finds in it, and that a date keeps its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report import scenes
from tests.unit.report.ical import Component, read
from tests.unit.report.scenes import DAY, NOW, deadline
from trustwright.ceremony.shown import printable
from trustwright.policy.deadlines import Deadline
from trustwright.report.calendar import calendar, uid

pytestmark = pytest.mark.unit

ROOT = scenes.fingerprint("root")
LATER = NOW + timedelta(hours=1)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def written(
    deadlines: Sequence[Deadline], before: bytes = b"", now: datetime = NOW, name: str = "Example"
) -> bytes:
    """Return the calendar of an estate."""
    return calendar(deadlines, organization=name, root=ROOT, now=now, before=before)


def events(text: bytes) -> dict[str, Component]:
    """Return the events by their name."""
    found = read(text).inside
    assert {each.name for each in found} <= {"VEVENT"}
    return {each.one("UID"): each for each in found}


def stamps(text: bytes) -> dict[str, tuple[str, int]]:
    """Return which writing each event is."""
    return {
        name: (each.one("DTSTAMP"), int(each.one("SEQUENCE")))
        for name, each in events(text).items()
    }


def test_every_deadline_is_an_event() -> None:
    """In UTC, with what ends, what to do, and when to ring."""
    overview, _ = scenes.troubled()
    text = written(overview.deadlines)
    found = read(text)
    assert [found.one(name) for name in ("VERSION", "CALSCALE")] == ["2.0", "GREGORIAN"]
    assert found.text("X-WR-CALNAME") == "Example: certificates and ceremonies"
    assert "METHOD" not in found.properties
    assert found.one("PRODID").startswith("-//Trustwright//")
    for each in overview.deadlines:
        event = events(text)[uid(each, ROOT)]
        assert event.one("DTSTART") == f"{each.at:%Y%m%dT%H%M%SZ}"
        assert event.text("SUMMARY") == f"{each.environment or 'root'}: {each.summary}"
        assert event.text("DESCRIPTION") == each.remedy
        assert event.one("DTSTAMP") == f"{NOW:%Y%m%dT%H%M%SZ}"
        assert {"DTEND", "DURATION", "ATTENDEE", "ORGANIZER"}.isdisjoint(event.properties)
        rings = {each.at + since(alarm.one("TRIGGER")) for alarm in event.inside}
        assert rings == {each.warn, each.at - DAY}
        assert all(alarm.one("ACTION") == "DISPLAY" for alarm in event.inside)
    assert len(events(text)) == len(overview.deadlines)


def since(trigger: str) -> timedelta:
    """Return a negative duration (§3.3.6)."""
    match = re.fullmatch(r"-P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", trigger)
    assert match, trigger
    days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return -timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def test_an_alarm_at_the_moment_itself_is_none() -> None:
    """One that begins a day before rings once."""
    (event,) = events(written([deadline("rotation", "prod", "prod-g1", DAY, DAY)])).values()
    assert [alarm.one("TRIGGER") for alarm in event.inside] == ["-P1D"]
    (event,) = events(written([deadline("rotation", "prod", "prod-g1", DAY, 2 * DAY)])).values()
    assert [alarm.one("TRIGGER") for alarm in event.inside] == ["-P1D"]


def test_nothing_new_is_the_same_file() -> None:
    """Octet for octet, an hour later, however often."""
    overview, _ = scenes.troubled()
    first = written(overview.deadlines)
    second = written(overview.deadlines, first, LATER)
    assert second == first == written(overview.deadlines, second, LATER + DAY)


@pytest.mark.parametrize(
    "change",
    [{"at": NOW + 9 * DAY}, {"warn": NOW}, {"summary": "ä" * 99}, {"remedy": "a, b; c\\d"}],
    ids=lambda change: next(iter(change)),
)
def test_what_has_changed_says_so_and_the_rest_does_not(change: dict[str, object]) -> None:
    """Its name stays; stamp and sequence grow."""
    kept = deadline("issuer-expiry", "test", "test-g1", DAY, 8 * DAY)
    moved = deadline("rotation", "prod", "prod-g1", DAY, 8 * DAY)
    first = written([kept, moved])
    changed = replace(moved, **change)  # type: ignore[arg-type] # of the parameters above
    second = written([kept, changed], first, LATER)
    assert stamps(second)[uid(kept, ROOT)] == stamps(first)[uid(kept, ROOT)]
    before, after = stamps(first)[uid(moved, ROOT)], stamps(second)[uid(changed, ROOT)]
    assert after[0] > before[0]
    assert after[1] > before[1]
    third = written([kept, moved], second, LATER + timedelta(hours=1))
    assert stamps(third)[uid(moved, ROOT)][1] > after[1], "back is a change too"


def test_the_sequence_grows_when_the_file_was_lost() -> None:
    """A calendar that has the older event takes the newer one."""
    one = [deadline("rotation", "prod", "prod-g1", DAY, 8 * DAY)]
    ((_, before),) = stamps(written(one)).values()
    ((_, after),) = stamps(written(one, now=LATER)).values()
    assert 0 < before < after < 2**31


def test_names_differ_with_kind_subject_environment_and_root_alone() -> None:
    """The time of an event is no part of its name, nor is what it says."""
    one = deadline("rotation", "prod", "prod-g1", DAY, 8 * DAY)
    others = (
        replace(one, kind="horizon"),
        replace(one, subject="prod-g2"),
        replace(one, environment="test"),
    )
    assert len({uid(each, ROOT) for each in (one, *others)} | {uid(one, "another root")}) == 5
    assert uid(replace(one, at=NOW, warn=NOW, summary="x", remedy="y"), ROOT) == uid(one, ROOT)


@pytest.mark.parametrize(
    "before",
    [
        b"not a calendar",
        b"\xff\xfe\x00",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        (
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\nDTSTAMP:never\r\nSEQUENCE:many\r\n"
            b"END:VEVENT\r\nEND:VCALENDAR\r\n"
        ),
        b"BEGIN:VCALENDAR\r\n" * 500,
        b"\r\n" * 5_000_000,
    ],
)
def test_a_file_that_is_none_of_ours_is_replaced(before: bytes) -> None:
    """As if there had been none."""
    one = [deadline("rotation", "prod", "prod-g1", DAY, 8 * DAY)]
    assert written(one, before) == written(one)


@given(summary=anything, remedy=anything, name=anything)
def test_every_text_is_read_as_it_was_shown(summary: str, remedy: str, name: str) -> None:
    """Folded, escaped, with what is not printed written out; and it is found unchanged again."""
    one = replace(
        deadline("rotation", "prod", "prod-g1", DAY, 8 * DAY), summary=summary, remedy=remedy
    )
    text = written([one], name=name)
    (event,) = events(text).values()
    assert event.text("SUMMARY") == printable(f"prod: {summary}")
    assert event.text("DESCRIPTION") == printable(remedy)
    assert read(text).text("X-WR-CALNAME") == printable(f"{name}: certificates and ceremonies")
    assert written([one], text, LATER, name) == text
