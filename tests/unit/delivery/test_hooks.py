"""Reload and check commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.delivery.material import pki, put
from tests.unit.delivery.test_layout import target
from trustwright.delivery.hooks import TAIL, tail_text
from trustwright.errors import UpstreamError


def python(script: str) -> list[str]:
    """Return a command that runs a script."""
    return [sys.executable, "-c", script]


def failure(path: Path, **settings: object) -> UpstreamError:
    """Deliver and return the error."""
    with pytest.raises(UpstreamError) as failed:
        put(target(path, **settings), pki().delivery())
    return failed.value


def test_reload_runs_before_check_and_after_the_swap(tmp_path: Path) -> None:
    """Both see the new version through the stable path."""
    path, log = tmp_path / "tls", tmp_path / "log"
    current = str(path / "current")
    line = f"import os; open({str(log)!r}, 'a').write('%s ' + os.readlink({current!r}) + ' ')"
    put(
        target(path, reload=python(line % "reload"), check=python(line % "check")), pki().delivery()
    )

    assert log.read_text() == "reload versions/0001 check versions/0001 "


def test_hooks_see_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the flows reaches them, no input, no handle, and a group of their own."""
    monkeypatch.setenv("VAULT_TOKEN", "hvs.secret")
    log = tmp_path / "log"
    script = (
        "import json, os, sys; json.dump({'env': dict(os.environ), 'cwd': os.getcwd(), "
        "'input': sys.stdin.read(), 'group': os.getpgrp() == os.getpid(), "
        f"'handles': len(os.listdir('/proc/self/fd'))}}, open({str(log)!r}, 'w'))"
    )
    put(target(tmp_path / "tls", reload=python(script)), pki().delivery())
    seen = json.loads(log.read_text())

    allowed = {
        "PATH",
        "LANG",
        "HOME",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "LC_CTYPE",
        "TRUSTWRIGHT_CONSUMER",
        "TRUSTWRIGHT_PATH",
        "TRUSTWRIGHT_VERSION",
    }
    assert set(seen["env"]) <= allowed
    assert seen["env"]["TRUSTWRIGHT_CONSUMER"] == "billing"
    assert seen["env"]["TRUSTWRIGHT_PATH"] == str(tmp_path / "tls")
    assert seen["env"]["TRUSTWRIGHT_VERSION"] == "1"
    assert (seen["cwd"], seen["input"], seen["group"]) == ("/", "", True)
    assert seen["handles"] <= 5


@pytest.mark.parametrize("hook", ["reload", "check"])
def test_a_failing_hook_is_undone_and_reported(tmp_path: Path, hook: str) -> None:
    """Exit code and output are in the error; the previous version is in place."""
    path = tmp_path / "tls"
    before = put(target(path), pki().delivery())
    command = python(
        "import os, sys; print('bad\\x1b[31m file', flush=True); "
        "print('line 7', file=sys.stderr, flush=True); sys.exit(3)"
    )
    error = failure(path, **{hook: command})

    assert error.rule == f"DLV-{hook.upper()}"
    assert error.where == "billing"
    again = "; version 1 is in place again"
    if hook == "reload":
        again += f", but: {sys.executable} ended with 3; it said: bad [31m file line 7"
    assert error.what == (f"{sys.executable} ended with 3; it said: bad [31m file line 7{again}")
    # A reload that failed for the previous version as well has to be made up for.
    assert target(path).observed() == replace(before, in_service=hook == "check")


def test_the_previous_version_is_reloaded(tmp_path: Path) -> None:
    """After the undo the service is told once more."""
    path, log = tmp_path / "tls", tmp_path / "log"
    note = python(f"import os; open({str(log)!r}, 'a').write(os.environ['TRUSTWRIGHT_VERSION'])")
    put(target(path, reload=note), pki().delivery())
    failure(path, reload=note, check=["false"])

    assert log.read_text() == "121"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """The error names it."""
    error = failure(tmp_path / "tls", reload=["/no/such/program"])

    assert error.rule == "DLV-RELOAD"
    assert error.what.startswith("/no/such/program cannot be started: No such file or directory")


