"""The drawing: nothing covers anything, order is kept, and few are seen beside many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.report import scenes
from tests.unit.report.scenes import DAY, HOUR, NOW, deadline, ending
from trustwright.policy.timeline import EDGES, distance, intervals, span
from trustwright.report.chart import chart, happenings

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("width", [330, 1120])
@pytest.mark.parametrize("scene", [scenes.quiet, scenes.troubled, scenes.crowded])
def test_everything_lies_within(scene: object, width: int) -> None:
    """On both widths, whatever the estate."""
    assert callable(scene)
    overview, _ = scene()
    drawn = chart(overview, happenings(overview), width)
    for lane in drawn.lanes:
        for bar in lane.bars:
            assert drawn.left <= bar.x <= bar.x + bar.width <= drawn.width
            assert lane.top <= bar.y <= bar.y + bar.height == pytest.approx(lane.base)
        for mark in lane.marks:
            assert drawn.left <= mark.x <= drawn.right
            assert lane.base < mark.y <= drawn.height
    tops = [lane.top for lane in drawn.lanes]
    assert tops == sorted(tops)
    assert drawn.lanes[-1].name == ""


def test_no_mark_covers_another() -> None:
    """Forty dates at one moment stand below each other."""
    overview, _ = scenes.quiet()
    many = tuple(deadline("rotation", "prod", f"prod-g{n}", DAY, 30 * DAY) for n in range(40))
    overview = replace(overview, deadlines=many)
    (_, prod, _) = chart(overview, happenings(overview), 330).lanes
    places = [(mark.x, mark.y) for mark in prod.marks]
    assert len(places) == 41
    for index, (x, y) in enumerate(places):
        for other_x, other_y in places[index + 1 :]:
            assert abs(x - other_x) >= 10 or abs(y - other_y) >= 17


def test_one_is_seen_beside_five_thousand() -> None:
    """A bar has a height that the eye finds."""
    overview, _ = scenes.crowded()
    heights = {
        bar.number: bar.height for lane in chart(overview, (), 1120).lanes for bar in lane.bars
    }
    assert heights[1] >= 4
    assert heights[2820] > heights[1910] > heights[370] > heights[3]


def test_what_has_ended_stands_left_of_now() -> None:
    """In its own strip, however long ago."""
    overview, _ = scenes.troubled()
    drawn = chart(overview, happenings(overview), 1120)
    (past,) = (bar for lane in drawn.lanes for bar in lane.bars if bar.tone == "past")
    assert past.x + past.width <= drawn.now
    (passed,) = (
        mark for lane in drawn.lanes for mark in lane.marks if mark.happening.tone == "past"
    )
    assert passed.x < drawn.now


def test_tones_follow_the_warning() -> None:
    """Far until people are to hear of it, past from the moment on."""
    overview, _ = scenes.quiet()
    cases = [(DAY, 2 * DAY, "far"), (timedelta(), DAY, "near"), (-DAY, timedelta(), "past")]
    for warn, at, tone in cases:
        (found,) = happenings(
            replace(
                overview,
                environments=(),
                deadlines=(deadline("rotation", "prod", "prod-g1", warn, at),),
            )
        )
        assert found.tone == tone


def test_intervals_name_their_ends() -> None:
    """The first is what has ended, the last is open; empty ones are left out."""
    found = intervals(ending(_now=1, _1h=2, _3d=3, _later=4))
    assert [(each.label, each.number) for each in found] == [
        ("ended", 1),
        ("now to 1 h", 2),
        ("2 d to 3 d", 3),
        ("20 y or more", 4),
    ]
    assert (found[0].after, found[0].until) == (None, timedelta())
    assert (found[-1].after, found[-1].until) == (EDGES[-1][1], None)


def test_spans_are_said_as_people_say_them() -> None:
    """One unit, the one that tells most."""
    cases = {
        timedelta(seconds=59): "59 s",
        timedelta(seconds=60): "1 min",
        timedelta(minutes=119): "119 min",
        2 * HOUR: "2 h",
        47 * HOUR: "47 h",
        2 * DAY: "2 d",
        729 * DAY: "729 d",
        730 * DAY: "2 y",
    }
    assert {between: span(between) for between in cases} == cases
    assert distance(NOW + DAY, NOW) == "in 24 h"
    assert distance(NOW, NOW) == "0 s ago"
