"""A delivery that was cut between swap and the end of its hooks, and the mark that says so."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.delivery.material import host_delivery, pki, put
from tests.unit.delivery.test_layout import leads_to, numbered, target
from trustwright.delivery.directory import DirectoryTarget
from trustwright.delivery.mark import Mark, way_back
from trustwright.errors import ConflictError, UpstreamError
from trustwright.ports import Delivered

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def mark(path: Path) -> Mark:
    """Return the mark of a delivery path."""
    return Mark.parse((path / "versions" / "service.json").read_bytes())


def cut(path: Path, passed: int | None) -> Delivered:
    """Leave the mark as a delivery does that died after its swap; return what is observed."""
    left = Mark(passed=passed, swapping=True)
    (path / "versions" / "service.json").write_bytes(left.canonical())
    return seen(target(path))


def seen(at: DirectoryTarget) -> Delivered:
    """Return what is in place."""
    found = at.observed()
    assert found is not None
    return found


def logging(path: Path, name: str) -> list[str]:
    """Return a command that writes down its name and the version."""
    line = f"open({str(path)!r}, 'a').write('{name}' + os.environ['TRUSTWRIGHT_VERSION'] + ' ')"
    return [sys.executable, "-c", f"import os; {line}"]


def test_a_delivery_that_ended_is_in_service(tmp_path: Path) -> None:
    """The mark names its version, and is not writable by others."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    assert put(target(path), pki().delivery()).in_service
    assert seen(target(path)).in_service
    assert mark(path) == Mark(passed=2, swapping=False)
    facts = (path / "versions" / "service.json").stat()
    assert (facts.st_mode & 0o777, facts.st_uid) == (0o644, os.geteuid())


def test_the_mark_is_none_of_the_files_that_software_reads(tmp_path: Path) -> None:
    """No link leads to it and no manifest names it."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    assert not (path / "service.json").exists()
    assert "service" not in (path / "manifest.json").read_text()


def test_the_hooks_see_an_open_mark(tmp_path: Path) -> None:
    """It is open before the swap and until the last of them has passed."""
    path, log = tmp_path / "tls", tmp_path / "log"
    put(target(path), pki().delivery())
    show = ["sh", "-c", f"cat {path}/versions/service.json >> {log}"]
    put(target(path, reload=show, check=show), pki().delivery())
    opened = Mark(passed=1, swapping=True).canonical()
    assert log.read_bytes() == opened * 2


def test_the_hooks_run_again(tmp_path: Path) -> None:
    """Reload, then check, for the version in place; and only once."""
    path, log = tmp_path / "tls", tmp_path / "log"
    hooks = {"reload": logging(log, "reload"), "check": logging(log, "check")}
    put(target(path), pki().delivery())
    put(target(path), pki().delivery())
    found = cut(path, 1)
    assert not found.in_service
    finished = target(path, **hooks).finish(expected=found)
    assert finished.in_service
    assert target(path, **hooks).finish(expected=finished) == finished
    assert log.read_text() == "reload2 check2 "
    assert mark(path) == Mark(passed=2, swapping=False)
    assert seen(target(path)) == finished


def test_a_target_without_hooks_is_finished_too(tmp_path: Path) -> None:
    """There is nothing to run; what the dead delivery did not tidy up is tidied up."""
    path = tmp_path / "tls"
    for _ in range(3):
        put(target(path, keep=5), pki().delivery())
    assert target(path, keep=1).finish(expected=cut(path, 2)).in_service
    assert numbered(path) == ["0002", "0003"]


def test_hooks_that_fail_bring_the_previous_version_back(tmp_path: Path) -> None:
    """As in a first delivery: swapped back, reloaded, and the failed one is gone."""
    path, log = tmp_path / "tls", tmp_path / "log"
    first = put(target(path), pki().delivery())
    put(target(path), pki().delivery())
    found = cut(path, 1)
    with pytest.raises(UpstreamError) as failed:
        target(path, reload=logging(log, "reload"), check=["false"]).finish(expected=found)
    assert failed.value.rule == "DLV-CHECK"
    assert failed.value.what == "false ended with 1; version 1 is in place again"
    assert log.read_text() == "reload2 reload1 "
    assert seen(target(path)) == first
    assert numbered(path) == ["0001"]


def test_a_first_version_that_never_passed_is_withdrawn(tmp_path: Path) -> None:
    """Nothing was in place before."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    found = cut(path, None)
    with pytest.raises(UpstreamError) as failed:
        target(path, reload=["false"]).finish(expected=found)
    assert failed.value.what.endswith("; nothing was in place before, and nothing is now")
    assert target(path).observed() is None
    assert numbered(path) == []


