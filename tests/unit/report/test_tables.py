"""What Prefect's artifacts show, and that none of them can fail a run."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from flows import artifacts
from tests.unit.report import scenes
from tests.unit.report.scenes import NOW
from tests.unit.report.test_page import ATTACKS, attacked_scene
from trustwright.errors import Unavailable
from trustwright.report.tables import ROWS, bar, estate_page, expiring_rows, finding_rows

pytestmark = pytest.mark.unit


def test_the_estate_in_markdown() -> None:
    """What needs a person comes first, then bars of what ends, dates and issuers."""
    text = estate_page(scenes.troubled()[0])
    lines = text.splitlines()
    assert lines[0] == "# Example: Now"
    titles = [line for line in lines if line.startswith("## ")]
    assert titles == [
        "## What needs you",
        "## Certificates that end",
        "## Dates",
        "## Intermediates",
    ]
    assert f"| prod | ended | 1 | {'█' * 24} |" in lines
    assert estate_page(scenes.quiet()[0]).startswith("# Example: Nothing needs a person\n")


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_of_others_is_markup(attack: str) -> None:
    """Lines are as many as with a harmless text, and no tag or link begins."""
    attacked, harmless = (estate_page(attacked_scene(each)[0]) for each in (attack, "harmless"))
    assert attacked.count("\n") == harmless.count("\n")
    assert not {"<", ">", "[", "]"} & set(attacked)
    assert [one for one in attacked if not one.isprintable() and one != "\n"] == []


def test_bars_grow_and_none_is_empty() -> None:
    """One of five thousand is seen; nothing is nothing."""
    lengths = [len(bar(number, 5000)) for number in (0, 1, 2500, 5000)]
    assert lengths == [0, 1, 12, 24]


def test_tables_are_bounded_and_plain() -> None:
    """A thousand findings are a hundred rows; a role without certificates has a row, too."""
    overview, _ = scenes.troubled()
    assert [row["kind"] for row in finding_rows(overview)] == [
        "certificate-rogue",
        "consumer-failed",
    ]
    many = replace(overview, findings=overview.findings * 500)
    assert len(finding_rows(many)) == ROWS
    (row,) = (r for r in expiring_rows(overview) if (r["environment"], r["late"]) == ("prod", 1))
    assert (row["role"], row["valid"], row["ended"]) == ("server", 2, 1)
    assert row["first end"] == f"{NOW - scenes.HOUR:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("wrong", [Unavailable("down", rule="X"), ValueError("odd"), OSError()])
def test_a_picture_that_cannot_be_drawn_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wrong: Exception
) -> None:
    """It is said in the log, and the run goes on."""

    def fail(*_: Any, **__: Any) -> None:
        raise wrong

    monkeypatch.setattr(artifacts, "get_run_logger", lambda: logging.getLogger("run"))
    monkeypatch.setattr(artifacts, "look_over_estate", fail)
    monkeypatch.setattr(artifacts, "create_progress_artifact", fail)
    artifacts.publish_estate()
    artifacts.show_renewed("prod", 1, 2)
    said = [record.getMessage() for record in caplog.records if record.name == "run"]
    assert [text.partition(":")[0] for text in said] == [
        "could not show the estate",
        "could not show the progress of prod",
    ]


def test_progress_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of none everything is done."""
    made: list[float] = []
    monkeypatch.setattr(
        artifacts, "create_progress_artifact", lambda **facts: made.append(facts["progress"])
    )
    for done, due in ((0, 4), (1, 4), (4, 4), (0, 0)):
        artifacts.show_renewed("prod", done, due)
    assert made == [0, 25, 100, 100]
