"""The report as one HTML page: nothing is fetched, nothing runs, nothing in it is obeyed.

The template escapes by itself, and every text is made visible first: no control, direction mark or
line break of a name reaches the page. The page's own policy forbids whatever is left.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

import trustwright
from trustwright.ceremony.shown import printable
from trustwright.clock import utc_text
from trustwright.lifecycle.estate_map import EnvironmentMap
from trustwright.policy.overview import Need, Overview, needs, standing
from trustwright.policy.timeline import distance, intervals, span
from trustwright.report.chart import chart, happenings

WIDE, NARROW = 1120, 330
"""Widths of the timeline's two drawings, in pixels: a wide screen or paper, and a telephone."""

NEEDS_SHOWN = 25


def page(overview: Overview, estate: Mapping[str, EnvironmentMap]) -> str:
    """Return the page of an estate, UTF-8, complete in itself."""
    found, moments = needs(overview), happenings(overview)
    style = _style()
    return _template().render(
        version=trustwright.__version__,
        style=style,
        style_hash=_source_hash(style),
        overview=overview,
        estate=estate,
        needs=found[:NEEDS_SHOWN],
        more_needs=len(found) - NEEDS_SHOWN,
        urgent=sum(each.severity == "critical" for each in found),
        asking=sum(each.severity != "info" for each in found),
        standing=standing(found),
        upcoming=_upcoming(overview),
        moments=moments,
        charts=(
            ("wide", chart(overview, moments, WIDE)),
            ("narrow", chart(overview, moments, NARROW)),
        ),
    )


def _upcoming(overview: Overview) -> Need | None:
    """Return the nearest deadline that still lies ahead."""
    for each in overview.deadlines:
        if each.at > overview.at:
            return Need("info", each.environment, each.summary, each.remedy, due=each.at)
    return None


def _style() -> str:
    # Within <style> nothing is escaped, so what stands there must be what the policy's hash says.
    return (files(__package__ or "") / "templates" / "page.css").read_text(encoding="utf-8")


def _source_hash(text: str) -> str:
    """Return a source expression for an inline text (CSP Level 3 §2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _template() -> Template:
    made = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    made.filters.update(utc=utc_text, minute=_minute, span=span, short=_short, intervals=intervals)
    made.globals.update(distance=distance, length=_length)
    return made.get_template("page.html")


def _visible(value: object) -> object:
    """Return a text with everything that is not printed as it stands written as an escape."""
    return printable(value) if type(value) is str else value


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _short(fingerprint: str) -> str:
    """Return enough of a fingerprint to tell two apart by eye."""
    digits = fingerprint.removeprefix("sha256:")
    return " ".join(digits[place : place + 4] for place in range(0, 16, 4))


def _length(start: datetime, end: datetime, now: datetime) -> float:
    """Return how much of a life is over, from 0 to 100."""
    whole = max((end - start) / timedelta(seconds=1), 1.0)
    return round(100 * min(max((now - start) / timedelta(seconds=1) / whole, 0.0), 1.0), 1)