@pytest.mark.parametrize("hook", ["reload", "check"])
def test_an_undo_that_was_cut_keeps_its_version(tmp_path: Path, hook: str) -> None:
    """It passed once: nothing older is better, however often its hooks fail now."""
    path = tmp_path / "tls"
    for _ in range(3):
        put(target(path), pki().delivery())
    found = cut(path, 3)
    for _ in range(3):
        with pytest.raises(UpstreamError) as failed:
            target(path, **{hook: ["false"]}).finish(expected=found)
        assert failed.value.what == "false ended with 1; version 3 stays in place"
        assert seen(target(path)) == found
    assert target(path).finish(expected=found).in_service


def test_a_reload_that_failed_in_the_undo_is_made_up_for(tmp_path: Path) -> None:
    """The version before is in place, and software may not know it."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    with pytest.raises(UpstreamError):
        put(target(path, reload=["false"]), pki().delivery())
    found = seen(target(path))
    assert (found.number, found.in_service) == (1, False)
    assert mark(path) == Mark(passed=1, swapping=True)
    assert target(path, reload=["true"]).finish(expected=found).in_service


@pytest.mark.parametrize("fails", [False, True])
def test_versions_without_a_mark(tmp_path: Path, fails: bool) -> None:
    """Nobody knows which of them passed: the one in place is tried, the one before is second."""
    path = tmp_path / "tls"
    for _ in range(3):
        put(target(path), pki().delivery())
    (path / "versions" / "service.json").unlink()
    found = seen(target(path))
    assert not found.in_service
    if fails:
        with pytest.raises(UpstreamError):
            target(path, check=["false"]).finish(expected=found)
    else:
        target(path, check=["true"]).finish(expected=found)
    assert leads_to(path / "current") == ("versions/0002" if fails else "versions/0003")
    assert seen(target(path)).in_service


def test_a_version_that_was_cut_is_not_gone_back_to(tmp_path: Path) -> None:
    """The next delivery fails as well: what passed last comes back, the two others are gone."""
    path = tmp_path / "tls"
    first = put(target(path), pki().delivery())
    put(target(path), pki().delivery())
    found = cut(path, 1)
    with pytest.raises(UpstreamError) as failed:
        target(path, check=["false"]).deliver(pki().delivery(), expected=found)
    assert failed.value.what == "false ended with 1; version 1 is in place again"
    assert seen(target(path)) == first
    assert numbered(path) == ["0001"]


def test_a_delivery_over_one_that_was_cut_is_in_service(tmp_path: Path) -> None:
    """The newer one was reloaded; no hook runs for the one that was cut."""
    path, log = tmp_path / "tls", tmp_path / "log"
    put(target(path, keep=1), pki().delivery())
    put(target(path, keep=1), pki().delivery())
    found = cut(path, 1)
    delivered = target(path, keep=1, reload=logging(log, "reload")).deliver(
        pki().delivery(), expected=found
    )
    assert seen(target(path)) == delivered
    assert delivered.in_service
    assert log.read_text() == "reload3 "
    assert numbered(path) == ["0002", "0003"]


def test_somebody_who_points_current_elsewhere_is_noticed(tmp_path: Path) -> None:
    """By hand, back to an older version: software is told of it at the next run."""
    path, log = tmp_path / "tls", tmp_path / "log"
    put(target(path), pki().delivery())
    put(target(path), pki().delivery())
    (path / "current").unlink()
    (path / "current").symlink_to("versions/0001")
    found = seen(target(path))
    assert (found.number, found.in_service) == (1, False)
    assert target(path, reload=logging(log, "reload")).finish(expected=found).in_service
    assert log.read_text() == "reload1 "


def test_the_link_to_a_key_that_went_is_tidied_up(tmp_path: Path) -> None:
    """The delivery that took the key away died before it removed the link."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    put(target(path), host_delivery())
    (path / "key.pem").symlink_to("current/key.pem")
    finished = target(path).finish(expected=cut(path, 1))
    assert not (path / "key.pem").is_symlink()
    assert (finished.drift, finished.in_service) == ("", True)


