"""Login keys in the identity folders: one key opens one door."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.unit.estate.material import change, write_example
from trustwright.errors import ConfigurationError
from trustwright.estatefile import check_estate, load_estate
from trustwright.estatefile.identityfiles import IDENTITIES
from trustwright.vault import identities

pytestmark = pytest.mark.unit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the example's estate file; test and prod have login keys beside it."""
    file = write_example(tmp_path / "estate")
    for name in ("test", "prod"):
        change(file, f"/etc/trustwright/identities/{name}", f"identities/{name}")
        identities.create_identity_keys(folder(file, name))
    return file


def folder(file: Path, name: str) -> Path:
    """Return an environment's identity folder."""
    return file.parent / "identities" / name


def copy(file: Path, kinds: tuple[str, ...], to: str = "issuer") -> None:
    """Copy test's issuer over one of prod's identities."""
    for kind in kinds:
        shutil.copy(folder(file, "test") / f"issuer.{kind}", folder(file, "prod") / f"{to}.{kind}")


def said(file: Path) -> list[tuple[int, str, str]]:
    """Return line, rule and sentence of every problem."""
    return [(each.line, each.rule, each.what) for each in check_estate(file)]


SHARED = (40, "EST-IDENTITY-KEY", "the key of issuer is also that of issuer in test")
MISFIT = (40, "EST-IDENTITY-PAIR", "issuer.pub is not the public half of issuer.key")


def test_keys_of_their_own_are_good(file: Path) -> None:
    """And the same identities are meant as elsewhere."""
    assert said(file) == []
    assert identities.IDENTITIES == IDENTITIES


def test_a_copied_pair_is_refused(file: Path) -> None:
    """Whoever holds test's key would sign in prod; nothing loads such an estate."""
    copy(file, ("key", "pub"))
    assert said(file) == [SHARED]
    with pytest.raises(ConfigurationError) as refused:
        load_estate(file)
    assert refused.value.rule == "EST-IDENTITY-KEY"


@pytest.mark.parametrize("half", ["key", "pub"])
def test_half_a_copy_is_refused(file: Path, half: str) -> None:
    """It fits nothing, and it is known."""
    copy(file, (half,))
    assert sorted(said(file)) == sorted([SHARED, MISFIT])


def test_a_copied_key_without_its_public_half_is_known(file: Path) -> None:
    """The lost half would be rebuilt from it."""
    copy(file, ("key",))
    (folder(file, "prod") / "issuer.pub").unlink()
    assert said(file) == [SHARED]


def test_a_key_opens_one_door_of_its_own_environment_too(file: Path) -> None:
    """The rotator's login with the issuer's key would join what is kept apart."""
    held = folder(file, "prod")
    for kind in ("key", "pub"):
        shutil.copy(held / f"issuer.{kind}", held / f"rotator.{kind}")
    what = "the key of rotator is also that of issuer in prod"
    assert said(file) == [(40, "EST-IDENTITY-KEY", what)]


def test_what_is_not_there_or_no_key_is_passed_over(file: Path) -> None:
    """A machine need not hold the keys; a pipe does not hang the check."""
    held = folder(file, "prod")
    (held / "issuer.key").unlink()
    (held / "rotator.pub").write_text("no key")
    (held / "anchor.key").unlink()
    os.mkfifo(held / "anchor.key")
    assert said(file) == []


def test_one_folder_for_two_is_said_once(file: Path) -> None:
    """The rule about folders has said it."""
    change(file, "identities/prod", "identities/test")
    assert [each[1] for each in said(file)] == ["EST-IDENTITY-TWICE"]
