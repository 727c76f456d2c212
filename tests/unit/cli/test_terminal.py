"""What is said on a terminal, and with which exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from trustwright.cli import terminal
from trustwright.cli.lazy import LazyGroup
from trustwright.cli.main import cli
from trustwright.cli.root import COMMANDS, root
from trustwright.errors import (
    CeremonyViolation,
    ConfigurationError,
    ConflictError,
    TrustwrightError,
    Unavailable,
    VerificationError,
)

pytestmark = pytest.mark.unit


def failing(error: BaseException) -> click.Command:
    """Return a command that raises."""

    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("a", rule="R", hint="h", where="w"), 2),
        (CeremonyViolation("a", rule="R", hint="h", where="w"), 3),
        (VerificationError("a", rule="R", hint="h", where="w"), 4),
        (Unavailable("a", rule="R", hint="h", where="w"), 5),
        (ConflictError("a", rule="R", hint="h", where="w"), 6),
    ],
)
def test_error_of_ours_is_one_line(
    error: TrustwrightError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where, what, rule and remedy on one line of stderr; the exit code of the class."""
    assert code == terminal.exit_code(failing(error), "trustwright", [])
    assert capsys.readouterr() == ("", "error: w: a [R] → h\n")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            ValueError("odd\nvalue"),
            70,
            "error: unexpected ValueError: odd\\nvalue → TRUSTWRIGHT_TRACEBACK=1 shows where",
        ),
        (KeyboardInterrupt(), 130, "error: stopped"),
        (click.Abort(), 130, "error: stopped"),
        (click.UsageError("No such option."), 2, "error: no such option → see trustwright --help"),
        (CeremonyViolation("from a file: \x1b[2J\u202e"), 3, "error: from a file: \\x1b[2J\\u202e"),
    ],
)
def test_every_error_is_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, no control character, whatever was raised."""
    assert code == terminal.exit_code(failing(error), "trustwright", [])
    assert line == capsys.readouterr().err.strip()


def test_traceback_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable adds the traceback before the line."""
    monkeypatch.setenv(terminal.TRACEBACK, "1")
    terminal.exit_code(failing(ValueError("odd")), "trustwright", [])

    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: unexpected ValueError: odd")


def test_results_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, JSON and columns; what is beside the result goes to stderr."""
    terminal.say("done")
    terminal.as_json({"b": 1, "a": "ü"})
    terminal.columns(("name", "state"), [("billing", "valid"), ("b\x1b", "x")])
    terminal.columns(("name",), [], empty="none there")
    terminal.note("a part was\nremoved")

    out, err = capsys.readouterr()
    assert out.startswith("done\n{")
    assert json.loads(out[5 : out.index("}") + 1]) == {"a": "ü", "b": 1}
    assert "name     state\nbilling  valid\nb\\x1b    x\nnone there\n" in out
    assert err == "note: a part was\\nremoved\n"


def test_a_result_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines stay lines; everything else that a terminal obeys is an escape, in JSON as well."""
    terminal.say("a\x1b[2J\r\u202e\nb\x9b")
    terminal.as_json({"a": "\x1b\x7f\x9b\u202e\U000e0001 ü\n"})

    out = capsys.readouterr().out
    assert out.startswith("a\\x1b[2J\\r\\u202e\nb\\x9b\n")
    assert all(line.isprintable() for line in out.splitlines())
    assert json.loads(out[out.index("{") :]) == {"a": "\x1b\x7f\x9b\u202e\U000e0001 ü\n"}
    assert "ü" in out


@pytest.mark.parametrize(
    ("program", "name", "args"),
    [
        (root, "trustwright-root", []),
        (root, "trustwright-root", ["transcript"]),
        (cli, "trustwright", []),
        (cli, "trustwright", ["ceremony"]),
    ],
)
def test_nothing_to_do_is_answered_by_the_help(
    program: click.Command, name: str, args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The help, line by line as ``--help`` shows it, and the exit code of a usage error."""
    assert terminal.exit_code(program, name, [*args, "--help"]) == 0
    shown = capsys.readouterr().out

    assert terminal.exit_code(program, name, args) == 2
    assert capsys.readouterr() == ("", shown)
    assert shown.startswith(f"Usage: {' '.join([name, *args])} ")


class Full(io.StringIO):
    """A standard output that takes nothing."""

    def flush(self) -> None:
        """Fail as a full disk does."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fileno(self) -> int:
        """Return a descriptor that may be given away."""
        return self.spare

    spare = -1


def test_output_that_cannot_be_written_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A full disk behind the pipe: one line, exit 2, and the end of the program is quiet."""
    full = Full()
    full.spare = os.open(tmp_path / "spare", os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr("sys.stdout", full)
    code = terminal.exit_code(click.Command("c", callback=lambda: terminal.say("x")), "c", [])
    os.close(full.spare)

    assert code == 2
    line = capsys.readouterr().err
    assert line.startswith("error: standard output cannot be written: No space left on device [OUT")


def test_closed_output_stops_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody could read what a ceremony says: it does not begin."""
    done: list[bool] = []
    monkeypatch.setattr("sys.stdout", None)

    code = terminal.exit_code(click.Command("c", callback=lambda: done.append(True)), "c", [])

    assert (code, done) == (2, [])
    assert "[OUTPUT-WRITE]" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437"])
def test_small_encoding_shows_escapes(tmp_path: Path, encoding: str) -> None:
    """What the terminal cannot say stands there as an escape, in lines and in JSON."""
    (tmp_path / "bad.yaml").write_text("organization: \U0001f511\n")
    done = subprocess.run(
        [sys.executable, "-m", "trustwright.cli.main", "check", "bad.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"\\u2192 add `root:`" in done.stdout

    shown = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    with contextlib.redirect_stdout(shown):
        code = terminal.exit_code(
            click.Command("c", callback=lambda: terminal.as_json({"a": "→\U0001f511"})), "c", []
        )
    shown.seek(0)
    assert (code, json.load(shown)) == (0, {"a": "→\U0001f511"})


def test_table_of_commands_says_what_they_say() -> None:
    """Help without an import tells the same as the commands themselves."""
    assert isinstance(root, LazyGroup)
    context = click.Context(root)
    for name, (_, line) in COMMANDS.items():
        command = root.get_command(context, name)
        assert command is not None
        assert line == command.get_short_help_str(limit=200)
    assert root.get_command(context, "unknown") is None


def test_run_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program ends with the code."""
    monkeypatch.setattr("sys.argv", ["trustwright"])
    with pytest.raises(SystemExit) as ended:
        terminal.run(failing(ConflictError("held")), "trustwright")
    assert ended.value.code == 6
