"""Every option and make target that a page names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from demo.__main__ import parser
from tests.docs.readme import ROOT
from trustwright.cli.main import cli
from trustwright.cli.root import root

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROGRAMS: dict[str, click.Command] = {"trustwright": cli, "trustwright-root": root}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
DEMO = {name for action in parser()._actions for name in action.option_strings}
_SPAN = re.compile(r"`([^`\n]+)`|^\$ (.*)$|^( *)((?:make|trustwright) .*)$", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def spans(page: Path) -> Iterator[str]:
    """Yield what stands in a page as code: in backticks, or in a terminal."""
    for quoted, typed, _, line in _SPAN.findall(page.read_text()):
        yield quoted or typed or line


def options(command: click.Command) -> set[str]:
    """Return a command's own options."""
    return {"--help", *(name for each in command.params for name in each.opts)} | {
        name for each in command.params for name in each.secondary_opts
    }


def everywhere(command: click.Command) -> set[str]:
    """Return the options of a command and of all below it."""
    found = options(command)
    if isinstance(command, click.Group):
        context = click.Context(command)
        below = (command.get_command(context, name) for name in command.list_commands(context))
        found = found.union(*(everywhere(each) for each in below if each is not None))
    return found


def unknown_options(line: str) -> list[str]:
    """Return the options of a typed line that its command does not take."""
    program, *words = line.split()
    command, known = PROGRAMS[program], options(PROGRAMS[program])
    missed = []
    for word in words:
        if word in {"|", ">", "&&", ";"}:
            break
        if (named := _OPTION.match(word)) and named[0] not in known:
            missed.append(named[0])
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            command, known = found or command, known | (options(found) if found else set())
    return missed


def test_an_option_that_is_not_there_is_missed() -> None:
    """The next test reads the commands, not a list beside them."""
    assert unknown_options("trustwright bootstrap prod --until-ready") == []
    assert unknown_options("trustwright bootstrap prod --until-redy") == ["--until-redy"]
    assert unknown_options("trustwright status --until-ready") == ["--until-ready"]
    assert unknown_options("trustwright-root --folder offline show --certificate > root.pem") == []


@each_page
def test_named_options_exist(page: Path) -> None:
    """They are those of the command that they stand behind."""
    for span in spans(page):
        if span.split()[:1] and span.split()[0] in PROGRAMS:
            assert unknown_options(span) == [], span


def test_options_that_stand_alone_exist() -> None:
    """README names none but those of this project."""
    somewhere = DEMO.union(*(everywhere(command) for command in PROGRAMS.values()))
    alone = [span for span in spans(ROOT / "README.md") if span.startswith(("--", "ARGS=--"))]
    assert alone
    assert [
        span for span in alone if not set(_OPTION.findall(span.split("=")[-1])) <= somewhere
    ] == []


@each_page
def test_named_targets_exist(page: Path) -> None:
    """And `make demo` takes the options that stand behind it."""
    for span in spans(page):
        for target in re.findall(r"^make ([a-z]+)", span):
            assert target in TARGETS, span
        if span.startswith("make demo"):
            assert set(_OPTION.findall(span)) <= DEMO, span
