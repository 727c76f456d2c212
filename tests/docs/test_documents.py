"""What the documents name is there: tests, files, commands, decisions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

from tests.docs.readme import ROOT
from trustwright.cli.main import cli
from trustwright.cli.root import root
from trustwright.estatefile import check_estate

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_COMMAND = re.compile(r"`(?:\$ )?(trustwright(?:-root)?)((?: [a-z][a-z-]*)+)")
_SPAN = re.compile(r"`((?:tests|trustwright|flows|tasks|infra|docs|demo|bench|deployments)/[^`]+)`")


def test_threat_model_names_tests_that_exist() -> None:
    """Every claim names at least one test, and each of them is there."""
    text = (ROOT / "THREAT_MODEL.md").read_text()
    claims = re.findall(r"^\| (C\d+) \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    assert [name for name, _ in claims] == [f"C{n}" for n in range(1, len(claims) + 1)]
    for name, evidence in claims:
        named = re.findall(r"`([^`]+)`", evidence)
        assert named, name
        assert [each for each in named if not exists(each)] == [], name


def exists(span: str) -> bool:
    """Tell whether a file is there and, after ``::``, defines that function or class."""
    path, _, member = span.partition("::")
    file = ROOT / path.rstrip("/")
    if not member:
        return file.exists()
    return file.is_file() and member in {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def test_a_function_that_is_not_there_is_missed() -> None:
    """The next test looks for names inside of files, too."""
    assert exists("tests/docs/test_documents.py::exists")
    assert not exists("tests/docs/test_documents.py::exist")
    assert not exists("tests/docs/nothing.py::exists")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_and_functions_exist(page: Path) -> None:
    """A path of this project that stands in a page is there, and what it names inside."""
    named = _SPAN.findall(page.read_text())
    plain = [each for each in named if not set("*<{… ").intersection(each)]
    assert [each for each in plain if not exists(each)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_commands_exist(page: Path) -> None:
    """A command that stands in a page is one of the two programs'."""
    for program, words in _COMMAND.findall(page.read_text()):
        group: click.Command = cli if program == "trustwright" else root
        for word in words.split():
            if not isinstance(group, click.Group):
                break
            found = group.get_command(click.Context(group), word)
            assert found is not None, f"{program}{words}"
            group = found


def test_every_rule_of_the_stack_stands_in_its_runbook() -> None:
    """What `up` may refuse with, somebody can look up; and nothing that it never says."""
    said = {
        rule
        for file in (ROOT / "trustwright").rglob("*.py")
        for rule in re.findall(r'rule="(STACK-[A-Z]+)"', file.read_text())
    }
    page = (ROOT / "docs" / "runbooks" / "one-machine.md").read_text()
    assert said == set(re.findall(r"`(STACK-[A-Z]+)`", page))


def test_the_example_lacks_the_root_alone() -> None:
    """What its first lines say: whoever copies it puts his own root there."""
    problems = check_estate(ROOT / "docs" / "examples" / "estate.yaml")
    assert [problem.rule for problem in problems] == ["EST-ROOT-FILE"]


def test_decisions_are_listed() -> None:
    """The index of decisions names each page once, in order."""
    folder = ROOT / "docs" / "adr"
    listed = re.findall(
        r"^\| \[\d{4}\]\(([^)]+)\)", (folder / "README.md").read_text(), re.MULTILINE
    )
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
