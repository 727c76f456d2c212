"""Files and folders of the stack: private, whole, locked."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

import pytest

from trustwright.embedded.folder import Folder, empty_folder, secret, write_private
from trustwright.errors import ConfigurationError, ConflictError

pytestmark = pytest.mark.unit


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_private_even_when_they_were_not(tmp_path: Path) -> None:
    """An existing home loses the bits of group and others."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    Folder(home).create()
    assert {mode(path) for path in (home, *home.iterdir()) if path.is_dir()} == {0o700}


def test_a_folder_with_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    """A common folder that is named by mistake keeps its mode and its things."""
    home = tmp_path / "common"
    home.mkdir()
    home.chmod(0o1777)
    (home / "letters").touch()
    with pytest.raises(ConfigurationError) as refused:
        Folder(home).create()
    assert (refused.value.rule, refused.value.where) == ("STACK-HOME", str(home))
    assert "letters" in refused.value.what
    assert (mode(home), list(home.iterdir())) == (0o1777, [home / "letters"])


@pytest.mark.parametrize("mark", ["stack.lock", "stack.json"])
def test_a_home_may_hold_what_its_owner_puts_there(tmp_path: Path, mark: str) -> None:
    """Before the first start what a person prepares; once it was started, anything."""
    for name in ("estate.yaml", "root.pem", "store.db"):
        (tmp_path / name).touch()
    (tmp_path / "identities").mkdir()
    Folder(tmp_path).create()
    (tmp_path / mark).touch()
    (tmp_path / "letters").touch()
    Folder(tmp_path).create()
    assert mode(tmp_path) == 0o700


def test_a_folder_of_another_account_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root could change its mode, and must not."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    monkeypatch.setattr("os.geteuid", lambda: home.stat().st_uid + 1)
    with pytest.raises(ConfigurationError) as refused:
        Folder(home).create()
    assert (refused.value.rule, mode(home)) == ("STACK-HOME", 0o755)
    assert "another account" in refused.value.what


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way gives one error that names the folder."""
    (tmp_path / "home").write_text("")
    with pytest.raises(ConfigurationError) as refused:
        Folder(tmp_path / "home").create()
    assert (refused.value.rule, refused.value.where) == ("STACK-HOME", str(tmp_path / "home"))


def test_a_folder_is_emptied_and_nothing_else(tmp_path: Path) -> None:
    """Files and folders in it go; what a link in it leads to stays."""
    kept, folder = tmp_path / "kept", tmp_path / "tmp"
    kept.mkdir()
    (kept / "file").touch()
    (folder / "one" / "two").mkdir(parents=True)
    (folder / "link").symlink_to(kept)
    (folder / "file").touch()
    empty_folder(folder)
    assert (list(folder.iterdir()), mode(folder)) == ([], 0o700)
    assert (kept / "file").exists()


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """The new content is whole and private, and no temporary file stays."""
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), mode(path), list(tmp_path.iterdir())) == (b"new", 0o600, [path])


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """Nothing is half done: the target is a folder, so the last step fails."""
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """The second call returns what the first one made."""
    path = tmp_path / "secret"
    values = iter((b"first", b"second"))
    assert [secret(path, lambda: next(values)) for _ in range(2)] == [b"first", b"first"]
    assert mode(path) == 0o600


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, bits: int) -> None:
    """The error names the file and the command that mends it."""
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(bits)
    with pytest.raises(ConfigurationError) as refused:
        secret(path, bytes)
    assert refused.value.rule == "STACK-SECRET"
    assert f"chmod 600 {path}" in refused.value.hint


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    """A second holder is refused, also by another object for the same folder."""
    with Folder(tmp_path).locked():
        with pytest.raises(ConflictError) as refused, Folder(tmp_path).locked():
            pass
        assert refused.value.rule == "STACK-LOCK"


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    """A failure inside gives the lock back."""
    with suppress(KeyError), Folder(tmp_path).locked():
        raise KeyError
    with Folder(tmp_path).locked():
        pass


def test_the_mark_belongs_to_the_folder_not_to_its_name(tmp_path: Path) -> None:
    """A moved home keeps its mark; another one in its place has its own."""
    home, moved = tmp_path / "home", tmp_path / "moved"
    home.mkdir()
    mark = Folder(home).mark
    home.rename(moved)
    home.mkdir()
    assert Folder(moved).mark == mark
    assert Folder(home).mark != mark
