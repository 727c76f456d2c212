"""What the stack decides before anything runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from trustwright.clock import SystemClock
from trustwright.embedded.folder import Folder
from trustwright.embedded.openbao import openbao
from trustwright.embedded.part import bare_environment, tail
from trustwright.embedded.prefect_server import prefect_server
from trustwright.embedded.process import MARK, Process
from trustwright.embedded.runner import runner
from trustwright.embedded.stack import Stack
from trustwright.embedded.state import (
    Ports,
    StackState,
    as_seen_from,
    estate_of,
    read_state,
    write_state,
)
from trustwright.embedded.uses import Uses, settle_uses
from trustwright.errors import ConfigurationError
from trustwright.settings import Settings

pytestmark = pytest.mark.unit


def test_the_state_survives_the_file(folder: Folder, state: StackState) -> None:
    """What is written is what is read, with the members that other readers count on."""
    write_state(folder.state, state)
    assert read_state(folder.state) == state
    assert json.loads(folder.state.read_text()) == {
        "version": 1,
        "openbao": "https://127.0.0.1:18200",
        "ca": "openbao/ca.pem",
        "prefect_api": "http://127.0.0.1:14200/api",
        "prefect_ui": "http://127.0.0.1:14200",
        "prefect_auth": "prefect/auth",
        "ports": {"openbao": 18200, "prefect": 14200},
        "processes": {},
        "answered": [],
        "estate": "",
        "store": "",
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ports": {}}'])
def test_a_damaged_state_is_named(folder: Folder, text: str) -> None:
    """The error names the file and says that it may go."""
    folder.state.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        Stack(folder.home).status()
    assert (refused.value.rule, refused.value.where) == ("STACK-STATE", str(folder.state))
    assert "remove it" in refused.value.hint
    assert "name the ports again" in refused.value.hint


def test_a_state_that_is_no_file_is_named(folder: Folder) -> None:
    """One error for whoever reads it, not a mistake of the program."""
    folder.state.mkdir()
    with pytest.raises(ConfigurationError) as refused:
        Stack(folder.home).status()
    assert (refused.value.rule, refused.value.where) == ("STACK-STATE", str(folder.state))
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_environment({"TRUSTWRIGHT_HOME": str(folder.home)})
    assert (refused.value.rule, refused.value.where) == ("SET-STACK", str(folder.state))


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    """It is the home that is wrong, not a state in it."""
    (tmp_path / "home").touch()
    with pytest.raises(ConfigurationError) as refused:
        Stack(tmp_path / "home").up()
    assert (refused.value.rule, refused.value.where) == ("STACK-HOME", str(tmp_path / "home"))
    assert (
        Settings.from_environment({"TRUSTWRIGHT_HOME": str(tmp_path / "home")}).prefect_url is None
    )


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    """``status`` and ``down`` of a home that is not there leave nothing behind."""
    stack = Stack(tmp_path / "home")
    assert (stack.status(), stack.down(), list(tmp_path.iterdir())) == ((), (), [])


@pytest.mark.parametrize("port", [0, 80, 1023, 65_536, -1])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: int) -> None:
    """The error names the field, and nothing is started."""
    with pytest.raises(ConfigurationError) as refused:
        Stack(tmp_path / "home", prefect_port=port).up()
    assert refused.value.rule == "STACK-PORT"
    assert "prefect" in refused.value.what
    assert refused.value.hint == "choose one between 1024 and 65535"


@pytest.mark.parametrize("ports", [(20_000, 20_000), (None, 18_200), (14_200, None)])
def test_one_port_for_two_is_refused(tmp_path: Path, ports: tuple[int | None, int | None]) -> None:
    """Also when one of the two is a default; nothing is made."""
    stack = Stack(tmp_path / "home", openbao_port=ports[0], prefect_port=ports[1])
    with pytest.raises(ConfigurationError) as refused:
        stack.up()
    assert (refused.value.rule, refused.value.exit_code) == ("STACK-PORT", 2)
    assert "--prefect-port NUMBER" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_lowest_and_highest_port_are_taken() -> None:
    """As the hint says."""
    assert Ports(openbao=1024, prefect=65_535).openbao == 1024


def test_a_taken_port_names_part_and_option(folder: Folder) -> None:
    """The hint holds the option to type."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        ports = Ports(openbao=holder.getsockname()[1])
        part = openbao(folder, StackState.fresh(ports), SystemClock())
        with pytest.raises(ConfigurationError) as refused:
            part.refuse_taken_port()
    assert f"port {ports.openbao} " in refused.value.what
    assert "OpenBao" in refused.value.what
    assert "--openbao-port" in refused.value.hint


