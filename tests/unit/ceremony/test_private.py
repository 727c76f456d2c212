"""Files that hold the key or open it are their owner's alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.ceremony.folder import new_root
from trustwright.ceremony import private
from trustwright.ceremony.passphrase import from_file
from trustwright.ceremony.private import exposed
from trustwright.ceremony.rootfolder import opened
from trustwright.errors import ConfigurationError

pytestmark = pytest.mark.unit
SOMEBODY = 65_534


def status(mode: int, owner: int) -> os.stat_result:
    """Return the status of a file."""
    return os.stat_result((mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("owner", [0, os.geteuid()])
@pytest.mark.parametrize("mode", [0o100600, 0o100400, 0o40700])
def test_what_is_ours_alone_is_used(owner: int, mode: int) -> None:
    """Ours or the administrator's, and nobody else may do anything with it."""
    assert exposed(Path("a"), status(mode, owner)) is None


@pytest.mark.parametrize("mode", [0o100640, 0o100604, 0o100601, 0o40755])
def test_mode_that_others_may_use_is_named_with_the_remedy(mode: int) -> None:
    """The remedy can be pasted, whatever the file is called."""
    problem = exposed(Path("/a b/$x"), status(mode, os.geteuid()))

    assert problem is not None
    assert f"mode {mode & 0o7777:04o}" in problem.what
    assert problem.hint == "chmod go= '/a b/$x'"


def test_owner_is_named_and_no_mode_helps() -> None:
    """What belongs to somebody else can be opened to others by him at any time."""
    problem = exposed(Path("a"), status(0o100600, SOMEBODY))

    assert problem is not None
    assert f"belongs to the user {SOMEBODY}" in problem.what
    assert "chmod" not in problem.hint


def test_folder_and_passphrase_of_another_user_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root's folder and a passphrase file, both private and both another user's."""
    root = new_root(tmp_path / "root")
    (tmp_path / "phrase").write_text("zebra moon lamp tide\n")
    (tmp_path / "phrase").chmod(0o600)
    monkeypatch.setattr(private, "_ROOT_USER", SOMEBODY)
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)

    with pytest.raises(ConfigurationError) as refused, opened(root, exclusive=False):
        pass
    assert (refused.value.rule, refused.value.where) == ("ROOT-MODE", str(root))
    with pytest.raises(ConfigurationError) as refused:
        from_file(tmp_path / "phrase")
    assert (refused.value.rule, refused.value.where) == ("PASS-FILE", str(tmp_path / "phrase"))


@pytest.mark.parametrize("names", [(), ("root.pem",), ("root.pem", "policy.toml")])
def test_folder_without_a_root_is_told_to_be_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    """No remedy changes the mode of a folder that no root was made in, /etc for one."""
    for name in names:
        (tmp_path / name).write_text("x")
    tmp_path.chmod(0o755)

    with pytest.raises(ConfigurationError) as refused, opened(tmp_path, exclusive=False):
        pass
    assert (refused.value.rule, "chmod" in refused.value.hint) == ("ROOT-FOLDER", False)
