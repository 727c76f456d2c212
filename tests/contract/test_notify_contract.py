"""Apprise against real listeners on loopback: they answer, refuse, are dead or hang."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.fakes.clock import HeldClock
from tests.fakes.records import FakeRecords
from trustwright.errors import Unavailable
from trustwright.model.estate import Notify, Route
from trustwright.model.records import AuditRecord
from trustwright.notify.apprise_notifier import AppriseNotifier
from trustwright.ports import Notice

pytestmark = [
    pytest.mark.contract,
    # apprise loads all its services, one of which uses an old module of Python's own
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

SECRET = "T0ken-s3cret"
NOTICE = Notice(
    event="trustwright.ceremony.requested",
    severity="critical",
    title="prod waits",
    body="line one\n\n    a command --with <brackets> & *stars*",
    environment="prod",
    link="http://127.0.0.1:4200/runs/1",
)


class Listener(ThreadingHTTPServer):
    """An HTTP server that keeps what it was sent and answers with one status."""

    daemon_threads = True

    def __init__(self, status: int) -> None:
        self.status = status
        self.heard: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Listener)
        server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(server.status)
        self.end_headers()

    @override
    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def listening(status: int = 200) -> Iterator[Listener]:
    """Run a listener until the block is left."""
    with Listener(status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a listener that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def dead() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is reached directly, whatever this machine's proxy is."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def url(port: int) -> str:
    """The apprise URL of a listener, with a secret in its path as chat services have it."""
    return f"json://127.0.0.1:{port}/{SECRET}"


class Told:
    """A notifier, its audit trail and its channels."""

    def __init__(self, limit: float = 20, **channels: str) -> None:
        self.records = FakeRecords()
        self.clock = HeldClock()
        environ = {f"TRUSTWRIGHT_NOTIFY_{name.upper()}": each for name, each in channels.items()}
        notify = Notify(routes=tuple(Route(channel=name) for name in channels))
        self.notifier = AppriseNotifier(
            notify, self.records.audit, self.clock, environ=environ, limit=limit
        )

    def audited(self) -> list[tuple[str, str]]:
        """Channel and detail of every recorded failure, by channel."""
        return sorted((row.subject, row.detail) for row in self.records.audit.find())


def seconds(act: Callable[[], object]) -> float:
    """Return how long the act took."""
    begun = time.monotonic()
    act()
    return time.monotonic() - begun


def test_a_notice_arrives_as_it_was_written() -> None:
    """Title, body, link and severity; nothing is escaped or lost, nothing is recorded."""
    with listening() as server:
        told = Told(ops=url(server.server_port))
        assert told.notifier.tell(NOTICE) == ()
    (heard,) = server.heard
    assert heard["title"] == "prod waits"
    assert heard["message"] == f"{NOTICE.body}\n\nhttp://127.0.0.1:4200/runs/1"
    assert heard["type"] == "failure"
    assert told.audited() == []


def test_every_matching_channel_is_told() -> None:
    """Two channels, two messages, although the one between them is dead."""
    with listening() as first, listening() as second:
        told = Told(a=url(first.server_port), b="json://127.0.0.1:1/", c=url(second.server_port))
        assert told.notifier.tell(NOTICE) == ("b",)
    assert (len(first.heard), len(second.heard)) == (1, 1)


def test_a_route_that_does_not_match_is_not_told() -> None:
    """Another environment's channel stays silent."""
    with listening() as server:
        notify = Notify(routes=(Route(channel="ops", environments=("test",)),))
        notifier = AppriseNotifier(
            notify,
            FakeRecords().audit,
            HeldClock(),
            environ={"TRUSTWRIGHT_NOTIFY_OPS": url(server.server_port)},
        )
        assert notifier.tell(NOTICE) == ()
    assert server.heard == []


def test_a_dead_channel_is_recorded_and_logged(dead: int, caplog: pytest.LogCaptureFixture) -> None:
    """Who, what and when, one line in the log, and the secret nowhere, not even at debug level."""
    caplog.set_level(logging.DEBUG)
    told = Told(ops=url(dead))
    assert told.notifier.tell(NOTICE) == ("ops",)
    (row,) = told.records.audit.find()
    assert row == AuditRecord(
        id=row.id,
        at=told.clock.now(),
        event="trustwright.notice.failed",
        environment="prod",
        subject="ops",
        actor="notify",
        detail="trustwright.ceremony.requested: it was not reached, or it refused the notice",
    )
    (said,) = caplog.messages
    assert said.startswith("trustwright.ceremony.requested: channel ops failed: it was not reached")