def test_a_key_that_is_undone_leaves_no_link(tmp_path: Path) -> None:
    """The host's own set comes back: no link to a key that leads nowhere."""
    path = tmp_path / "tls"
    first = put(target(path), host_delivery())
    with pytest.raises(UpstreamError):
        put(target(path, check=["false"]), pki().delivery())
    assert not (path / "key.pem").is_symlink()
    assert seen(target(path)) == first


def test_two_that_finish_at_once(tmp_path: Path) -> None:
    """One holds the lock; and whoever comes after it saw something else."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    found = cut(path, None)
    handle = os.open(path / "versions", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ConflictError) as busy:
            target(path).finish(expected=found)
    finally:
        os.close(handle)
    target(path).finish(expected=found)
    with pytest.raises(ConflictError) as late:
        target(path, reload=["false"]).finish(expected=found)
    assert (busy.value.rule, late.value.rule) == ("DLV-BUSY", "DLV-CONFLICT")
    assert seen(target(path)).in_service


def _link(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")


def _folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def _rubbish(place: Path) -> None:
    place.write_bytes(b"{")


def _long(place: Path) -> None:
    place.write_bytes(place.read_bytes() + b" " * 5000)


def _another(place: Path) -> None:
    place.write_bytes(Mark(passed=7, swapping=False).canonical())


def _open(place: Path) -> None:
    place.chmod(0o666)


@pytest.mark.parametrize("forge", [_link, _folder, _rubbish, _long, _another, _open])
def test_a_mark_that_is_not_ours_says_nothing(
    tmp_path: Path, forge: Callable[[Path], None]
) -> None:
    """The hooks run again; that is never wrong."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    forge(path / "versions" / "service.json")
    assert not seen(target(path)).in_service


@AS_ROOT
def test_a_mark_of_somebody_else_says_nothing(tmp_path: Path) -> None:
    """The service's own account could have written it."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    os.chown(path / "versions" / "service.json", 12_345, 12_345)
    assert not seen(target(path)).in_service


@AS_ROOT
def test_the_service_cannot_write_where_the_mark_is(tmp_path: Path) -> None:
    """Its account owns the files of a set, neither their folder nor the one above."""
    path = tmp_path / "tls"
    put(target(path, user="12345", group="12345"), pki().delivery())
    places = (path, path / "versions", path / "versions" / "service.json")
    assert {each.stat().st_uid for each in places} == {0}
    assert not any(each.stat().st_mode & 0o022 for each in places)


@pytest.mark.parametrize(
    ("known", "numbers", "back"),
    [
        (None, [1, 2, 3], 9),
        (Mark(passed=None, swapping=True), [1, 2, 3], None),
        (Mark(passed=2, swapping=True), [1, 2, 3], 2),
        (Mark(passed=2, swapping=True), [1, 3], 9),
        (Mark(passed=3, swapping=True), [1, 2, 3], 3),
        (Mark(passed=5, swapping=False), [1, 2, 3], 3),
    ],
)
def test_the_way_back(known: Mark | None, numbers: list[int], back: int | None) -> None:
    """With version 3 in place; 9 stands for the answer when nothing is known."""
    assert way_back(known, numbers, 3, unknown=9) == back


def test_the_key_in_place_is_not_quoted(tmp_path: Path) -> None:
    """Neither when a delivery is finished nor on the way back to the version before."""
    path = tmp_path / "tls"
    show = f"text = open({str(path / 'key.pem')!r}).read(); print(text[60:90]); raise SystemExit(1)"
    hook = [sys.executable, "-c", show]
    put(target(path), pki().delivery())
    with pytest.raises(UpstreamError) as undone:
        put(target(path, reload=hook), pki().delivery())
    with pytest.raises(UpstreamError) as again:
        target(path, reload=hook).finish(expected=seen(target(path)))
    withheld = "(withheld: it shows key material)"
    assert (undone.value.what.count(withheld), again.value.what.count(withheld)) == (2, 1)
