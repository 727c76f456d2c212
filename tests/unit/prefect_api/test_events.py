"""Events are handed over in one request, and a server that is away costs one try a minute."""

from __future__ import annotations

import json
import socket
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.endpoints.servers import Talk, saying, talking
from trustwright.assembly import Assembly
from trustwright.policy.events import consumers_due
from trustwright.ports import Event
from trustwright.prefect_api.events import PAUSE, NoEvents, PrefectEvents
from trustwright.settings import Settings

pytestmark = pytest.mark.unit

RUN = "0198a1de-1111-7000-8000-000000000001"
LINE = Event(
    name="trustwright.consumer.delivered",
    resource="trustwright.consumer.prod.billing",
    environment="prod",
    payload={"detail": "serial aa"},
    key="a line",
    occurred=datetime(2026, 1, 1, tzinfo=UTC),
    run=RUN,
)


def answering(heard: list[list[dict[str, Any]]], *codes: int) -> Talk:
    """Return a server that answers each request with the next code, and keeps what was posted."""
    left = list(codes)

    def talk(line: socket.socket) -> None:
        with line.makefile("rb") as requests:
            while head := _head(requests):
                heard.append(json.loads(requests.read(int(head["content-length"]))))
                line.sendall(f"HTTP/1.1 {left.pop(0)} x\r\nContent-Length: 0\r\n\r\n".encode())

    return talk


def _head(requests: Any) -> dict[str, str]:
    head: dict[str, str] = {}
    while (text := requests.readline().decode().strip()) or not head:
        if not text:
            return {}
        name, _, value = text.partition(":")
        head[name.lower()] = value.strip()
    return head


class Watch:
    """Seconds that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def url(probe: str) -> str:
    """Return the API's address of a server in a thread."""
    return probe.replace("tls:", "http:") + "/api"


def test_many_events_are_one_request() -> None:
    """A batch is posted at once, each with what Prefect matches by."""
    heard: list[list[dict[str, Any]]] = []
    with talking(answering(heard, 204)) as probe:
        assert PrefectEvents(url(probe)).emit([LINE, consumers_due("prod", 2)]) is True
    ((line, due),) = heard
    assert line == {
        "id": str(uuid.uuid5(uuid.UUID("6f0c2a34-6c0f-5d0e-9a4f-3a8d5c1e7b20"), "a line")),
        "event": "trustwright.consumer.delivered",
        "occurred": "2026-01-01T00:00:00+00:00",
        "resource": {
            "prefect.resource.id": "trustwright.consumer.prod.billing",
            "trustwright.environment": "prod",
        },
        "related": [
            {
                "prefect.resource.id": f"prefect.flow-run.{RUN}",
                "prefect.resource.role": "flow-run",
            }
        ],
        "payload": {"detail": "serial aa"},
    }
    assert (due["related"], due["payload"]) == ([], {"environment": "prod", "count": 2})
    assert uuid.UUID(due["id"]).version == 4


def test_no_event_is_no_request() -> None:
    """Nothing is sent for nothing; there is nobody at this address."""
    assert PrefectEvents("http://127.0.0.1:1/api").emit([]) is True


@pytest.mark.parametrize("code", [401, 404, 422, 500])
def test_a_server_that_refuses_is_left_alone_for_a_while(code: int) -> None:
    """The next try comes a minute later, and then everything is as before."""
    heard: list[list[dict[str, Any]]] = []
    watch = Watch()
    with talking(answering(heard, code, 204, 204)) as probe:
        events = PrefectEvents(url(probe), clock=watch)
        assert [events.emit([LINE]) for _ in range(3)] == [False] * 3
        watch.now += PAUSE - 1
        assert (events.emit([LINE]), len(heard)) == (False, 1)
        watch.now += 1
        assert [events.emit([LINE]) for _ in range(2)] == [True] * 2
    assert len(heard) == 3


def test_a_doorbell_is_always_tried() -> None:
    """It starts something, and the next one comes in an hour: lines before it do not silence it."""
    heard: list[list[dict[str, Any]]] = []
    with talking(answering(heard, 500, 204)) as probe:
        events = PrefectEvents(url(probe))
        assert [events.emit([LINE]), events.emit([LINE])] == [False] * 2
        assert events.emit([consumers_due("prod", 1)]) is True
    assert [[each["event"] for each in batch] for batch in heard] == [
        ["trustwright.consumer.delivered"],
        ["trustwright.consumers.due"],
    ]


def test_a_busy_server_is_asked_again() -> None:
    """It answered at once and has done nothing: the next line may ring."""
    heard: list[list[dict[str, Any]]] = []
    with talking(answering(heard, 503, 204)) as probe:
        events = PrefectEvents(url(probe))
        assert [events.emit([LINE]) for _ in range(2)] == [False, True]


def test_a_server_that_hangs_costs_one_wait() -> None:
    """A hundred lines wait for it once."""
    with talking(saying()) as probe:
        events = PrefectEvents(url(probe), timeout=0.3)
        began = time.monotonic()
        assert {events.emit([LINE]) for _ in range(100)} == {False}
    assert time.monotonic() - began < 2


def assembly(environ: dict[str, str]) -> Assembly:
    """Return the ports of a machine, as far as events need them."""
    nothing: Any = None
    return Assembly(
        settings=Settings.from_environment(environ),
        estate=nothing,
        clock=nothing,
        records=nothing,
        notifier=nothing,
        root_certificate="",
        actor="alice",
    )


def test_a_machine_without_prefect(tmp_path: Path) -> None:
    """An admin's machine has nobody to tell, and says so; nothing is raised."""
    home = {"TRUSTWRIGHT_HOME": str(tmp_path)}
    events = assembly(home).events
    assert isinstance(events, NoEvents)
    assert (events.emit([LINE]), events.emit([])) == (False, True)
    known = assembly(home | {"PREFECT_API_URL": "http://127.0.0.1:1/api"}).events
    assert isinstance(known, PrefectEvents)