def test_a_hook_ended_by_a_signal(tmp_path: Path) -> None:
    """A crash is told apart from an exit code."""
    error = failure(tmp_path / "tls", check=python("import os; os.kill(os.getpid(), 9)"))

    assert error.what.startswith(f"{sys.executable} was ended by signal 9")


def alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_hook_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """The whole group goes, and what it said until then is kept."""
    pids = tmp_path / "pids"
    # A shell, not Python: it has said its word within the second on a busy machine, too.
    script = f"sleep 600 & echo $$ $! >{pids}; echo waiting for godot; wait"
    begin = time.monotonic()
    error = failure(tmp_path / "tls", reload=["sh", "-c", script], timeout="1s")

    assert time.monotonic() - begin < 10
    assert error.what.startswith("sh did not end within 1 seconds; it said: waiting for godot")
    ids = [int(each) for each in pids.read_text().split()]
    deadline = time.monotonic() + 5
    while any(alive(each) for each in ids) and time.monotonic() < deadline:
        os.sched_yield()
    assert [alive(each) for each in ids] == [False, False]


def test_a_hook_that_cannot_be_killed_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a broken disk, say: the delivery does not wait with it."""
    started: list[subprocess.Popen[bytes]] = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            started.append(self)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    monkeypatch.setattr(os, "killpg", lambda *_: None)
    monkeypatch.setattr("trustwright.delivery.hooks._GRACE", 0.1)
    begin = time.monotonic()
    error = failure(tmp_path / "tls", check=["sleep", "600"], timeout="1s")
    elapsed = time.monotonic() - begin
    for each in started:
        each.kill()
        each.wait()

    assert elapsed < 10
    assert error.what.startswith("sleep did not end within 1 seconds")


def test_a_daemon_that_keeps_the_output_open_does_not_hold_up_the_delivery(tmp_path: Path) -> None:
    """The command counts, not what it started; that keeps running."""
    pid = tmp_path / "pid"
    script = (
        "import subprocess; child = subprocess.Popen(['sleep', '600']); "
        f"open({str(pid)!r}, 'w').write(str(child.pid))"
    )
    begin = time.monotonic()
    put(target(tmp_path / "tls", reload=python(script), timeout="30s"), pki().delivery())
    daemon = int(pid.read_text())
    running = alive(daemon)
    os.kill(daemon, 9)

    assert time.monotonic() - begin < 10
    assert running


def test_a_hook_that_closes_its_output_is_waited_for(tmp_path: Path) -> None:
    """The end of the output is not the end of the command."""
    script = "import os, sys, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(4)"
    error = failure(tmp_path / "tls", reload=python(script))

    assert error.what.startswith(f"{sys.executable} ended with 4;")


def test_a_talkative_hook_is_cut_to_its_end(tmp_path: Path) -> None:
    """Megabytes of output neither block the hook nor fill the message."""
    script = (
        "import sys; sys.stdout.write('x' * 5_000_000 + 'the end'); sys.stdout.flush(); sys.exit(1)"
    )
    error = failure(tmp_path / "tls", check=python(script))
    said = error.what.partition("it said: ")[2].partition("; nothing")[0]

    assert len(said) == TAIL
    assert said.endswith("xthe end")


@pytest.mark.parametrize("shown", ["whole", "body", "line"])
def test_a_hook_that_shows_the_key_is_not_quoted(tmp_path: Path, shown: str) -> None:
    """Not even without its armour, or a part of it."""
    path = tmp_path / "tls"
    part = {"whole": "text", "body": "''.join(text.split()[3:-3])[5:90]", "line": "text[60:90]"}[
        shown
    ]
    script = (
        f"import sys; text = open({str(path / 'key.pem')!r}).read(); print({part}); sys.exit(1)"
    )
    error = failure(path, check=python(script))

    assert "it said: (withheld: it shows key material)" in error.what


def test_ordinary_output_is_quoted() -> None:
    """Certificates and base64 of something else are no key material."""
    delivery = pki().delivery()

    assert tail_text(b"  ok\n\tdone ", delivery.key or b"") == "ok done"
    assert "BEGIN CERTIFICATE" in tail_text(b"-----BEGIN CERTIFICATE-----", delivery.key or b"")
