"""The stack of one machine: real OpenBao, Prefect and runner; killed, restarted, refused."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.outside import (
    TITLES,
    command,
    everything,
    listening,
    namespace,
    pids,
    prefect,
    provisioner,
    state_of,
    variables,
    words_of,
)
from tests.e2e.site import eventually
from tests.ports import free_port
from tests.prefect.server import SERVED, importable
from trustwright.clock import SystemClock
from trustwright.embedded.openbao import binary, openbao
from trustwright.embedded.process import MARK, marked_values
from trustwright.embedded.stack import NAMES, Stack
from trustwright.embedded.state import Ports, StackState
from trustwright.errors import ConfigurationError, ConflictError, Denied, Unavailable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

FLOW_RUN = "PREFECT__FLOW_RUN_ID"
ENDED = "its process ended without a word"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack that was started once; its processes end with the module."""
    made = Stack(
        tmp_path_factory.mktemp("stack") / "home",
        openbao_port=free_port(),
        prefect_port=free_port(),
        module=SERVED,
    )
    with importable(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(somebody_elses(tmp_path_factory.mktemp("tmp"))))
        try:
            assert made.up() == TITLES
            yield made
        finally:
            made.down()


def somebody_elses(shared: Path) -> Path:
    """Return a folder for temporary files that another account's runner used before."""
    (shared / "runner_storage").touch(0o600)
    return shared


@pytest.fixture
def stack(made: Stack) -> Stack:
    """Return the stack with everything running, whatever the test before did to it."""
    made.up()
    return made


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    """Nothing is started, and the processes are the same."""
    before = pids(stack)
    assert stack.up() == ()
    assert pids(stack) == before
    assert sorted(before) == sorted(NAMES)


def test_the_command_says_so(stack: Stack) -> None:
    """``up`` names what runs and where the password is, and shows no password."""
    done = command(stack, "up")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("everything runs already\n")
    assert "earlier release" not in done.stdout
    assert state_of(stack).prefect_ui in done.stdout
    assert str(stack.folder.password) in done.stdout
    assert stack.folder.password.read_text() not in done.stdout


def test_only_loopback_listens(stack: Stack) -> None:
    """No process of the stack, nor a child of one, listens beyond 127.0.0.1."""
    addresses = [address for process in everything(stack) for address in listening(process)]
    ports = state_of(stack).ports
    assert {ports.openbao, ports.prefect} <= {address.port for address in addresses}
    assert {address.ip for address in addresses} == {"127.0.0.1"}


def open_bits(path: Path) -> int:
    """Return what group and others may; nothing of what has vanished, as SQLite's files do."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(path.stat().st_mode) & 0o077
    return 0


def test_nobody_else_can_read_anything(stack: Stack) -> None:
    """Every file and folder below the home is the owner's alone, Prefect's own pages aside."""
    home = stack.folder.home
    open_ones = [
        str(path.relative_to(home))
        for path in (home, *home.rglob("*"))
        if not path.is_relative_to(stack.folder.prefect / "ui" / "v1") and open_bits(path)
    ]
    assert open_ones == []


def test_temporary_files_stay_at_home(stack: Stack) -> None:
    """A second account of the machine meets nothing of the first one's in the common folder."""
    folders = {
        name: {
            variables(process).get("TMPDIR", "")
            for process in everything(stack)
            if variables(process).get(MARK) == f"{stack.folder.mark}:{name}"
        }
        for name in NAMES
    }
    assert folders == {name: {str(stack.folder.home / "tmp" / name)} for name in NAMES}
    assert (stack.folder.scratch("runner") / "runner_storage").is_dir()


def test_no_secret_in_a_command_line(stack: Stack) -> None:
    """Everybody may read command lines; the password stands in none."""
    password = stack.folder.password.read_text()
    lines = [line for process in everything(stack) if (line := words_of(process))]
    assert len(lines) >= len(NAMES)
    assert not any(password in line for line in lines)
    assert not any(password in path.read_text() for path in stack.folder.home.glob("logs/*.log"))


def test_the_provisioner_logs_in_and_is_no_root(stack: Stack) -> None:
    """Self-initialization made the one login, with the policy of ``infra/vault``."""
    with provisioner(stack) as connection:
        assert connection.find("sys/mounts/pki") is None
        own = "sys/policies/acl/provisioner"
        assert connection.find(own) is not None
        with pytest.raises(Denied):
            connection.write(own, {"policy": 'path "*" { capabilities = ["sudo"] }'})
        for beyond in ("sys/policies/acl/default", "sys/audit", "auth/jwt-provisioner/config"):
            with pytest.raises(Denied):
                connection.find(beyond)


