"""The adapter to Prefect's REST API, against a real server with a real runner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.site import eventually
from tests.prefect.server import PrefectServer
from trustwright.errors import ConflictError, Denied, Rejected, Unavailable
from trustwright.prefect_api import FINAL, FlowRun, PrefectApi, PrefectRuns

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(400)]

ASKS = "asks/tests"
WORKS = "works/tests"
PATIENCE = 180.0
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def api(prefect_server: PrefectServer) -> PrefectApi:
    """Return the adapter under test."""
    return prefect_server.api


@pytest.fixture(scope="module")
def pool(api: PrefectApi) -> Iterator[list[FlowRun]]:
    """Return runs that will suspend: started together, because each start takes seconds."""
    runs = [api.run_deployment(ASKS) for _ in range(6)]
    yield list(runs)
    for run in runs:
        api.cancel(run.id)


@pytest.fixture
def suspended(api: PrefectApi, pool: list[FlowRun]) -> str:
    """Return a run that waits at its first question."""
    return api.wait(pool.pop().id, {"Suspended"}, deadline=PATIENCE, poll=0.1).id


@pytest.fixture(scope="module")
def waiting(api: PrefectApi, pool: list[FlowRun]) -> str:
    """Return a suspended run that no test wakes."""
    return api.wait(pool.pop().id, {"Suspended"}, deadline=PATIENCE, poll=0.1).id


def raw(server: PrefectServer, method: str, path: str, body: object = None) -> Any:
    """Send a request without the adapter."""
    user, _, word = server.auth.partition(":")
    answer = requests.request(method, server.url + path, json=body, auth=(user, word), timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def question(server: PrefectServer, run: str) -> str | None:
    """Return the key under which a run waits for an answer; None while it does not wait."""
    details = raw(server, "GET", f"/flow_runs/{run}")["state"]["state_details"]
    key: str | None = (details.get("run_input_keyset") or {}).get("response")
    return key


def test_a_running_server_is_healthy(api: PrefectApi) -> None:
    """The server answers without a password when it is asked for its health."""
    assert api.healthy() is True


def test_the_runner_is_seen_at_work(api: PrefectApi) -> None:
    """A runner asks for work; before it was there nobody did."""
    now = datetime.now(UTC)
    assert api.served_since(now - timedelta(seconds=30)) is True
    assert api.served_since(now + timedelta(seconds=30)) is False


def test_one_key_makes_one_run(api: PrefectApi) -> None:
    """Asking twice with one idempotency key gives the same run."""
    first = api.run_deployment(WORKS, {"until": ""}, idempotency_key="once")
    assert api.run_deployment(WORKS, {"until": ""}, idempotency_key="once").id == first.id


def test_parameters_that_do_not_fit_are_refused(api: PrefectApi) -> None:
    """HTTP 409 from Prefect is our Rejected, with the field and without the value."""
    with pytest.raises(Rejected) as refused:
        api.run_deployment(ASKS, {"timeout": "later"})
    assert refused.value.rule == "PREFECT-PARAMETERS"
    assert "timeout" in refused.value.what


@pytest.mark.parametrize("name", ["asks/nothing", "nothing/tests"])
def test_an_unknown_deployment_is_named(api: PrefectApi, name: str) -> None:
    """The error names the deployment."""
    with pytest.raises(Rejected) as refused:
        api.run_deployment(name)
    assert refused.value.rule == "PREFECT-UNKNOWN"
    assert name in refused.value.what


@pytest.mark.parametrize("run", [NOBODY, "nonsense"])
def test_an_unknown_run_is_named(api: PrefectApi, run: str) -> None:
    """A run that is not there and a text that is no identifier are both unknown."""
    with pytest.raises(Rejected) as refused:
        api.flow_run(run)
    assert refused.value.rule == "PREFECT-UNKNOWN"
    assert run in refused.value.what


def test_without_the_password_everything_is_denied(prefect_server: PrefectServer) -> None:
    """The API is closed, and the error does not show the password."""
    for auth in (None, "trustwright:wrong"):
        with pytest.raises(Denied) as refused:
            PrefectApi(prefect_server.url, auth).flow_runs(ASKS)
        assert refused.value.rule == "PREFECT-DENIED"
        assert prefect_server.auth not in str(refused.value)


def test_a_good_answer_wakes_and_completes(api: PrefectApi, suspended: str) -> None:
    """The answer reaches the flow, which then ends; a second one (200 with ABORT) is too late."""
    api.resume(suspended, {"text": "good"})
    with pytest.raises(ConflictError) as refused:
        api.resume(suspended, {"text": "good"})
    assert refused.value.rule == "PREFECT-RESUME"
    assert "not paused" in refused.value.what
    done = api.wait(suspended, {"COMPLETED"}, deadline=PATIENCE)
    assert (done.state_type, done.state_name, done.final) == ("COMPLETED", "Completed", True)


def test_a_bad_answer_is_asked_again(
    api: PrefectApi, prefect_server: PrefectServer, suspended: str
) -> None:
    """A well-formed answer that the flow refuses suspends it under the next question."""
    api.resume(suspended, {"text": "bad"})
    wanted = "suspended-question-1-1-response"
    eventually("it asks the next question", lambda: question(prefect_server, suspended) == wanted)


@pytest.mark.parametrize("answer", [{"text": 7}, {"txt": "good"}])
def test_a_malformed_answer_is_refused(
    api: PrefectApi, waiting: str, answer: dict[str, object]
) -> None:
    """HTTP 200 with REJECT raises, and the run waits as before."""
    with pytest.raises(Rejected) as refused:
        api.resume(waiting, answer)
    assert refused.value.rule == "PREFECT-RESUME"
    assert api.flow_run(waiting).state_name == "Suspended"


def test_an_answer_left_before_is_in_the_way(
    api: PrefectApi, prefect_server: PrefectServer, suspended: str
) -> None:
    """HTTP 409 raises: an answer is stored under this question's key already."""
    state = raw(prefect_server, "GET", f"/flow_runs/{suspended}")["state"]
    key = state["state_details"]["run_input_keyset"]["response"]
    raw(prefect_server, "POST", f"/flow_runs/{suspended}/input", {"key": key, "value": "{}"})
    with pytest.raises(ConflictError) as refused:
        api.resume(suspended, {"text": "good"})
    assert refused.value.rule == "PREFECT-RESUME"
    assert "already has an answer" in refused.value.what