def test_servers_take_nothing_from_the_callers_environment(
    folder: Folder, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller's settings of Prefect or OpenBao, and his proxies, steer no server."""
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "true")
    monkeypatch.setenv("BAO_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    server = prefect_server(folder, state).environment()
    assert server["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert server["DO_NOT_TRACK"] == "1"
    assert server["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert server["PREFECT_SERVER_UI_V2_ENABLED"] == "false"
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == folder.password.read_text()
    assert "BAO_TOKEN" not in {**server, **bare_environment()}


def test_the_runner_keeps_the_channels_and_drops_foreign_prefects(
    folder: Folder, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chat channels come from the caller's environment; another Prefect's address does not."""
    monkeypatch.setenv("TRUSTWRIGHT_NOTIFY_OPS", "json://127.0.0.1")
    monkeypatch.setenv("PREFECT_API_KEY", "of another server")
    environment = runner(folder, state, "module").environment()
    assert environment["TRUSTWRIGHT_NOTIFY_OPS"] == "json://127.0.0.1"
    assert environment["PREFECT_LOGGING_EXTRA_LOGGERS"] == "trustwright"
    assert environment["TRUSTWRIGHT_HOME"] == str(folder.home)
    assert environment["PREFECT_API_URL"] == state.prefect_api
    assert "PREFECT_API_KEY" not in environment


PASSED_ON = {
    "LANG": "de_DE.UTF-8",
    "LC_TIME": "de_DE.UTF-8",
    "TZ": "Europe/Vienna",
    "SSL_CERT_FILE": "/etc/ca.pem",
    "REQUESTS_CA_BUNDLE": "/etc/ca.pem",
    "https_proxy": "http://proxy.example:3128",
    "NO_PROXY": "localhost",
    "PGPASSFILE": "/home/pki/.pgpass",
    "TRUSTWRIGHT_STORE_URL": "postgresql:///records",
}
KEPT_BACK = (
    "VAULT_TOKEN",
    "VAULT_ADDR",
    "BAO_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "AZURE_CLIENT_SECRET",
    "GITHUB_TOKEN",
    "SSH_AUTH_SOCK",
    "LD_PRELOAD",
    "PYTHONSTARTUP",
    "PREFECT_API_KEY",
)


def test_flows_get_what_they_need_and_no_foreign_secret(
    folder: Folder, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are allowed one by one; whatever else the caller holds stays with him."""
    for name, text in PASSED_ON.items():
        monkeypatch.setenv(name, text)
    for name in KEPT_BACK:
        monkeypatch.setenv(name, "s3cret")
    environment = dict(runner(folder, state, "module").environment())
    environment.pop("LC_ALL")
    assert {name: environment[name] for name in PASSED_ON} == PASSED_ON
    assert set(environment).isdisjoint(KEPT_BACK)
    assert "s3cret" not in environment.values()


def test_the_runner_is_told_its_estate(
    folder: Folder, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ``stack.json`` says, not what the caller's environment happens to say."""
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", "/elsewhere.yaml")
    for written, told in (
        ("/etc/pki/estate.yaml", "/etc/pki/estate.yaml"),
        ("git/estate.yaml", str(folder.home / "git/estate.yaml")),
    ):
        used = state.using(written, "default")
        assert runner(folder, used, "module").environment()["TRUSTWRIGHT_ESTATE"] == told


def test_the_state_names_the_estate(folder: Folder, state: StackState) -> None:
    """A file of an earlier version names none."""
    assert estate_of(folder.home) is None
    old = json.loads(state.model_dump_json(exclude={"estate", "store"}))
    folder.state.write_text(json.dumps(old))
    assert (read_state(folder.state), estate_of(folder.home)) == (state, None)
    write_state(folder.state, state.using("/etc/pki/estate.yaml", ""))
    assert estate_of(folder.home) == Path("/etc/pki/estate.yaml")


def test_an_estate_in_the_home_moves_with_it(tmp_path: Path) -> None:
    """It is written down relative to the home, however both are spelled; another one is not."""
    home, link, elsewhere = tmp_path / "home", tmp_path / "link", tmp_path / "git"
    elsewhere.mkdir()
    home.mkdir()
    link.symlink_to(home)
    (home / "estate").symlink_to(elsewhere)
    for path, written in (
        (home / "estate.yaml", "estate.yaml"),
        (link / "estate.yaml", "estate.yaml"),
        (home / "estate" / "estate.yaml", "estate/estate.yaml"),
        (elsewhere / "estate.yaml", str(elsewhere / "estate.yaml")),
        (tmp_path / "homestead" / "estate.yaml", str(tmp_path / "homestead" / "estate.yaml")),
    ):
        assert as_seen_from(home, path) == written


ONE, OTHER = Uses(Path("/one.yaml"), "sha256:1"), Uses(Path("/other.yaml"), "sha256:1")


def test_what_runs_keeps_its_estate_and_store(folder: Folder, state: StackState) -> None:
    """Asking for nothing or the same is fine, anything else is refused; a stopped stack turns."""
    known = state.using(str(ONE.estate), ONE.store)
    itself = {"runner": Process(pid=1, started=1, boot="this")}
    for asked in (Uses(), ONE):
        assert settle_uses(asked, folder, known, itself) == ONE
        assert settle_uses(asked, folder, known, {}) == ONE
    assert settle_uses(OTHER, folder, known, {}) == OTHER
    for asked, rule in ((OTHER, "SET-ESTATE"), (Uses(store="sha256:2"), "SET-STORE")):
        with pytest.raises(ConfigurationError) as refused:
            settle_uses(asked, folder, known, itself)
        assert refused.value.rule == rule
        assert "trustwright down" in refused.value.hint


def test_nobody_names_an_estate(folder: Folder) -> None:
    """Then it is the one in the home, which need not be there yet."""
    assert settle_uses(Uses(), folder, None, {}) == Uses(folder.home / "estate.yaml")


def test_a_lost_state_is_found_in_the_runner_itself(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that carries the mark says which estate it was given."""
    found = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        env={MARK: f"{folder.mark}:runner", "TRUSTWRIGHT_ESTATE": "/one.yaml"},
    )
    try:
        running = {"runner": Process(pid=found.pid, started=1, boot="this")}
        assert settle_uses(Uses(), folder, None, running).estate == Path("/one.yaml")
    finally:
        found.communicate()


def test_the_last_words_are_one_line(tmp_path: Path) -> None:
    """Only what came after the start, the last lines, without empty ones."""
    log = tmp_path / "log"
    log.write_text("before\n" + "".join(f"line {number}\n\n" for number in range(9)))
    assert tail(log, len("before\n")) == " | ".join(f"line {number}" for number in range(3, 9))
    assert tail(tmp_path / "none", 0) == ""
    assert os.linesep not in tail(log, 0)
