"""How requests are repeated and errors translated, against a server that misbehaves on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from trustwright.errors import Denied, OutcomeUnknown, Rejected, TrustwrightError, Unavailable
from trustwright.prefect_api import PrefectApi

# `typing.override` arrives with Python 3.12.
# mypy: disable-error-code="explicit-override"

pytestmark = pytest.mark.unit

RUN = {"id": "1", "name": "run", "state": {"type": "PAUSED", "name": "Suspended"}}
ACCEPT: tuple[int, object] = (200, {"status": "ACCEPT"})
BUSY: tuple[int, object] = (503, {"exception_message": "database is locked"})
NO_FORM: tuple[int, object] = (
    200,
    {"status": "REJECT", "details": {"reason": "Run input schema not found."}},
)
BROKEN = None


@dataclass
class Script:
    """Answers to give, one for each request; the last one for ever; None breaks the connection."""

    answers: list[tuple[int, object] | None]
    requests: list[tuple[str, str]] = field(default_factory=list)

    def next(self) -> tuple[int, object] | None:
        """Return the answer to the next request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


Serve = Callable[..., tuple[PrefectApi, Script]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a server with a script; it ends with the test."""
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: tuple[int, object] | None) -> tuple[PrefectApi, Script]:
        script = Script(list(answers))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        url = f"http://127.0.0.1:{server.server_port}/api"
        return PrefectApi(url, "user:word", timeout=5, attempts=3), script

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.requests.append((self.command, self.path))
            answer = script.next()
            if answer is None:
                self.close_connection = True
                return
            page = isinstance(answer[1], bytes)
            data = answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "text/html" if page else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def test_a_locked_database_is_asked_again(serve: Serve) -> None:
    """503 did nothing, so even a resume is sent again."""
    api, script = serve(BUSY, BUSY, ACCEPT)
    api.resume("1")
    assert script.requests == [("POST", "/api/flow_runs/1/resume")] * 3


def test_a_database_that_stays_locked_is_unavailable(serve: Serve) -> None:
    """After the last attempt the error holds the server's words."""
    api, script = serve(BUSY)
    with pytest.raises(Unavailable) as refused:
        api.flow_run("1")
    assert (refused.value.rule, len(script.requests)) == ("PREFECT-BUSY", 3)
    assert "database is locked" in refused.value.what


def test_a_broken_connection_is_tried_again_when_that_does_no_harm(serve: Serve) -> None:
    """Reading is harmless."""
    api, script = serve(BROKEN, (200, RUN))
    assert api.flow_run("1").state_name == "Suspended"
    assert len(script.requests) == 2


def test_a_broken_resume_may_have_taken_effect(serve: Serve) -> None:
    """It is not sent again, and the error says why."""
    api, script = serve(BROKEN)
    with pytest.raises(OutcomeUnknown) as refused:
        api.resume("1")
    assert (refused.value.rule, len(script.requests)) == ("PREFECT-UNKNOWN-OUTCOME", 1)


def test_nobody_there_is_unavailable(serve: Serve) -> None:
    """Nothing was sent, so nothing happened: also for a resume."""
    api = PrefectApi("http://127.0.0.1:9/api", attempts=2)
    for call in (lambda: api.resume("1"), lambda: api.flow_run("1")):
        with pytest.raises(Unavailable) as refused:
            call()
        assert refused.value.rule == "PREFECT-DOWN"
    assert api.healthy() is False


def test_a_form_that_is_stored_late_is_awaited(serve: Serve) -> None:
    """Prefect shows Suspended a moment before the form is there."""
    api, script = serve(NO_FORM, ACCEPT)
    api.resume("1", {"text": "x"})
    assert len(script.requests) == 2


def test_a_form_that_never_comes_is_refused(serve: Serve) -> None:
    """A run that died between the two cannot be answered."""
    api, _ = serve(NO_FORM)
    with pytest.raises(Rejected) as refused:
        api.resume("1", {"text": "x"})
    assert "schema not found" in refused.value.what


@pytest.mark.parametrize(
    ("status", "error", "rule"),
    [
        (400, Rejected, "PREFECT-REJECTED"),
        (401, Denied, "PREFECT-DENIED"),
        (403, Denied, "PREFECT-DENIED"),
        (404, Rejected, "PREFECT-UNKNOWN"),
        (500, Unavailable, "PREFECT-ERROR"),
    ],
)
def test_each_status_has_its_error(
    serve: Serve, status: int, error: type[TrustwrightError], rule: str
) -> None:
    """Foreign answers become our errors; the password is in none."""
    api, _ = serve((status, {"detail": "no"}))
    with pytest.raises(error) as refused:
        api.flow_runs("a/b")
    assert refused.value.rule == rule
    assert "word" not in refused.value.what


def test_values_that_were_sent_do_not_come_back(serve: Serve) -> None:
    """FastAPI's 422 repeats the input; the error keeps the message alone."""
    api, _ = serve((422, {"detail": [{"msg": "not good", "input": "a private text"}]}))
    with pytest.raises(Rejected) as refused:
        api.flow_runs("a/b")
    assert refused.value.what == "Prefect answered 422: not good"


def test_every_page_is_read(serve: Serve) -> None:
    """A full page is followed by the next one."""
    page = [dict(RUN, id=str(number)) for number in range(200)]
    api, script = serve((200, page), (200, [dict(RUN, id="200")]))
    assert [run.id for run in api.flow_runs()] == [str(number) for number in range(201)]
    assert len(script.requests) == 2


PAGE: tuple[int, object] = (200, b"<!doctype html><title>Prefect</title>")


def calls(api: PrefectApi) -> dict[str, Callable[[], object]]:
    """Return every call that reads an answer."""
    return {
        "run": lambda: api.flow_run("1"),
        "runs": lambda: api.flow_runs("a/b"),
        "start": lambda: api.run_deployment("a/b"),
        "resume": lambda: api.resume("1"),
        "cancel": lambda: api.cancel("1"),
        "served": lambda: api.served_since(datetime(2026, 11, 23, tzinfo=UTC)),
    }


@pytest.mark.parametrize("call", list(calls(PrefectApi("http://127.0.0.1:9/api"))))
@pytest.mark.parametrize(
    "answer",
    [PAGE, (200, "text"), (200, 7), (200, ["text"]), (200, None), (200, b"")],
    ids=["page", "text", "number", "texts", "null", "nothing"],
)
def test_what_is_not_the_api_is_said_in_one_line(
    serve: Serve, call: str, answer: tuple[int, object]
) -> None:
    """An address without /api, or a login page in front: rule and remedy, whatever is asked."""
    api, _ = serve(answer)
    with pytest.raises(Rejected) as refused:
        calls(api)[call]()
    assert refused.value.rule == "PREFECT-REPLY"
    assert "PREFECT_API_URL" in refused.value.hint
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("answer", [{}, {"id": 7, "name": "x"}, {"id": "1"}, {"state": []}])
def test_an_object_of_another_shape_is_not_the_api(serve: Serve, answer: dict[str, object]) -> None:
    """Members that every run has are missing."""
    api, _ = serve((200, answer))
    for name in ("run", "start"):
        with pytest.raises(Rejected) as refused:
            calls(api)[name]()
        assert refused.value.rule == "PREFECT-REPLY"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("no entry", "no entry"),
        (["a"], "Unauthorized"),
        (None, "Unauthorized"),
        (b"<html>", "Unauthorized"),
    ],
    ids=["text", "array", "null", "page"],
)
@pytest.mark.parametrize("call", list(calls(PrefectApi("http://127.0.0.1:9/api"))))
def test_a_refusal_of_any_shape_is_denied(serve: Serve, call: str, body: object, said: str) -> None:
    """401 with a JSON text as its body, or with a page."""
    api, _ = serve((401, body))
    with pytest.raises(Denied) as refused:
        calls(api)[call]()
    assert refused.value.rule == "PREFECT-DENIED"
    assert refused.value.what == f"Prefect answered 401: {said}"


def test_a_page_is_no_healthy_server(serve: Serve) -> None:
    """The pages answer every path with 200."""
    api, _ = serve(PAGE)
    assert api.healthy() is False
    api, _ = serve((200, {"message": "OK"}))
    assert api.healthy() is True