def test_a_terminal_shows_no_raw_log_line(dead: int) -> None:
    """A program that has not set up logging prints nothing of a channel that failed."""
    code = f"""
from tests.contract.test_notify_contract import NOTICE, Told, url
print(Told(ops=url({dead})).notifier.tell(NOTICE))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert (done.stdout, done.stderr) == ("('ops',)\n", "")


@pytest.mark.parametrize("status", [403, 500])
def test_a_refusal_is_a_failure_and_keeps_the_secret(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The service answers with an error: recorded; the path with the token is not logged."""
    caplog.set_level(logging.DEBUG)
    with listening(status) as server:
        told = Told(ops=url(server.server_port))
        assert told.notifier.tell(NOTICE) == ("ops",)
    assert len(server.heard) == 1
    assert SECRET not in caplog.text
    assert SECRET not in repr(told.audited())


def test_a_success_keeps_the_secret_too(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged when all went well."""
    caplog.set_level(logging.DEBUG)
    with listening() as server:
        assert Told(ops=url(server.server_port)).notifier.tell(NOTICE) == ()
    assert caplog.messages == []


def test_hanging_channels_cost_one_limit(silent: int) -> None:
    """Three that hang cost the time of one; the one that answers is told."""
    with listening() as server:
        told = Told(
            limit=2, x=url(silent), y=url(silent), z=url(silent), ok=url(server.server_port)
        )
        took = seconds(lambda: told.notifier.tell(NOTICE))
    assert 2 <= took < 5.5  # one after the other they would take six
    assert len(server.heard) == 1
    reason = "trustwright.ceremony.requested: no answer in time"
    assert told.audited() == [("x", reason), ("y", reason), ("z", reason)]


def test_a_channel_that_still_hangs_is_not_asked_again(silent: int) -> None:
    """The second notice does not wait behind the first, and no thread is added."""
    told = Told(limit=0.2, ops=url(silent))
    assert told.notifier.tell(NOTICE) == ("ops",)
    threads = threading.active_count()
    assert told.notifier.tell(NOTICE) == ("ops",)
    assert threading.active_count() == threads
    assert told.audited() == [
        ("ops", "trustwright.ceremony.requested: it still hangs in an earlier notice"),
        ("ops", "trustwright.ceremony.requested: no answer in time"),
    ]


def test_a_channel_without_url_is_reported() -> None:
    """A route names a channel that nobody configured."""
    told = Told(ops="")
    assert told.notifier.tell(NOTICE) == ("ops",)
    assert told.audited() == [("ops", "trustwright.ceremony.requested: it has no URL")]


def test_a_url_that_apprise_does_not_know_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """An unknown scheme; apprise would log the URL, which is kept."""
    caplog.set_level(logging.DEBUG)
    told = Told(ops=f"nonsense://{SECRET}")
    assert told.notifier.tell(NOTICE) == ("ops",)
    assert told.audited() == [
        ("ops", "trustwright.ceremony.requested: apprise does not understand its URL")
    ]
    assert SECRET not in caplog.text


def test_a_file_that_is_open_to_others_fails_its_channels_only(tmp_path: Path) -> None:
    """A channel from the environment is told; the one in the file is reported with the remedy."""
    path = tmp_path / "urls"
    path.write_text(f"mail = json://{SECRET}\n")
    path.chmod(0o644)
    records = FakeRecords()
    with listening() as server:
        notify = Notify(urls_file=path, routes=(Route(channel="mail"), Route(channel="ops")))
        environ = {"TRUSTWRIGHT_NOTIFY_OPS": url(server.server_port)}
        notifier = AppriseNotifier(notify, records.audit, HeldClock(), environ=environ)
        assert notifier.tell(NOTICE) == ("mail",)
    assert len(server.heard) == 1
    (row,) = records.audit.find()
    assert "[NOTIFY-MODE]" in row.detail
    assert f"chmod 600 {path}" in row.detail


def test_a_token_may_be_replaced_under_a_running_notifier(tmp_path: Path) -> None:
    """The file is read for each notice."""
    path = tmp_path / "urls"
    path.touch(0o600)
    records = FakeRecords()
    notifier = AppriseNotifier(
        Notify(urls_file=path, routes=(Route(channel="ops"),)),
        records.audit,
        HeldClock(),
        environ={},
    )
    assert notifier.tell(NOTICE) == ("ops",)
    with listening() as server:
        path.write_text(f"ops = {url(server.server_port)}\n")
        assert notifier.tell(NOTICE) == ()
    assert len(server.heard) == 1


class DeadRows:
    """An audit trail whose store is down."""

    def insert(self, record: AuditRecord) -> AuditRecord:
        """Fail as a store does."""
        raise Unavailable("the database does not answer", rule="STORE-DOWN")


def test_nothing_is_raised_when_the_record_fails_too(caplog: pytest.LogCaptureFixture) -> None:
    """The channel is dead and so is the store: the flow goes on, the log has both."""
    notify = Notify(routes=(Route(channel="ops"),))
    notifier = AppriseNotifier(notify, DeadRows(), HeldClock(), environ={})  # type: ignore[arg-type]
    assert notifier.tell(NOTICE) == ("ops",)
    assert caplog.messages == [
        "trustwright.ceremony.requested: channel ops failed: it has no URL",
        "the failure of channel ops was not recorded: Unavailable",
    ]