def conditions(stack: Stack) -> dict[str, str]:
    """Return what ``status`` says of each part; an answer may be late on a busy machine."""
    return {part.name: part.condition for part in stack.status()}


def shown(stack: Stack, stopped: str, running: str) -> bool:
    """Tell whether ``status`` says this of two parts."""
    found = conditions(stack)
    return (found[stopped], found[running]) == ("stopped", "running")


def all_run(stack: Stack) -> bool:
    """Tell whether ``status`` says that everything runs."""
    return conditions(stack) == dict.fromkeys(NAMES, "running")


@pytest.mark.parametrize(("name", "title"), list(zip(NAMES, TITLES, strict=True)))
def test_a_killed_part_is_started_again(stack: Stack, name: str, title: str) -> None:
    """After ``kill -9`` of one part, ``status`` says so and ``up`` starts that part alone."""
    before, kept = pids(stack), namespace(stack)
    state_of(stack).processes[name].send(signal.SIGKILL)
    assert state_of(stack).processes[name].ends(PATIENCE)
    other = "openbao" if name != "openbao" else "prefect"
    eventually(f"{name} alone is stopped", lambda: shown(stack, name, other))
    assert stack.up() == (title,)
    after = pids(stack)
    assert after.pop(name) != before.pop(name)
    assert after == before
    assert namespace(stack) == kept


def test_a_part_that_hangs_is_named(stack: Stack) -> None:
    """``status`` does not promise that ``up`` helps, and ``up`` does not wait for a start."""
    hanging = state_of(stack).processes["prefect"]
    hanging.send(signal.SIGSTOP)
    try:
        done = command(stack, "status")
        assert done.returncode == 5
        assert "not answering" in done.stdout
        assert "run 'trustwright down', then 'trustwright up'" in done.stdout
        begun = time.monotonic()
        done = command(stack, "up")
        assert time.monotonic() - begun < 60
    finally:
        hanging.send(signal.SIGCONT)
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    assert f"Prefect runs (process {hanging.pid}) and does not answer [STACK-SILENT]" in done.stderr
    assert "trustwright down; then: trustwright up" in done.stderr
    assert pids(stack)["prefect"] == hanging.pid


def test_down_and_up_find_everything_again(stack: Stack) -> None:
    """Data, password, ports and certificate are those of before; ``status`` has exit code 5."""
    run = prefect(stack).run_deployment("works/tests")
    prefect(stack).wait(run.id, {"COMPLETED"}, deadline=PATIENCE)
    before = (state_of(stack).ports, stack.folder.password.read_text(), namespace(stack))
    assert stack.down() == tuple(reversed(TITLES))
    assert everything(stack) == []
    assert stack.down() == ()
    done = command(stack, "status")
    assert (done.returncode, done.stdout.count("stopped")) == (5, 3)
    again = Stack(stack.folder.home, module=SERVED)
    assert again.up() == TITLES
    after = (state_of(again).ports, again.folder.password.read_text(), namespace(again))
    assert after == before
    assert prefect(again).flow_run(run.id).state_name == "Completed"


def test_status_as_json(stack: Stack) -> None:
    """Every part with state, address, link, process and uptime; exit code 0."""
    said = eventually("exit code 0", lambda: said_as_json(stack))
    found = json.loads(said)
    assert found["running"] is True
    assert {part["name"]: part["condition"] for part in found["parts"]} == dict.fromkeys(
        NAMES, "running"
    )
    assert {part["name"]: part["pid"] for part in found["parts"]} == pids(stack)
    assert all(part["uptime"] > 0 for part in found["parts"])
    assert found["password_file"] == str(stack.folder.password)
    assert stack.folder.password.read_text() not in said


def said_as_json(stack: Stack) -> str:
    """Return what ``status --json`` prints when its exit code is 0."""
    done = command(stack, "status", "--json")
    return "" if done.returncode else done.stdout


def test_a_lost_state_file_loses_nothing(stack: Stack) -> None:
    """What runs is found by its mark and written down again."""
    before, ports = pids(stack), state_of(stack).ports
    stack.folder.state.unlink()
    again = Stack(stack.folder.home, module=SERVED)
    assert eventually("everything runs", lambda: all_run(again))
    assert again.up() == ()
    assert (pids(stack), state_of(stack).ports) == (before, ports)


