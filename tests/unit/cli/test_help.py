"""The help of every command of both programs: whole sentences, nothing of click's own marks."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from trustwright.cli.main import cli
from trustwright.cli.root import root

pytestmark = pytest.mark.unit


def pages(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the help of a command and of those below it."""
    context = click.Context(command, info_name=name)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from pages(found, f"{name} {each}")


PAGES = dict([*pages(cli, "trustwright"), *pages(root, "trustwright-root")])


@pytest.mark.parametrize("name", PAGES)
def test_help_is_whole(name: str) -> None:
    """No mark of click's in the text, and no sentence that breaks off in the middle."""
    usage, _, text = PAGES[name].partition("\n")
    assert usage.startswith(f"Usage: {name}")
    assert "\\b" not in text
    assert [line for line in text.splitlines() if line.endswith("...")] == []


def test_to_begin_names_every_step() -> None:
    """In the order of README: who follows it gets as far as the gate."""
    _, _, text = PAGES["trustwright"].partition("To begin:\n")
    steps = [line.split()[1:] for line in text.partition("\n\n")[0].splitlines()]
    assert [step[0] for step in steps] == ["up", "check", "identity", "bootstrap"]
