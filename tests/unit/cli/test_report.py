"""``trustwright report``, ``calendar`` and ``metrics``: what is written, and where."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.errors import Unavailable
from trustwright.report.scrape import AT_ONCE, Scrape

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world that nobody has begun."""
    made = World(tmp_path)

    @contextmanager
    def assembled(**_: object) -> Iterator[FakePorts]:
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    return made


@pytest.mark.parametrize(
    ("command", "begins"),
    [("report", b"<!DOCTYPE html>"), ("calendar", b"BEGIN:VCALENDAR"), ("metrics", b"# HELP ")],
)
def test_a_file_is_replaced_whole(
    world: World, tmp_path: Path, command: str, begins: bytes
) -> None:
    """Readable for all, nothing left beside it, and the one before is gone."""
    folder = tmp_path / "out"
    folder.mkdir()
    file = folder / "file"
    file.write_text("before")
    assert exit_code(cli, "trustwright", [command, "--output", str(file)]) == 0
    assert file.read_bytes().lstrip().startswith(begins)
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(folder.iterdir()) == [file]


def test_a_calendar_written_again_is_the_same(world: World, tmp_path: Path) -> None:
    """The command looks at the file that it replaces."""
    file = tmp_path / "estate.ics"
    assert exit_code(cli, "trustwright", ["calendar", "--output", str(file)]) == 0
    first = file.read_bytes()
    world.clock.advance(seconds=3600)
    assert exit_code(cli, "trustwright", ["calendar", "--output", str(file)]) == 0
    assert file.read_bytes() == first


def test_a_store_that_is_down_is_a_figure_and_an_exit_code(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file does not go on to say that all is well."""

    def down(**_: object) -> FakePorts:
        raise Unavailable("the database does not answer", rule="STORE-DOWN")

    monkeypatch.setattr("trustwright.assembly.assembled", down)
    file = tmp_path / "trustwright.prom"
    assert exit_code(cli, "trustwright", ["metrics", "--output", str(file)]) == 5
    assert "\ntrustwright_up 0.0\n" in file.read_text()


async def ask(port: int, text: bytes) -> bytes:
    """Send octets; return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    found = await reader.read()
    writer.close()
    return found


def answers(*requests: bytes) -> list[bytes]:
    """Return what a server says to each request, in order."""

    async def all_of_them() -> list[bytes]:
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(Scrape(lambda: b"figure 1\n").serve(0, ready.set_result))
        found = [await ask(await ready, each) for each in requests]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    return asyncio.run(all_of_them())


def test_one_path_is_answered_and_no_other() -> None:
    """GET and HEAD of /metrics for this very host."""
    host = b"Host: 127.0.0.1:1\r\n\r\n"
    found = answers(
        b"GET /metrics HTTP/1.1\r\n" + host,
        b"HEAD /metrics HTTP/1.1\r\n" + host,
        b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host,
        b"GET /metrics/../etc/passwd HTTP/1.1\r\n" + host,
        b"POST /metrics HTTP/1.1\r\n" + host,
        b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"G" * 20_000,
    )
    codes = [each.split(b" ")[1] if each else b"" for each in found]
    assert codes == [b"200", b"200", b"200", b"404", b"404", b"405", b"421", b"421", b""]
    assert found[0].endswith(b"\r\n\r\nfigure 1\n")
    assert found[1].endswith(b"\r\n\r\n")
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in found[0]


def test_a_crowd_is_cut_off_and_the_next_is_served() -> None:
    """Whoever only holds connections open keeps nobody out once they are gone."""

    async def crowd() -> tuple[bytes, bytes]:
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(Scrape(lambda: b"x\n").serve(0, ready.set_result))
        port = await ready
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(AT_ONCE)]
        refused = await ask(port, b"")
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        served = b""
        for _ in range(100):
            if served := await ask(port, asked):
                break
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return refused, served

    refused, served = asyncio.run(crowd())
    assert refused == b""
    assert served.startswith(b"HTTP/1.1 200 OK\r\n")
