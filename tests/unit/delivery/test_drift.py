"""Modes, owners and links of the version in place, against what the estate file asks."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.delivery.material import host_delivery, pki, put
from tests.unit.delivery.test_finish import seen
from tests.unit.delivery.test_layout import FILES, target
from trustwright.errors import UpstreamError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
ME = f"user {os.geteuid()} group {os.getegid()}"


def delivered(path: Path, **settings: object) -> Path:
    """Deliver, and return the folder of the version."""
    put(target(path, **settings), pki().delivery())
    return path / "versions" / "0001"


@pytest.mark.parametrize("settings", [{}, {"mode": "0640"}, {"user": str(os.geteuid())}])
def test_what_was_delivered_has_not_drifted(tmp_path: Path, settings: dict[str, str]) -> None:
    """Whatever the estate file asks, the account's own user and group when it asks nothing."""
    path = tmp_path / "tls"
    delivered(path, **settings)
    found = seen(target(path, **settings))
    assert (found.drift, found.exposed) == ("", False)


@pytest.mark.parametrize("name", sorted(FILES))
def test_another_mode_is_drift(tmp_path: Path, name: str) -> None:
    """Of every file; the content is the same."""
    path = tmp_path / "tls"
    (delivered(path) / name).chmod(0o604 if name == "key.pem" else 0o666)
    found = seen(target(path))
    there, wanted = ("0604", "0600") if name == "key.pem" else ("0666", "0644")
    assert found.drift == f"{name} is {there} {ME}, not {wanted} {ME}"
    assert found.exposed == (name == "key.pem")


@pytest.mark.parametrize(
    ("asked", "there", "exposed"),
    [
        ("0600", 0o644, True),
        ("0600", 0o666, True),
        ("0600", 0o640, True),
        ("0640", 0o644, True),
        ("0600", 0o602, False),
        ("0600", 0o400, False),
        ("0640", 0o600, False),
        ("0640", 0o660, False),
    ],
)
def test_a_key_that_others_can_read_is_exposed(
    tmp_path: Path, asked: str, there: int, exposed: bool
) -> None:
    """Readable beyond what the estate file allows; anything else is drift."""
    path = tmp_path / "tls"
    (delivered(path, mode=asked) / "key.pem").chmod(there)
    found = seen(target(path, mode=asked))
    assert found.drift == f"key.pem is {there:04o} {ME}, not {asked} {ME}"
    assert found.exposed is exposed


@pytest.mark.parametrize(
    ("before", "after", "exposed"), [("0600", "0640", False), ("0640", "0600", True)]
)
def test_another_mode_in_the_estate_file(
    tmp_path: Path, before: str, after: str, exposed: bool
) -> None:
    """A group that may not read the key any more has read it."""
    path = tmp_path / "tls"
    delivered(path, mode=before)
    found = seen(target(path, mode=after))
    assert found.drift == f"key.pem is {before} {ME}, not {after} {ME}"
    assert found.exposed is exposed


@AS_ROOT
@pytest.mark.parametrize(
    ("before", "after", "exposed"),
    [
        ({}, {"user": "12345"}, False),
        ({}, {"group": "12345"}, False),
        ({"user": "12345"}, {}, True),
        ({"user": "12345"}, {"user": "12346"}, True),
        ({"group": "12345"}, {"group": "12346"}, False),
        ({"group": "12345", "mode": "0640"}, {"group": "12346", "mode": "0640"}, True),
        ({"mode": "0640"}, {"group": "12346", "mode": "0640"}, False),
    ],
)
def test_another_owner_in_the_estate_file(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], exposed: bool
) -> None:
    """Every file is given away again; a former owner, or its group, may have kept the key."""
    path = tmp_path / "tls"
    delivered(path, **before)
    found = seen(target(path, **after))
    assert len(found.drift.split("; ")) == len(FILES)
    assert found.exposed is exposed


