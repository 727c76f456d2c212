"""``trustwright identity create``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.estate.material import change, write_example
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the identity folder of test in an estate that the environment names."""
    file = write_example(tmp_path / "estate")
    change(file, "/etc/trustwright/identities/test", "identities/test")
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", str(file))
    return file.parent / "identities" / "test"


def create() -> int:
    """Run the command."""
    return exit_code(cli, "trustwright", ["identity", "create", "test"])


def test_a_lost_public_key_comes_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All six files, then nothing, then the one that is missing."""
    files = "issuer.key, issuer.pub, rotator.key, rotator.pub, anchor.key, anchor.pub"
    for said in (files, "every key was there already", "anchor.pub"):
        assert create() == 0
        assert capsys.readouterr().out == f"{folder}: {said}\n"
        if said != files:
            (folder / "anchor.pub").unlink()


def test_halves_that_do_not_fit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says what to remove; after that the command mends it."""
    assert create() == 0
    (folder / "issuer.pub").write_bytes((folder / "rotator.pub").read_bytes())
    assert create() == 2
    assert "EST-IDENTITY-PAIR" in capsys.readouterr().err
    (folder / "issuer.pub").unlink()
    assert create() == 0
    assert capsys.readouterr().out == f"{folder}: issuer.pub\n"
