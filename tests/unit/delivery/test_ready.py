"""Looking before anything is issued, and keeping the key that is in place."""

from __future__ import annotations

import fcntl
import getpass
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.delivery.material import host_delivery, pki, put
from tests.unit.delivery.test_layout import target
from trustwright.errors import ConfigurationError, ConflictError, UpstreamError, VerificationError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def below(path: Path) -> list[str]:
    """Return everything below a path."""
    return sorted(str(each.relative_to(path)) for each in path.rglob("*"))


def test_a_new_path_is_made_and_left_empty(tmp_path: Path) -> None:
    """What was tried out is gone again."""
    target(tmp_path / "a" / "tls").ready(with_key=True)
    assert below(tmp_path / "a" / "tls") == ["versions"]


def test_a_path_in_use_is_not_changed(tmp_path: Path) -> None:
    """What is in place stays; the next delivery finds nothing unusual."""
    path = tmp_path / "tls"
    first = put(target(path), pki().delivery())
    before = below(path)
    target(path).ready(with_key=True)
    assert below(path) == before
    assert target(path).observed() == first


@pytest.mark.parametrize(("name", "with_key"), [("key.pem", True), ("trust.pem", False)])
def test_something_of_somebody_else_is_found(tmp_path: Path, name: str, with_key: bool) -> None:
    """Before anything is issued."""
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / name).write_text("mine")
    with pytest.raises(UpstreamError) as refused:
        target(tmp_path / "tls").ready(with_key=with_key)
    assert refused.value.rule == "DLV-OCCUPIED"


def test_an_open_folder_is_found(tmp_path: Path) -> None:
    """Others could swap what lies in it."""
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls").chmod(0o777)
    with pytest.raises(UpstreamError) as refused:
        target(tmp_path / "tls").ready(with_key=True)
    assert refused.value.rule == "DLV-OPEN"


def test_an_unknown_user_is_found(tmp_path: Path) -> None:
    """This machine has no such account."""
    with pytest.raises(ConfigurationError) as refused:
        target(tmp_path / "tls", user="nobody-of-that-name").ready(with_key=True)
    assert refused.value.rule == "DLV-ACCOUNT"


def test_an_own_account_is_good(tmp_path: Path) -> None:
    """The file that is tried out is given to it."""
    target(tmp_path / "tls", user=getpass.getuser()).ready(with_key=True)


def test_a_delivery_under_way_is_found(tmp_path: Path) -> None:
    """Its lock is looked at without waiting."""
    target(tmp_path / "tls").ready(with_key=True)
    handle = os.open(tmp_path / "tls" / "versions", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ConflictError) as refused:
            target(tmp_path / "tls").ready(with_key=True)
    finally:
        os.close(handle)
    assert refused.value.rule == "DLV-BUSY"


@pytest.mark.parametrize("call", ["symlink", "fchmod", "fsync"])
def test_a_folder_that_cannot_be_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Nothing is left behind by the attempt."""
    target(tmp_path / "tls").ready(with_key=True)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(UpstreamError) as refused:
        target(tmp_path / "tls").ready(with_key=True)
    assert refused.value.rule == "DLV-PERMISSION"
    assert below(tmp_path / "tls") == ["versions"]


def test_the_key_in_place_is_kept(tmp_path: Path) -> None:
    """New anchors and CRLs, the same certificate and key."""
    path, delivery = tmp_path / "tls", pki().delivery()
    put(target(path), delivery)
    again = put(target(path), replace(delivery, key=None, keep_key=True, crl=delivery.crl * 2))
    assert again.number == 2
    assert (path / "key.pem").read_bytes() == delivery.key
    assert (path / "crl.pem").read_text() == delivery.crl * 2
    assert target(path).observed() == again


def test_a_key_in_place_that_does_not_fit_is_not_kept(tmp_path: Path) -> None:
    """Nothing is written."""
    path = tmp_path / "tls"
    first = put(target(path), pki().delivery())
    with pytest.raises(VerificationError) as refused:
        put(target(path), replace(pki().delivery(), key=None, keep_key=True))
    assert refused.value.rule == "BUNDLE-KEY"
    assert target(path).observed() == first


def test_a_key_in_place_that_is_no_file_is_not_kept(tmp_path: Path) -> None:
    """Somebody put a link there."""
    path, delivery = tmp_path / "tls", pki().delivery()
    put(target(path), delivery)
    inside = path / "versions" / "0001" / "key.pem"
    inside.unlink()
    inside.symlink_to("/etc/hostname")
    with pytest.raises(VerificationError) as refused:
        put(target(path), replace(delivery, key=None, keep_key=True))
    assert refused.value.rule == "BUNDLE-KEY"


def test_a_host_keeps_its_key_elsewhere(tmp_path: Path) -> None:
    """There is no key file to keep, and none is made."""
    path, delivery = tmp_path / "tls", host_delivery()
    put(target(path), delivery)
    put(target(path), replace(delivery, keep_key=True))
    assert not (path / "key.pem").exists()


@AS_ROOT
def test_a_kept_key_keeps_its_owner(tmp_path: Path) -> None:
    """Owner and mode are set as for any version."""
    path, delivery = tmp_path / "tls", pki().delivery()
    for each in (delivery, replace(delivery, key=None, keep_key=True)):
        put(target(path, user="12345"), each)
    assert (path / "versions" / "0002" / "key.pem").stat().st_uid == 12_345
