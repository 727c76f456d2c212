"""Folders that somebody prepared: nothing is written through a link or where others may write."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.delivery.material import pki, put, request_pem
from tests.unit.delivery.test_layout import target
from trustwright.errors import ConflictError, UpstreamError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def refusal(path: Path) -> str:
    """Deliver to `path` and return the rule that refused it; nothing may be written."""
    with pytest.raises(UpstreamError) as refused:
        put(target(path), pki().delivery())
    assert refused.value.hint
    return refused.value.rule


def make(path: Path, mode: int = 0o755) -> Path:
    """Make a folder with exactly this mode."""
    path.mkdir()
    path.chmod(mode)
    return path


def keys_below(path: Path) -> list[Path]:
    """Return every file that holds a private key."""
    return [each for each in path.rglob("*") if each.is_file() and b"PRIVATE" in each.read_bytes()]


def test_a_path_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Whoever owns the link could lead the key anywhere."""
    make(tmp_path / "real")
    (tmp_path / "tls").symlink_to(tmp_path / "real")

    assert refusal(tmp_path / "tls") == "DLV-LINK"
    assert list((tmp_path / "real").iterdir()) == []


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """It is not overwritten."""
    (tmp_path / "tls").write_text("mine")

    assert refusal(tmp_path / "tls") == "DLV-LINK"
    assert (tmp_path / "tls").read_text() == "mine"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777])
def test_a_path_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """Group and others must not be able to swap `current`."""
    make(tmp_path / "tls", mode)

    assert refusal(tmp_path / "tls") == "DLV-OPEN"
    assert list((tmp_path / "tls").iterdir()) == []


@pytest.mark.parametrize("mode", [0o775, 0o777])
def test_a_versions_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """It is not silently closed: something may have been planted already."""
    make(tmp_path / "tls")
    make(tmp_path / "tls" / "versions", mode)

    assert refusal(tmp_path / "tls") == "DLV-OPEN"


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o770, 0o2775])
def test_a_parent_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """Its group, or anybody, could replace the folder itself."""
    make(tmp_path / "open", mode)
    make(tmp_path / "open" / "tls")

    assert refusal(tmp_path / "open" / "tls") == "DLV-OPEN"
    assert list((tmp_path / "open" / "tls").iterdir()) == []


def test_every_folder_above_counts(tmp_path: Path) -> None:
    """Not only the one right above; and looking refuses as well."""
    make(tmp_path / "open", 0o775)
    (tmp_path / "open" / "a" / "b").mkdir(parents=True)

    assert refusal(tmp_path / "open" / "a" / "b" / "tls") == "DLV-OPEN"
    with pytest.raises(UpstreamError) as refused:
        target(tmp_path / "open" / "a" / "b" / "tls").observed()
    assert refused.value.what == (
        f"{tmp_path / 'open'} is writable by its group or others: a key is not safe there"
    )


def test_the_folders_behind_a_link_count(tmp_path: Path) -> None:
    """The way that is really taken, not the one that is written."""
    make(tmp_path / "open", 0o775)
    make(tmp_path / "open" / "real")
    (tmp_path / "link").symlink_to(tmp_path / "open" / "real")

    assert refusal(tmp_path / "link" / "tls") == "DLV-OPEN"


@pytest.mark.parametrize("mode", [0o1777, 0o1775])
def test_a_sticky_parent_is_good(tmp_path: Path, mode: int) -> None:
    """In /tmp nobody can replace what belongs to another."""
    make(tmp_path / "sticky", mode)

    assert put(target(tmp_path / "sticky" / "tls"), pki().delivery()).number == 1


