"""Which channels hear a notice."""

from __future__ import annotations

import pytest

from trustwright.model.estate import Notify, Route, Severity
from trustwright.notify.routes import channels_for
from trustwright.ports import Notice

pytestmark = pytest.mark.unit

NOTIFY = Notify(
    routes=(
        Route(channel="all"),
        Route(channel="loud", at_least="critical"),
        Route(channel="prod-team", at_least="warning", environments=("prod",)),
        Route(channel="all", at_least="critical"),
    )
)


@pytest.mark.parametrize(
    ("severity", "environment", "channels"),
    [
        ("info", "prod", ("all",)),
        ("warning", "prod", ("all", "prod-team")),
        ("critical", "prod", ("all", "loud", "prod-team")),
        ("critical", "test", ("all", "loud")),
        ("warning", "", ("all", "prod-team")),
        ("info", "", ("all",)),
    ],
)
def test_severity_and_environment_decide(
    severity: Severity, environment: str, channels: tuple[str, ...]
) -> None:
    """Each matching channel once, in the order of the file; no environment concerns everybody."""
    notice = Notice(
        event="trustwright.test.done",
        severity=severity,
        title="t",
        body="b",
        environment=environment,
    )
    assert channels_for(notice, NOTIFY) == channels


def test_no_routes_no_channels() -> None:
    """An estate that names no channel tells nobody."""
    notice = Notice(event="trustwright.test.done", severity="critical", title="t", body="b")
    assert channels_for(notice, Notify()) == ()
