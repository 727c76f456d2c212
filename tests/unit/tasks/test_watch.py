"""The watch before there is anything to watch, and when it comes round."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.schemas.schedules import IntervalSchedule

from deployments.serve import FIRST_SWEEP, FIRST_WATCH, WATCH_EVERY, deployments
from trustwright.assembly import nothing_begun
from trustwright.model.records import EnvironmentRecord
from trustwright.settings import Settings
from trustwright.store import migrate, open_records

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a home with an empty store and no estate."""
    found = Settings.from_environment({"TRUSTWRIGHT_HOME": str(tmp_path)})
    migrate(found.store_url)
    return found


def test_a_stack_without_an_estate_has_nothing_to_watch(settings: Settings) -> None:
    """It is started first and described afterwards, as README does."""
    assert nothing_begun(settings) is True
    settings.estate.touch()
    assert nothing_begun(settings) is False


def test_an_estate_that_got_lost_is_not_nothing(settings: Settings) -> None:
    """The record knows an environment: the watch has to fail aloud."""
    with open_records(settings.store_url) as records:
        records.environments.insert(EnvironmentRecord(name="prod", updated=NOW))
    assert nothing_begun(settings) is False


def schedule_of(flow: str) -> IntervalSchedule:
    """Return the one schedule of a flow."""
    (served,) = (each for each in deployments(NOW) if each.flow_name == flow)
    (schedule,) = (each.schedule for each in served.schedules or [])
    assert isinstance(schedule, IntervalSchedule)
    return schedule


def test_the_watch_comes_round_soon_after_every_start() -> None:
    """Counted from the start of the process, later than the scheduler needs to notice it."""
    schedule = schedule_of("watch-ceremonies")
    assert schedule.interval == WATCH_EVERY
    assert schedule.anchor_date == NOW + FIRST_WATCH
    assert timedelta(seconds=15) < FIRST_WATCH < WATCH_EVERY


def test_the_sweep_comes_round_after_the_watch() -> None:
    """Every hour unless the settings say otherwise; first, what the watch settles is settled."""
    schedule = schedule_of("sweep-expiry")
    assert schedule.interval == timedelta(hours=1)
    assert schedule.anchor_date == NOW + FIRST_SWEEP
    assert FIRST_WATCH < FIRST_SWEEP
    often = [each for each in deployments(NOW, timedelta(minutes=5)) if each.schedules]
    intervals = {
        each.flow_name: getattr(schedule.schedule, "interval", None)
        for each in often
        for schedule in each.schedules or []
    }
    assert intervals == {"watch-ceremonies": WATCH_EVERY, "sweep-expiry": timedelta(minutes=5)}
