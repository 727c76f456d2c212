"""A full, broken or forbidding disk: each call fails once, at every place."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.delivery.material import pki, put
from tests.unit.delivery.test_layout import numbered, target
from trustwright.errors import Rejected, TrustwrightError, Unavailable, UpstreamError
from trustwright.ports import Delivered, DeliverySet

CALLS = ("mkdir", "open", "write", "fchmod", "fsync", "rename", "symlink", "unlink", "rmdir")


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, step: int, code: int) -> Iterator[list[str]]:
    """Let call number `step` fail with an errno; yield the names of the calls so far."""
    seen: list[str] = []

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            if len(seen) == step:
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, wrapped(name, getattr(os, name)))
        yield seen


def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many calls a second delivery makes."""
    path = tmp_path / "count"
    put(target(path, keep=1), pki().delivery())
    put(target(path, keep=1), pki().delivery())
    with failing(monkeypatch, 0, 0) as seen:
        put(target(path, keep=1), pki().delivery())
    return len(seen)


def attempt(path: Path, delivery: DeliverySet) -> Delivered | TrustwrightError:
    """Deliver, and return the proof or the error."""
    try:
        return put(target(path, keep=1), delivery)
    except TrustwrightError as error:
        return error


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS])
def test_one_failing_call_leaves_the_old_or_the_new_set(
    memory: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The old set stays, or the delivery only failed to tidy up and the new one is there."""
    for step in range(1, steps(memory, monkeypatch) + 1):
        path = memory / str(step)
        sets = [pki().delivery() for _ in range(4)]
        put(target(path, keep=1), sets[0])
        before = put(target(path, keep=1), sets[1])
        with failing(monkeypatch, step, code):
            result = attempt(path, sets[2])
        if isinstance(result, TrustwrightError):
            assert isinstance(result, UpstreamError)
            assert result.rule.startswith("DLV-")
        after = before if isinstance(result, TrustwrightError) else result
        assert target(path).observed() == after
        assert put(target(path, keep=1), sets[3]).number == after.number + 1
        assert len(numbered(path)) == 2


@pytest.mark.parametrize(
    ("code", "kind", "rule"),
    [
        (errno.ENOSPC, Unavailable, "DLV-SPACE"),
        (errno.EDQUOT, Unavailable, "DLV-SPACE"),
        (errno.EIO, Unavailable, "DLV-IO"),
        (errno.EACCES, Rejected, "DLV-PERMISSION"),
        (errno.EROFS, Rejected, "DLV-PERMISSION"),
        (errno.ELOOP, Rejected, "DLV-LINK"),
    ],
)
def test_the_error_says_whether_it_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type, rule: str
) -> None:
    """A full disk is worth another try, a missing permission is not; each has a remedy."""
    path = tmp_path / "tls"
    with failing(monkeypatch, 1, code), pytest.raises(UpstreamError) as failed:
        put(target(path), pki().delivery())

    assert type(failed.value) is kind
    assert failed.value.rule == rule
    assert failed.value.what.startswith(f"{path}: ")
    assert failed.value.hint


def test_a_write_that_is_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system may take less than it is given."""
    real = os.write
    delivery = pki().delivery()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, data: real(handle, bytes(data)[:100]))
        delivered = put(target(tmp_path / "tls"), delivery)

    assert target(tmp_path / "tls").observed() == delivered
    assert (tmp_path / "tls" / "cert.pem").read_text() == delivery.certificate


def test_what_reads_back_differently_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written is not enough: the bytes are compared before anybody is told to reload."""
    path = tmp_path / "tls"
    before = put(target(path), pki().delivery())
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, data: real(handle, b"\0" * len(data)))
        with pytest.raises(UpstreamError) as failed:
            put(target(path, reload=["false"]), pki().delivery())

    assert failed.value.rule == "DLV-READBACK"
    assert target(path).observed() == replace(before, in_service=False)


def test_every_file_is_on_the_disk_before_the_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut `current` never leads to files that were not written yet.

    The mark says that a swap is under way before it is, and that it is over after the hooks.
    """
    put(target(tmp_path / "tls"), pki().delivery())
    with failing(monkeypatch, 0, 0) as seen:
        put(target(tmp_path / "tls"), pki().delivery())
    order = [each for each in seen if each in {"write", "fsync", "rename", "symlink"}]

    files = ["write", "fsync"] * 6
    mark = ["write", "fsync", "rename", "fsync"]
    swap = ["symlink", "rename", "fsync"]
    assert order == [*files, "fsync", "rename", "fsync", *mark, *swap, *mark]