def test_a_suspended_run_is_cancelled_at_once(api: PrefectApi, suspended: str) -> None:
    """The server says REJECT and cancels all the same; cancelling again changes nothing."""
    assert api.cancel(suspended, "not wanted").state_name == "Cancelled"
    assert api.cancel(suspended).state_name == "Cancelled"
    with pytest.raises(ConflictError):
        api.resume(suspended, {"text": "good"})


def test_a_running_run_is_cancelled_by_its_runner(api: PrefectApi, tmp_path: Path) -> None:
    """It is Cancelling first; its process is ended and it is Cancelled."""
    run = api.run_deployment(WORKS, {"until": str(tmp_path / "never")})
    api.wait(run.id, {"RUNNING"}, deadline=PATIENCE)
    assert api.cancel(run.id).state_type in {"CANCELLING", "CANCELLED"}
    assert api.wait(run.id, FINAL, deadline=PATIENCE).state_type == "CANCELLED"


def test_the_lifecycle_sees_a_run_wait_and_end(api: PrefectApi, suspended: str) -> None:
    """A waiting run is alive and can be ended, once; a stranger is neither."""
    runs = PrefectRuns(api)
    assert (runs.alive(suspended), runs.cancelled(suspended)) == (True, False)
    runs.end(suspended, "superseded")
    runs.end(suspended, "superseded")
    assert (runs.alive(suspended), runs.cancelled(suspended)) == (False, True)
    runs.end(NOBODY, "superseded")
    assert (runs.alive(NOBODY), runs.cancelled("nonsense")) == (False, False)


def test_runs_are_found_by_state(api: PrefectApi, tmp_path: Path) -> None:
    """Types and names of states select; other runs are left out."""
    run = api.run_deployment(WORKS, {"until": str(tmp_path / "end")})
    api.wait(run.id, {"RUNNING"}, deadline=PATIENCE)
    found = {one.id for one in api.flow_runs(WORKS, {"RUNNING", "Suspended"})}
    assert run.id in found
    assert run.id not in {one.id for one in api.flow_runs(WORKS, {"COMPLETED"})}
    assert run.id not in {one.id for one in api.flow_runs(ASKS)}
    assert run.id in {one.id for one in api.flow_runs()}
    (tmp_path / "end").touch()
    api.wait(run.id, {"COMPLETED"}, deadline=PATIENCE)


def test_a_run_that_ended_otherwise_is_not_awaited(api: PrefectApi) -> None:
    """Waiting ends with an error as soon as the wanted state cannot come."""
    run = api.run_deployment(WORKS)
    api.cancel(run.id)
    with pytest.raises(Rejected) as refused:
        api.wait(run.id, {"Nonesuch"}, deadline=PATIENCE)
    assert (refused.value.rule, refused.value.where) == ("PREFECT-ENDED", api.ui_link(run.id))


def test_waiting_ends_at_its_deadline(api: PrefectApi, waiting: str) -> None:
    """The error says in which state the run still is."""
    with pytest.raises(Unavailable) as refused:
        api.wait(waiting, {"COMPLETED"}, deadline=0.2, poll=0.1)
    assert "still Suspended after 0.2 s" in refused.value.what


def test_links_lead_to_the_pages(prefect_server: PrefectServer, api: PrefectApi) -> None:
    """The links are those of the user interface that is served."""
    base = prefect_server.url.removesuffix("/api")
    assert api.ui_link("abc") == f"{base}/runs/flow-run/abc"
    assert api.ui_link() == f"{base}/runs"
    page = requests.get(api.ui_link("abc"), headers={"Accept": "text/html"}, timeout=10)
    assert "<title>Prefect Server</title>" in page.text


def test_the_other_pages_are_switched_off(prefect_server: PrefectServer) -> None:
    """The second user interface, which asks an outside host, is not served."""
    base = prefect_server.url.removesuffix("/api")
    settings = requests.get(f"{base}/ui-settings", timeout=10).json()
    assert (settings["default_ui"], settings["auth"]) == ("v1", "BASIC")
    page = requests.get(f"{base}/v2/", headers={"Accept": "text/html"}, timeout=10)
    assert "switched off" in page.text


def test_nothing_is_sent_home(prefect_server: PrefectServer) -> None:
    """The running server's own settings say that analytics are off."""
    settings = raw(prefect_server, "GET", "/admin/settings")
    assert settings["server"]["analytics_enabled"] is False
    assert settings["server"]["services"]["task_run_recorder"]["read_batch_size"] == 100
