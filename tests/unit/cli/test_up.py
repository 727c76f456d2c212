"""``trustwright up`` over a home of an earlier release."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from trustwright.cli.stack import up
from trustwright.errors import ConfigurationError
from trustwright.store.migrate import migrate

pytestmark = pytest.mark.unit


class Stack:
    """A stack whose runner runs, or none."""

    def __init__(self, home: Path, **options: Any) -> None:
        del options
        self.folder = SimpleNamespace(home=home, password=home / "auth", create=home.mkdir)

    def check(self) -> None:
        """Nothing is wrong."""

    def status(self) -> tuple[SimpleNamespace, ...]:
        """Nothing runs."""
        return ()

    def up(self) -> tuple[str, ...]:
        """It comes up."""
        return ("OpenBao",)

    def renew_policy(self) -> bool:
        """The policy was of an earlier release."""
        return True


class Running(Stack):
    """Its runner runs."""

    def status(self) -> tuple[SimpleNamespace, ...]:
        """One part runs."""
        return (SimpleNamespace(condition="running"),)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stack is; the tables of the parts are not looked at."""
    home = tmp_path / "home"
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(home))
    monkeypatch.setattr("trustwright.cli.stack.stack_table", lambda _: None)
    monkeypatch.setattr("trustwright.embedded.state.estate_of", lambda _: None)
    return home


def test_the_renewed_policy_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the store was made."""
    monkeypatch.setattr("trustwright.embedded.stack.Stack", Stack)
    said = CliRunner().invoke(up, catch_exceptions=False)
    assert said.output.splitlines()[:2] == [
        "started: OpenBao",
        "the provisioner's policy in OpenBao was of an earlier release; it is of this one now",
    ]
    assert not migrate(f"sqlite:///{home}/store.db")


def test_a_store_is_not_migrated_beneath_what_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier program would refuse it from then on, in the middle of its runs."""
    monkeypatch.setattr(Stack, "up", lambda _: pytest.fail("nothing may be started"))
    monkeypatch.setattr("trustwright.embedded.stack.Stack", Running)
    monkeypatch.setattr("trustwright.store.revision.refuse_behind", refused)
    with pytest.raises(ConfigurationError, match="of an earlier release"):
        CliRunner().invoke(up, catch_exceptions=False)
    assert list(home.iterdir()) == []


def refused(url: str) -> None:
    """Find an earlier schema."""
    raise ConfigurationError(f"{url} is of an earlier release", rule="STACK-RELEASE")
