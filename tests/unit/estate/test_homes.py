"""No delivery takes a folder that belongs to somebody on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.estate.material import change, write_example
from trustwright.estatefile import check_estate


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the example's estate file; account and stack have homes of their own."""
    monkeypatch.setenv("HOME", str(tmp_path / "srv" / "account"))
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(tmp_path / "stack" / "home"))
    return write_example(tmp_path / "srv" / "estate")


def said(file: Path, path: str) -> list[tuple[int, str, str]]:
    """Return line, rule and sentence of every problem when billing is delivered there."""
    change(file.parent / "consumers" / "payments.yaml", "path: /etc/billing/tls", f"path: {path}")
    return [(each.line, each.rule, each.what) for each in check_estate(file)]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("srv/account", "is the home of this account"),
        ("stack/home", "is the home of the stack and its logins"),
        ("srv/estate", "is the folder of the estate file"),
        ("stack", "holds the home of the stack and its logins"),
    ],
)
def test_a_home_is_nobodys_target(tmp_path: Path, file: Path, path: str, what: str) -> None:
    """Nor what holds one."""
    target = tmp_path / path

    assert said(file, str(target)) == [(11, "EST-PATH-HOME", f"{target} {what}")]


def test_a_relative_path_is_judged_where_it_leads(tmp_path: Path, file: Path) -> None:
    """`..` of a part is the estate file's folder."""
    what = f"{tmp_path}/srv/estate is the folder of the estate file"

    assert said(file, "..") == [(11, "EST-PATH-HOME", what)]


@pytest.mark.parametrize("path", ["srv/account/tls", "stack/home/tls", "srv/estate/tls", "stack/x"])
def test_below_a_home_is_room(tmp_path: Path, file: Path, path: str) -> None:
    """For one machine that does it all."""
    assert said(file, str(tmp_path / path)) == []


def test_an_account_without_a_home(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other homes are known all the same."""

    def none() -> Path:
        msg = "Could not determine home directory."
        raise RuntimeError(msg)

    monkeypatch.setattr(Path, "home", none)

    assert [each[1] for each in said(file, "..")] == ["EST-PATH-HOME"]