@AS_ROOT
def test_a_key_given_to_somebody_else_is_exposed(tmp_path: Path) -> None:
    """Its owner can read it, whatever its mode."""
    path = tmp_path / "tls"
    version = delivered(path)
    os.chown(version / "key.pem", 12_345, -1)
    (version / "key.pem").chmod(0o000)
    found = seen(target(path))
    assert found.exposed
    assert found.drift == f"key.pem is 0000 user 12345 group 0, not 0600 {ME}"


@AS_ROOT
def test_a_certificate_given_to_somebody_else_is_drift(tmp_path: Path) -> None:
    """It is public; only the owner is wrong."""
    path = tmp_path / "tls"
    os.chown(delivered(path) / "cert.pem", 12_345, 12_345)
    found = seen(target(path))
    assert found.drift == f"cert.pem is 0644 user 12345 group 12345, not 0644 {ME}"
    assert not found.exposed


@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_the_folder_of_a_version_counts_as_well(tmp_path: Path, mode: int) -> None:
    """Too closed for the service, or open to everybody."""
    path = tmp_path / "tls"
    delivered(path).chmod(mode)
    assert seen(target(path)).drift == f"0001 is {mode:04o} user {os.geteuid()}"


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_link_is_drift(tmp_path: Path, name: str) -> None:
    """Software does not find the file, whole as the version may be."""
    path = tmp_path / "tls"
    delivered(path)
    (path / name).unlink()
    assert seen(target(path)).drift == f"{name} does not lead to the set"
    put(target(path), pki().delivery())
    assert seen(target(path)).drift == ""


def test_a_file_in_the_place_of_a_link_is_drift(tmp_path: Path) -> None:
    """Software reads something else than was delivered; it is not overwritten either."""
    path = tmp_path / "tls"
    delivered(path)
    (path / "trust.pem").unlink()
    (path / "trust.pem").write_text("mine")
    assert seen(target(path)).drift == "trust.pem does not lead to the set"
    with pytest.raises(UpstreamError) as refused:
        put(target(path), pki().delivery())
    assert refused.value.rule == "DLV-OCCUPIED"


def test_a_link_to_a_key_that_is_not_there_is_drift(tmp_path: Path) -> None:
    """And the next delivery removes it."""
    path = tmp_path / "tls"
    put(target(path), host_delivery())
    (path / "key.pem").symlink_to("current/key.pem")
    assert seen(target(path)).drift == "key.pem leads nowhere"
    put(target(path), host_delivery())
    assert not (path / "key.pem").is_symlink()


@pytest.mark.parametrize("settings", [{"mode": "0640"}, {"mode": "0400"}])
def test_a_refresh_sets_modes_right_under_the_same_key(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """The key is kept, the file is a new one."""
    path, delivery = tmp_path / "tls", pki().delivery()
    put(target(path), delivery)
    again = put(target(path, **settings), replace(delivery, key=None, keep_key=True))
    assert (path / "key.pem").read_bytes() == delivery.key
    assert (path / "key.pem").stat().st_mode & 0o777 == int(settings["mode"], 8)
    assert seen(target(path, **settings)) == again


def test_a_disk_without_modes_is_refused_before_anything_is_issued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every run would find the key open and make another."""
    path = tmp_path / "tls"
    monkeypatch.setattr(os, "fchmod", lambda *_: None)
    with pytest.raises(UpstreamError) as refused:
        target(path, mode="0640").ready(with_key=True)
    assert refused.value.rule == "DLV-MODE"
    assert f"becomes 0600 {ME}, not 0640 {ME}" in refused.value.what
    assert list((path / "versions").iterdir()) == []


def test_a_version_whose_modes_do_not_hold_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read back with its modes, before software is told."""
    path = tmp_path / "tls"
    first = put(target(path, mode="0640"), pki().delivery())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchmod", lambda *_: None)
        with pytest.raises(UpstreamError) as failed:
            put(target(path, mode="0640"), pki().delivery())
    assert failed.value.rule == "DLV-READBACK"
    assert seen(target(path, mode="0640")) == first
