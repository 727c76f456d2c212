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


def create(*options: str) -> int:
    """Run the command."""
    return exit_code(cli, "trustwright", ["identity", "create", "test", *options])


def test_a_lost_public_key_comes_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All eight files, then nothing, then the one that is missing."""
    kinds = ("issuer", "rotator", "anchor", "admin")
    files = ", ".join(f"{name}.key, {name}.pub" for name in kinds)
    for said in (files, "nothing was missing", "anchor.pub"):
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


def test_a_key_that_is_kept_elsewhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The admin's pair is not made again behind his back; the way to a new one is said."""
    assert create() == 0
    (folder / "admin.key").unlink()
    public = (folder / "admin.pub").read_bytes()
    capsys.readouterr()
    assert create() == 0
    said = capsys.readouterr()
    assert said.out == f"{folder}: nothing was missing\n"
    assert said.err == (
        "note: admin.key is not here; should it be lost, remove admin.pub and run this again\n"
    )
    assert (folder / "admin.pub").read_bytes() == public


def test_an_admin_makes_his_own_pair_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """His private key is made where it stays; no other is made there."""
    assert create("--only", "admin") == 0
    assert capsys.readouterr().out == f"{folder}: admin.key, admin.pub\n"
    assert sorted(path.name for path in folder.iterdir()) == ["admin.key", "admin.pub"]
    assert create("--only", "root") == 2
    assert capsys.readouterr().err == (
        "error: --only: no identity 'root' [IDENTITY-NAME] → name one of: issuer, rotator, anchor, "
        "admin\n"
    )
