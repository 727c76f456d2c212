"""Events start flows, against a real server with a real runner."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from tests.e2e.site import eventually
from tests.ports import LOOPBACK, reserved_port
from tests.prefect.served import deployments
from tests.prefect.server import PrefectServer
from tests.prefect.test_prefect_api import raw
from trustwright.policy.events import consumers_due
from trustwright.ports import Event
from trustwright.prefect_api.events import PrefectEvents

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(400)]

HEARS = "hears"
RUN = "0198a1de-1111-7000-8000-000000000001"


@pytest.fixture(scope="module")
def events(prefect_server: PrefectServer) -> PrefectEvents:
    """Return the adapter under test, with patience for a machine that runs other tests as well."""
    return PrefectEvents(prefect_server.url, prefect_server.auth, timeout=60)


def runs_of(server: PrefectServer, environment: str) -> list[dict[str, Any]]:
    """Return the runs that events of an environment started."""
    body = {"flows": {"name": {"any_": [HEARS]}}}
    found = raw(server, "POST", "/flow_runs/filter", body)
    return [run for run in found if run["parameters"] == {"environment": environment}]


def recorded(server: PrefectServer, resource: str) -> list[dict[str, Any]]:
    """Return the events of a resource that the server keeps."""
    body = {"filter": {"resource": {"id": [resource]}}, "limit": 50}
    found: list[dict[str, Any]] = raw(server, "POST", "/events/filter", body)["events"]
    return found


def triggers_registered(server: PrefectServer) -> int:
    """Return how many automations ring for a renewal."""
    found = raw(server, "POST", "/automations/filter", {"limit": 200})
    return len([each for each in found if each["name"] == "consumers are due"])


def test_an_event_starts_one_run_with_its_environment(
    prefect_server: PrefectServer, events: PrefectEvents
) -> None:
    """Within seconds, with the environment of the payload, and the run comes to its end."""
    assert events.emit([consumers_due("prod", 3)]) is True
    found = eventually("a run", lambda: runs_of(prefect_server, "prod"))
    ended = prefect_server.api.wait(found[0]["id"], {"COMPLETED"}, deadline=120)
    assert ended.state_type == "COMPLETED"
    assert len(runs_of(prefect_server, "prod")) == 1


def test_a_storm_starts_one_run_for_each_environment(
    prefect_server: PrefectServer, events: PrefectEvents
) -> None:
    """Fifty at once, for two environments in turn: one run each, and later ones ring again."""
    for number in range(25):
        both = [consumers_due(name, number) for name in ("storm", "lull")]
        assert events.emit(both) is True
    later = datetime.now(UTC) + timedelta(seconds=70)
    again = Event(**{**vars(consumers_due("storm", 1)), "occurred": later})
    assert events.emit([again, consumers_due("fence", 1)]) is True
    # Two workers judge events about in their order: when these ran, the others were judged.
    eventually("the last run", lambda: runs_of(prefect_server, "fence"))
    eventually("a run of lull", lambda: runs_of(prefect_server, "lull"))
    eventually("the later run", lambda: len(runs_of(prefect_server, "storm")) > 1)
    assert [len(runs_of(prefect_server, name)) for name in ("storm", "lull")] == [2, 1]


def test_a_repeat_is_the_same_event(prefect_server: PrefectServer, events: PrefectEvents) -> None:
    """An event with a key is kept once, with the row's time, and stands at the run's page."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    line = Event("trustwright.consumer.delivered", "trustwright.consumer.prod.repeat", "prod")
    line = Event(**{**vars(line), "key": "a line", "occurred": at, "run": RUN})
    other = Event(**{**vars(line), "key": "another line"})
    assert [events.emit([each]) for each in (line, line, other)] == [True] * 3
    eventually("two events", lambda: len(recorded(prefect_server, line.resource)) > 1)
    found = recorded(prefect_server, line.resource)
    assert len(found) == 2
    assert {datetime.fromisoformat(each["occurred"]) for each in found} == {at}
    assert found[0]["resource"]["trustwright.environment"] == "prod"
    assert [each["prefect.resource.id"] for each in found[0]["related"]] == [
        f"prefect.flow-run.{RUN}"
    ]


def test_registering_again_piles_nothing_up(prefect_server: PrefectServer) -> None:
    """Every start of the runner registers every deployment: each trigger is there once."""
    assert triggers_registered(prefect_server) == 1
    before = raw(prefect_server, "POST", "/automations/filter", {"limit": 200})
    settings = {PREFECT_API_URL: prefect_server.url, PREFECT_API_AUTH_STRING: prefect_server.auth}
    with temporary_settings(settings):
        for _ in range(2):
            for deployment in deployments():
                deployment.apply()
    after = raw(prefect_server, "POST", "/automations/filter", {"limit": 200})
    assert sorted(each["name"] for each in after) == sorted(each["name"] for each in before)
    assert triggers_registered(prefect_server) == 1


def timed(act: Callable[[], bool]) -> tuple[bool, float]:
    """Return an answer and the seconds that it took."""
    began = time.monotonic()
    return act(), time.monotonic() - began


def test_a_server_that_is_down_costs_nothing() -> None:
    """The answer is no, at once; so it is for every line that follows."""
    with reserved_port() as port:
        nowhere = PrefectEvents(f"http://{LOOPBACK}:{port}/api")
        answers = [timed(lambda: nowhere.emit([consumers_due("prod", 1)])) for _ in range(20)]
    assert {answer for answer, _ in answers} == {False}
    assert sum(seconds for _, seconds in answers) < 2
