"""What is said on a terminal, and with which exit code."""

from __future__ import annotations

import json

import click
import pytest

from trustwright.cli import terminal
from trustwright.cli.lazy import LazyGroup
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
