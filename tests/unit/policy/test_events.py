"""The catalogue of events is complete, and a line becomes the event that it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trustwright.model.records import AuditRecord
from trustwright.policy.events import CATALOGUE, consumers_due, event_of

pytestmark = pytest.mark.unit

CHECKOUT = Path(__file__).parents[3]
CATALOGUE_FILE = CHECKOUT / "trustwright/policy/events.py"
NAME = re.compile(r"trustwright\.[a-z-]+\.[a-z-]+")
RUN = "0198a1de-1111-7000-8000-000000000001"
LINE = AuditRecord(
    id="20260101T000000Z-aa",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    event="trustwright.consumer.delivered",
    environment="prod",
    subject="prod/billing",
    actor=RUN,
    detail="serial aa:bb, version 2",
)


def texts() -> Iterator[tuple[str, bool]]:
    """Yield every text of the code that may be an event's name; whether it is the whole of it."""
    for package in ("trustwright", "flows", "tasks", "deployments"):
        for path in (CHECKOUT / package).rglob("*.py"):
            if path == CATALOGUE_FILE:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    yield str(node.values[0].value), False
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value, True


def is_module(text: str) -> bool:
    """Whether a dotted name is that of a module of ours."""
    return (CHECKOUT / text.replace(".", "/")).with_suffix(".py").exists()


def used() -> tuple[set[str], set[str]]:
    """Return the names in the code, and the beginnings of names that are put together."""
    whole, begun = set(), set()
    for text, complete in texts():
        if complete and NAME.fullmatch(text) and not is_module(text):
            whole.add(text)
        elif not complete and re.fullmatch(r"trustwright\.[a-z-]+\.", text):
            begun.add(text)
    return whole, begun


def test_every_name_in_the_code_is_in_the_catalogue() -> None:
    """Whoever writes a flow or an automation finds each name in one place."""
    whole, begun = used()
    assert len(whole) > 20
    assert whole - CATALOGUE.keys() == set()
    unknown = [each for each in begun if not any(name.startswith(each) for name in CATALOGUE)]
    assert unknown == []


def test_every_name_of_the_catalogue_is_in_the_code() -> None:
    """The catalogue promises nothing that is never emitted."""
    whole, begun = used()
    idle = CATALOGUE.keys() - whole - {consumers_due("prod", 1).name}
    assert {name for name in idle if not name.startswith(tuple(begun))} == set()


def test_a_line_becomes_an_event() -> None:
    """Time, actor and detail of the row; the run is named, so that its page shows the event."""
    event = event_of(LINE)
    assert event is not None
    assert (event.name, event.resource) == (LINE.event, "trustwright.consumer.prod.billing")
    assert event.payload == {
        "environment": "prod",
        "subject": "prod/billing",
        "actor": RUN,
        "detail": "serial aa:bb, version 2",
    }
    assert (event.occurred, event.run) == (LINE.at, RUN)
    assert event == event_of(LINE)
    assert event.key != getattr(event_of(LINE.model_copy(update={"id": "other"})), "key", "")


def test_a_person_is_no_run() -> None:
    """A command's actor is an account on a machine."""
    event = event_of(LINE.model_copy(update={"actor": "alice"}))
    assert event is not None
    assert event.run == ""


def test_what_is_noted_and_told_is_one_event() -> None:
    """A ceremony that expired is noted, and people are told: an automation hears of it once."""
    for name, note, notice in (
        ("trustwright.ceremony.expired", True, False),
        ("trustwright.ceremony.reminded", False, True),
        ("trustwright.notice.failed", False, False),
        ("trustwright.nothing.known", False, False),
    ):
        line = LINE.model_copy(update={"event": name})
        assert (event_of(line) is not None, event_of(line, told=True) is not None) == (note, notice)


def test_an_event_is_bounded() -> None:
    """Details are cut, and so is what a hostile subject would make of the resource."""
    long = LINE.model_copy(update={"subject": "x/" * 5000, "detail": "y" * 5000})
    event = event_of(long)
    assert event is not None
    assert len(event.resource) == 300
    assert len(str(event.payload["detail"])) == 500


@pytest.mark.parametrize(
    "name", sorted(name for name, kind in CATALOGUE.items() if kind.source in {"line", "notice"})
)
def test_every_line_makes_what_the_catalogue_says(name: str) -> None:
    """Each resource is made of what its line has, and begins alike; so is each payload."""
    kind = CATALOGUE[name]
    event = event_of(LINE.model_copy(update={"event": name}), told=kind.source == "notice")
    assert event is not None
    assert re.fullmatch(r"trustwright(\.[a-z0-9-]+)+", event.resource)
    assert tuple(event.payload) == kind.payload


def test_only_the_sweep_starts_a_flow() -> None:
    """What a renewal emits starts nothing, so no renewal starts the next one."""
    starting = {name: kind for name, kind in CATALOGUE.items() if kind.starts}
    assert {(name, kind.source) for name, kind in starting.items()} == {
        ("trustwright.consumers.due", "sweep")
    }


def test_a_repeat_of_what_is_due_is_another_event() -> None:
    """Each sweep rings for itself."""
    event = consumers_due("prod", 3)
    assert (event.resource, event.key) == ("trustwright.environment.prod", "")
    assert event.payload == {"environment": "prod", "count": 3}