def test_the_port_of_a_running_part_stays(stack: Stack) -> None:
    """Asking for another port while the part runs is refused."""
    with pytest.raises(ConfigurationError) as refused:
        Stack(stack.folder.home, prefect_port=free_port(), module=SERVED).up()
    assert refused.value.rule == "STACK-PORT"
    assert "trustwright down" in refused.value.hint


def test_two_at_once_are_refused(stack: Stack) -> None:
    """While one ``up`` or ``down`` works, another one ends with exit code 6."""
    with stack.folder.locked():
        for act in (stack.up, stack.down):
            with pytest.raises(ConflictError) as refused:
                act()
            assert (refused.value.rule, refused.value.exit_code) == ("STACK-LOCK", 6)


def test_runs_without_a_process_are_ended(stack: Stack, tmp_path: Path) -> None:
    """After the runner's death its dead runs do not stay ``Running``, and live ones are let alone.

    Prefect itself ends a live one now and then, when it misses its runner: the run says so then.
    """
    api = prefect(stack)
    runs = {
        name: api.run_deployment("works/tests", {"until": str(tmp_path / name), "seconds": 600})
        for name in "ab"
    }
    children: dict[str, psutil.Process] = {}
    for name, run in runs.items():
        api.wait(run.id, {"RUNNING"}, deadline=PATIENCE)
        children[name] = next(p for p in everything(stack) if variables(p).get(FLOW_RUN) == run.id)
    state_of(stack).processes["runner"].send(signal.SIGKILL)
    children["a"].kill()
    assert state_of(stack).processes["runner"].ends(PATIENCE)
    children["a"].wait(PATIENCE)
    assert stack.up() == ("the flows' runner",)
    dead, alive = (api.flow_run(runs[name].id) for name in "ab")
    assert dead.state_name == "Crashed"
    assert alive.message != ENDED
    (tmp_path / "b").touch()
    final = api.wait(runs["b"].id, {"COMPLETED", "CRASHED"}, deadline=PATIENCE)
    assert final.message != ENDED
    assert (final.state_name == "Completed") or "aborted" in final.message


def test_a_running_stack_keeps_its_estate(stack: Stack) -> None:
    """The runner was told it; another one is refused, in `up` and elsewhere, and names the way."""
    estate = str(stack.folder.home / "estate.yaml")
    assert state_of(stack).estate == "estate.yaml"
    assert set(marked_values(f"{stack.folder.mark}:runner", "TRUSTWRIGHT_ESTATE")) == {estate}
    for words in (("up",), ("identity", "create", "test")):
        done = command(stack, "--estate", "/elsewhere.yaml", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"the flows of this stack use {estate} [SET-ESTATE]" in done.stderr
        assert "trustwright down" in done.stderr
    assert command(stack, "--estate", estate, "up").returncode == 0


@pytest.mark.parametrize("option", ["--openbao-port", "--prefect-port"])
def test_a_taken_port_is_named(tmp_path: Path, option: str) -> None:
    """Exit code 2, the port and the option in one line, and nothing was started."""
    fresh = Stack(tmp_path / "home", module=SERVED)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        other = "--prefect-port" if option == "--openbao-port" else "--openbao-port"
        done = command(fresh, "up", option, str(taken), other, str(free_port()))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {taken} " in done.stderr
    assert option in done.stderr
    assert done.stderr.count("\n") == 1
    assert everything(fresh) == []
    assert not fresh.folder.home.exists()


def test_a_failed_first_start_is_explained(tmp_path: Path) -> None:
    """OpenBao refuses its data after a self-initialization that broke; the remedy is named."""
    port = free_port()
    fresh = Stack(tmp_path / "home", openbao_port=port, prefect_port=free_port(), module=SERVED)
    break_first_start(fresh, port)
    with pytest.raises(Unavailable) as refused:
        fresh.up()
    assert refused.value.rule == "STACK-START"
    assert "refusing to unseal" in refused.value.what
    assert f"remove {fresh.folder.openbao / 'data'}" in refused.value.hint
    assert everything(fresh) == []


def break_first_start(stack: Stack, port: int) -> None:
    """Start OpenBao once with a self-initialization that fails."""
    stack.folder.create()
    state = StackState.fresh(Ports(openbao=port))
    openbao(stack.folder, state, SystemClock()).prepare()
    steps = stack.folder.openbao / "self-init.hcl"
    steps.write_text(steps.read_text().replace("ES256", "none"))
    files = [f"-config={stack.folder.openbao / name}" for name in ("openbao.hcl", "self-init.hcl")]
    done = subprocess.run(
        [binary(), "server", *files],
        cwd=stack.folder.openbao,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "failed to initialize" in done.stdout + done.stderr
