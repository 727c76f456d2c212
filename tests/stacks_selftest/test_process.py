"""The harness itself: what is no judgement fails, and no process outlives its block."""

import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.ports import LOOPBACK, reserved_port
from tests.stacks import StackFailure, peers, process
from tests.stacks.peers import TLSServer, client_judgement, neutral_server
from tests.stacks.process import Finished, Server, missing, serving
from tests.stacks_selftest.pki import SERVER, create_environment, create_root

pytestmark = pytest.mark.stacks

LISTEN = (
    "import signal, socket, sys, time; {before};"
    "s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
)


def python(script: str, port: int) -> list[str]:
    """A command line for a few lines of Python."""
    return [sys.executable, "-c", script, str(port)]


def test_server_that_ends_at_once_is_a_failure(tmp_path: Path) -> None:
    """A rejected configuration is no refusal; the error has the server's words."""
    script = "raise SystemExit('no such directive')"
    with (
        pytest.raises(StackFailure, match="no such directive"),
        serving(lambda port: python(script, port), tmp_path),
    ):
        pytest.fail("it never listened")


def test_server_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    """Nothing can be judged without a program."""
    with (
        pytest.raises(StackFailure, match="cannot be started"),
        serving(lambda port: ["/nonexistent/server", str(port)], tmp_path),
    ):
        pytest.fail("it never listened")


def test_server_that_never_listens_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs is given up and ended."""
    monkeypatch.setattr(process, "START_SECONDS", 0.2)
    with (
        pytest.raises(StackFailure, match="did not start"),
        serving(lambda port: python("import time; time.sleep(60)", port), tmp_path),
    ):
        pytest.fail("it never listened")


def test_taken_port_is_tried_again_elsewhere(tmp_path: Path) -> None:
    """A port that somebody took in the meantime is not the end."""
    ports: list[int] = []

    def command(port: int) -> list[str]:
        ports.append(port)
        first = "sys.exit('Address already in use')" if len(ports) == 1 else "pass"
        return python(LISTEN.format(before=first), port)

    with serving(command, tmp_path) as server:
        assert server.port == ports[1]


@pytest.mark.parametrize("before", ["pass", "signal.signal(15, signal.SIG_IGN)"])
def test_process_is_ended_when_the_block_raises(
    before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that ignores the polite signal."""
    monkeypatch.setattr(process, "STOP_SECONDS", 0.2)
    seen: list[Server] = []

    def raise_in_block() -> None:
        with serving(lambda port: python(LISTEN.format(before=before), port), tmp_path) as server:
            seen.append(server)
            raise RuntimeError("in the block")

    with pytest.raises(RuntimeError, match="in the block"):
        raise_in_block()
    ended = signal.SIGTERM if before == "pass" else signal.SIGKILL
    assert seen[0].process.returncode == -ended


def test_reserved_ports_differ_and_are_free() -> None:
    """Two reservations never meet, and the port can be bound."""
    with reserved_port() as first, reserved_port() as second:
        assert first != second
        with socket.create_server((LOOPBACK, first)):
            pass


def test_missing_names_the_package() -> None:
    """The person who reads it knows what to install."""
    assert missing("openssl", "openssl") is None
    said = missing("nothing-bin", "nothing-serv")
    assert said == "Debian package nothing-bin (nothing-serv not found)"


def test_client_that_never_connected_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words that look like a refusal do not count without a handshake."""
    monkeypatch.setattr(peers, "NOTE_SECONDS", 0.1)
    server = create_environment("prod", create_root(), tmp_path / "prod").issue(
        "server", "web.prod.example.internal", SERVER
    )
    refused = Finished(1, "", "certificate verify failed")
    with neutral_server(server) as peer, pytest.raises(StackFailure, match="no TLS handshake"):
        client_judgement(refused, peer, re.compile("verify failed"))


@pytest.mark.parametrize(
    ("run", "heard"),
    [
        (Finished(1, "", "cannot open key.pem"), "EOF occurred"),
        (Finished(0, "", "certificate verify failed"), "EOF occurred"),
        (Finished(1, "", "certificate verify failed"), "answered"),
    ],
    ids=["other-words", "success-without-greeting", "refused-yet-answered"],
)
def test_contradiction_is_a_failure(run: Finished, heard: str) -> None:
    """A refusal needs the exit code, the words and the peer's experience to agree."""
    peer = TLSServer(0)
    peer.notes.put(heard)
    with pytest.raises(StackFailure, match="no judgement"):
        client_judgement(run, peer, re.compile("verify failed"))
