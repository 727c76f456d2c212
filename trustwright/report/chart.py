"""The expiry timeline as shapes: where each bar and mark stands, on a logarithmic axis.

The near end is wide, because hours count there; twenty years fit at the far end. Certificates are
bars of counts, so five look like five and five thousand like five thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from trustwright.policy.overview import EnvironmentFacts, Overview
from trustwright.policy.timeline import EDGES, intervals

Tone = Literal["past", "near", "far"]
"""*past*: it should not be. *near*: people have heard of it. *far*: it is only planned."""

_SHORTEST = timedelta(days=30)
_HEADROOM, _BARS, _MARKS, _GAP = 15, 54, 22, 16
_DIGIT = 6.4
"""Width of a digit in the labels of bars."""

_THOUSAND, _MILLION = 1000, 1_000_000


@dataclass(frozen=True)
class Happening:
    """One moment on the timeline; its number leads to the table below."""

    number: int
    environment: str
    what: str
    at: datetime
    tone: Tone


@dataclass(frozen=True)
class Bar:
    """Certificates that end in one interval."""

    x: float
    y: float
    width: float
    height: float
    number: int
    label: str
    title: str
    tone: Tone


@dataclass(frozen=True)
class Mark:
    """A happening's place."""

    x: float
    y: float
    happening: Happening


@dataclass(frozen=True)
class Lane:
    """One environment, or the root."""

    name: str
    top: float
    base: float
    bottom: float
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Chart:
    """The whole drawing, in pixels."""

    width: int
    height: float
    left: float
    now: float
    right: float
    ticks: tuple[tuple[float, str], ...]
    lanes: tuple[Lane, ...]


def happenings(overview: Overview) -> tuple[Happening, ...]:
    """Return the deadlines and the ends of the delivered CRLs, nearest first, numbered."""
    found = [(each.at, each.environment, each.summary, each.warn) for each in overview.deadlines]
    for each in overview.environments:
        if each.crl_until is not None:
            what = f"the first delivered CRL of {each.name} ends; it is renewed at half its life"
            found.append((each.crl_until, each.name, what, each.crl_until))
    return tuple(
        Happening(number, environment, what, at, _tone(at, warn, overview.at))
        for number, (at, environment, what, warn) in enumerate(sorted(found), start=1)
    )


def _tone(at: datetime, warn: datetime, now: datetime) -> Tone:
    if at <= now:
        return "past"
    return "near" if warn <= now else "far"


def chart(overview: Overview, moments: Sequence[Happening], width: int) -> Chart:
    """Return the drawing of an estate; `width` decides how many labels have room."""
    axis = _Axis(overview, moments, width)
    highest = max((max(each.ending) for each in overview.environments if each.ending), default=0)
    lanes: list[Lane] = []
    top = 20.0
    for each in overview.environments:
        lanes.append(_lane(axis, each.name, top, moments, _bars(axis, each, top, highest)))
        top = lanes[-1].bottom + _GAP
    lanes.append(_lane(axis, "", top, moments, ()))
    return Chart(
        width=width,
        height=lanes[-1].bottom + 4,
        left=axis.left,
        now=axis.now,
        right=axis.right,
        ticks=axis.ticks(),
        lanes=tuple(lanes),
    )


class _Axis:
    def __init__(self, overview: Overview, moments: Sequence[Happening], width: int) -> None:
        self._start = overview.at
        reach = max([_SHORTEST, *(each.at - overview.at for each in moments)])
        self._reach = math.log1p(reach * 1.1 / timedelta(hours=1))
        self.left, self.now, self.right = 0.0, 34.0, width - 14.0

    def place(self, after: timedelta) -> float:
        """Return where a time from now stands; everything that is past stands left of now."""
        if after <= timedelta():
            return (self.left + self.now) / 2
        along = math.log1p(after / timedelta(hours=1)) / self._reach
        return round(self.now + min(along, 1.0) * (self.right - self.now), 1)

    def at(self, moment: datetime) -> float:
        """Return where a moment stands."""
        return self.place(moment - self._start)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Return the edges that have room for their label and lie on the axis."""
        found = [(self.now, "now")]
        for label, after in EDGES[1:]:
            x = self.place(after)
            if x < self.right and x - found[-1][0] >= 13 + 5 * len(label):
                found.append((x, label))
        return tuple(found)


def _bars(axis: _Axis, environment: EnvironmentFacts, top: float, highest: int) -> Iterable[Bar]:
    base = top + _HEADROOM + _BARS
    for each in intervals(environment.ending):
        left = axis.left + 4 if each.after is None else axis.place(each.after)
        right = axis.now if each.after is None else axis.right
        right = right if each.until is None or each.after is None else axis.place(each.until)
        # Areas deceive, heights of a square root do not hide the few beside the many.
        height = round(max(4.0, _BARS * math.sqrt(each.number / highest)), 1)
        width = round(max(right - left - 2, 2.0), 1)
        yield Bar(
            x=left + 1,
            y=base - height,
            width=width,
            height=height,
            number=each.number,
            label=label if len(label := _short(each.number)) * _DIGIT <= width + 4 else "",
            title=f"{environment.name}: {each.number} end {each.label}",
            tone="past" if each.after is None else "far",
        )


def _short(number: int) -> str:
    if number < 10 * _THOUSAND:
        return str(number)
    return f"{number // _THOUSAND}k" if number < _MILLION else f"{number / _MILLION:.1f}M"


def _lane(
    axis: _Axis, name: str, top: float, moments: Sequence[Happening], bars: Iterable[Bar]
) -> Lane:
    drawn = tuple(bars)
    base = top + _HEADROOM + (_BARS if name else 0)
    marks = tuple(_marks(axis, base + 5, [each for each in moments if each.environment == name]))
    bottom = max([base + 4, *(mark.y + _MARKS / 2 for mark in marks)])
    return Lane(name, top, base, bottom, drawn, marks)


def _marks(axis: _Axis, top: float, moments: Sequence[Happening]) -> Iterable[Mark]:
    """Yield the marks, in as many rows as it takes for none to cover another."""
    ends: list[float] = []
    for each in moments:
        x = axis.at(each.at)
        row = next((row for row, end in enumerate(ends) if end <= x - 10), len(ends))
        ends[row : row + 1] = [x + 10]
        yield Mark(x, top + _MARKS / 2 + row * _MARKS, each)