def test_the_folder_that_was_judged_is_the_one_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody swaps a folder above for a link between the look and the opening."""
    make(tmp_path / "a")
    make(tmp_path / "a" / "tls")
    make(tmp_path / "evil")
    make(tmp_path / "evil" / "tls")
    honest = os.open

    def swap_first(path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> int:
        if Path(path).name == "tls" and not (tmp_path / "a").is_symlink():
            (tmp_path / "a").rename(tmp_path / "b")
            (tmp_path / "a").symlink_to(tmp_path / "evil")
        return honest(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", swap_first)
        target(tmp_path / "a" / "tls").deliver(pki().delivery(), expected=None)
    assert (tmp_path / "a").is_symlink()
    assert keys_below(tmp_path / "evil") == []
    assert (tmp_path / "b" / "tls" / "versions" / "0001" / "key.pem").exists()


def test_a_folder_that_becomes_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a folder when it was looked at."""
    make(tmp_path / "a")
    make(tmp_path / "evil")
    honest = os.open

    def swap_first(path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> int:
        if Path(path).name == "a" and not (tmp_path / "a").is_symlink():
            (tmp_path / "a").rename(tmp_path / "b")
            (tmp_path / "a").symlink_to(tmp_path / "evil")
        return honest(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", swap_first)
    with pytest.raises(UpstreamError) as refused:
        target(tmp_path / "a" / "tls").deliver(pki().delivery(), expected=None)
    assert refused.value.rule == "DLV-LINK"
    assert list((tmp_path / "evil").iterdir()) == []


@AS_ROOT
@pytest.mark.parametrize("part", ["a", "a/tls", "a/tls/versions"])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, part: str) -> None:
    """Its owner could swap or read what lies in it."""
    (tmp_path / "a" / "tls" / "versions").mkdir(parents=True)
    os.chown(tmp_path / part, 12_345, 12_345)

    assert refusal(tmp_path / "a" / "tls") == "DLV-OPEN"
    assert keys_below(tmp_path) == []


@AS_ROOT
def test_a_link_of_somebody_else_on_the_way_is_refused(tmp_path: Path) -> None:
    """A planted link in a sticky folder leads nowhere."""
    make(tmp_path / "real")
    make(tmp_path / "sticky", 0o1777)
    (tmp_path / "sticky" / "link").symlink_to(tmp_path / "real")
    os.chown(tmp_path / "sticky" / "link", 12_345, 12_345, follow_symlinks=False)

    assert refusal(tmp_path / "sticky" / "link" / "tls") == "DLV-OPEN"
    assert list((tmp_path / "real").iterdir()) == []


def test_our_own_link_above_is_followed(tmp_path: Path) -> None:
    """/etc may hold links that root made."""
    make(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    put(target(tmp_path / "link" / "tls"), pki().delivery())

    assert (tmp_path / "real" / "tls" / "cert.pem").exists()


@pytest.mark.parametrize("leads_to", ["real", "./real", "../{}/real", "second"])
def test_links_lead_where_they_say(tmp_path: Path, leads_to: str) -> None:
    """Relative ones, upwards, and through another link."""
    make(tmp_path / "real")
    (tmp_path / "second").symlink_to("real")
    (tmp_path / "link").symlink_to(leads_to.format(tmp_path.name))
    put(target(tmp_path / "link" / "deep" / "tls"), pki().delivery())

    assert (tmp_path / "real" / "deep" / "tls" / "cert.pem").exists()


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    """It is not followed for ever."""
    (tmp_path / "loop").symlink_to("loop")

    assert refusal(tmp_path / "loop" / "tls") == "DLV-LINK"


def test_what_a_link_leads_to_is_not_made(tmp_path: Path) -> None:
    """The disk behind it may not be mounted now."""
    (tmp_path / "link").symlink_to(tmp_path / "disk")

    assert refusal(tmp_path / "link" / "tls") == "DLV-IO"
    assert not (tmp_path / "disk").exists()


def test_a_folder_that_may_be_passed_but_not_listed_is_good(tmp_path: Path) -> None:
    """Like a home that shows nothing."""
    make(tmp_path / "home", 0o711)
    make(tmp_path / "home" / "inner")
    (tmp_path / "home").chmod(0o111)

    assert put(target(tmp_path / "home" / "inner" / "tls"), pki().delivery()).number == 1
    (tmp_path / "home").chmod(0o755)


def _file(path: Path) -> None:
    path.write_text("mine")


def _folder(path: Path) -> None:
    path.mkdir()


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("plant", [_file, _folder, _link])
@pytest.mark.parametrize("name", ["current", "key.pem", "cert.pem", "manifest.json"])
def test_what_stands_in_the_way_is_not_touched(
    tmp_path: Path, name: str, plant: Callable[[Path], None]
) -> None:
    """A certificate from before, or a planted link, is neither followed nor overwritten."""
    path = make(tmp_path / "tls")
    plant(path / name)
    before = (path / name).lstat().st_ino

    assert refusal(path) == "DLV-OCCUPIED"
    assert (path / name).lstat().st_ino == before
    assert keys_below(path) == []


@pytest.mark.parametrize("plant", [_file, _link])
def test_versions_must_be_a_folder(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    """Neither a file nor a link to somewhere else will do."""
    path = make(tmp_path / "tls")
    plant(path / "versions")

    assert refusal(path) == "DLV-LINK"


@pytest.mark.parametrize("leads_to", ["/etc", "versions/../..", "versions/1", "versions/0001/x"])
def test_current_must_lead_to_a_version(tmp_path: Path, leads_to: str) -> None:
    """Reading does not follow it either."""
    path = make(tmp_path / "tls")
    (path / "current").symlink_to(leads_to)

    assert refusal(path) == "DLV-OCCUPIED"
    with pytest.raises(UpstreamError):
        target(path).observed()


def test_leftovers_go_and_strangers_stay(tmp_path: Path) -> None:
    """Only names that a delivery makes are cleaned up."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    (path / "versions" / ".new-0123456789abcdef").mkdir()
    (path / "versions" / ".new-0123456789abcdef" / "key.pem").write_text("half")
    (path / "versions" / "0009").mkdir()
    (path / ".current-0123456789abcdef").symlink_to("versions/0009")
    (path / "versions" / "NOTES").write_text("mine")
    (path / "versions" / ".mark-0123456789abcdef").write_text("half")
    put(target(path), pki().delivery())

    left = ["0001", "0002", "NOTES", "service.json"]
    assert sorted(each.name for each in (path / "versions").iterdir()) == left
    assert not (path / ".current-0123456789abcdef").is_symlink()


def test_one_delivery_at_a_time(tmp_path: Path) -> None:
    """A second writer is told so; it neither waits nor mixes."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    handle = os.open(path / "versions", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ConflictError) as refused:
            put(target(path), pki().delivery())
    finally:
        os.close(handle)

    assert refused.value.rule == "DLV-BUSY"
    assert put(target(path), pki().delivery()).number == 2


def request_refusal(path: Path) -> str:
    """Read the host's request and return the message of the refusal."""
    with pytest.raises(UpstreamError) as refused:
        target(path).host_request()
    assert refused.value.rule == "DLV-REQUEST"
    return refused.value.what.removeprefix(f"{path / 'host.csr'} ")


def test_a_request_behind_a_link_is_refused(tmp_path: Path) -> None:
    """A host account must not make the flows read files that it cannot read itself."""
    path = make(tmp_path / "tls")
    (tmp_path / "request").write_text(request_pem())
    (path / "host.csr").symlink_to(tmp_path / "request")

    assert request_refusal(path) == "is not a regular file"


def test_a_pipe_in_the_place_of_a_request_does_not_hang(tmp_path: Path) -> None:
    """It is refused without being opened."""
    path = make(tmp_path / "tls")
    os.mkfifo(path / "host.csr")

    assert request_refusal(path) == "is not a regular file"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"-----BEGIN PRIVATE KEY-----", "holds a private key"),
        (b"\xff\xfe", "is not a PEM certification request"),
        (b"x" * 20_000, "is larger than 16384 bytes"),
        (b"", "is not a PEM certification request"),
    ],
)
def test_what_is_no_request_is_refused_without_repeating_it(
    tmp_path: Path, data: bytes, why: str
) -> None:
    """The message says what is wrong and shows nothing of the file."""
    path = make(tmp_path / "tls")
    (path / "host.csr").write_bytes(data)

    assert request_refusal(path) == why


def test_no_folder_means_no_request(tmp_path: Path) -> None:
    """Reading makes nothing."""
    assert target(tmp_path / "tls").host_request() is None
    assert target(tmp_path / "tls").observed() is None
    assert list(tmp_path.iterdir()) == []
