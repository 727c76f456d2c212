"""Logins in a folder, and one key that would open a second door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trustwright.errors import ConfigurationError
from trustwright.vault import identities
from trustwright.vault.identities import IDENTITIES, Identity
from trustwright.vault.logins import PinnedKey, SharedSecret, logins_in
from trustwright.vault.sharing import refuse_shared_keys

pytestmark = pytest.mark.unit


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Return identity folders of two environments, and one with the provisioner's key."""
    for name in ("test", "prod"):
        identities.create_identity_keys(tmp_path / name)
    identities.create_key_pair(tmp_path / "own" / "provisioner.key")
    return {name: tmp_path / name for name in ("test", "prod", "own")}


def approle(folder: Path, identity: str, secret: str) -> None:
    """Write an AppRole file in the place of a key."""
    for kind in ("key", "pub"):
        (folder / f"{identity}.{kind}").unlink(missing_ok=True)
    file = folder / f"{identity}.approle"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"role_id": f"r-{identity}", "secret_id": secret}))


def copied(source: Path, target: Path) -> None:
    """Copy a key pair, whose private halves end in ``.key``."""
    for kind in (".key", ".pub"):
        target.with_suffix(kind).write_bytes(source.with_suffix(kind).read_bytes())


def judged(folders: dict[str, Path]) -> ConfigurationError:
    """Return how prod's folder is refused."""
    provisioner = identities.public_half(folders["own"] / "provisioner.key")
    with pytest.raises(ConfigurationError) as error:
        refuse_shared_keys(
            folders["prod"], logins_in(folders["prod"]), {"test": folders["test"]}, provisioner
        )
    return error.value


def accepted(folders: dict[str, Path]) -> None:
    """Look at prod's folder, which is good."""
    provisioner = identities.public_half(folders["own"] / "provisioner.key")
    refuse_shared_keys(
        folders["prod"], logins_in(folders["prod"]), {"test": folders["test"]}, provisioner
    )


def test_keys_of_their_own_are_good(folders: dict[str, Path]) -> None:
    """And AppRoles with secrets of their own."""
    accepted(folders)
    for name in ("test", "prod"):
        for identity in ("issuer", "rotator"):
            approle(folders[name], identity, f"{name}-{identity}")
    accepted(folders)


@pytest.mark.parametrize(
    ("own", "other"), [("rotator", "issuer"), ("anchor", "issuer"), ("admin", "issuer")]
)
def test_one_key_for_two_identities_is_refused(
    folders: dict[str, Path], own: str, other: str
) -> None:
    """Whoever signs leaves every day could import an intermediate, or sign for admins."""
    copied(folders["prod"] / f"{other}.key", folders["prod"] / f"{own}.key")
    error = judged(folders)
    assert (error.rule, error.what) == ("KEY-SHARED", f"{own}.pub is also that of {other}")
    assert error.where == str(folders["prod"])
    assert "trustwright identity create" in error.hint


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_provisioners_key_is_nobody_elses(folders: dict[str, Path], identity: Identity) -> None:
    """It writes the policies: whoever has it has everything."""
    copied(folders["own"] / "provisioner.key", folders["prod"] / f"{identity}.key")
    error = judged(folders)
    assert (error.rule, error.what) == ("KEY-SHARED", f"{identity}.pub is also that of provisioner")


def test_one_secret_for_two_approles_is_refused(folders: dict[str, Path]) -> None:
    """The secret opens a door, whatever the role is called; it is not repeated."""
    for identity in ("issuer", "rotator"):
        approle(folders["prod"], identity, "s3cret")
    error = judged(folders)
    assert (error.rule, error.what) == (
        "KEY-SHARED",
        "the secret_id in rotator.approle is also that of issuer",
    )
    assert "s3cret" not in str(error)


Copy = Callable[[dict[str, Path]], None]


def _pair(folders: dict[str, Path]) -> None:
    copied(folders["test"] / "issuer.key", folders["prod"] / "issuer.key")


def _half(kind: str) -> Copy:
    def copy(folders: dict[str, Path]) -> None:
        file = f"issuer.{kind}"
        (folders["prod"] / file).write_bytes((folders["test"] / file).read_bytes())

    return copy


def _secret(folders: dict[str, Path]) -> None:
    for name in ("test", "prod"):
        approle(folders[name], "issuer", "the same")


@pytest.mark.parametrize(
    ("copy", "rule"),
    [
        pytest.param(_pair, "VAULT-SHARED", id="both"),
        pytest.param(_half("key"), "KEY-PAIR", id="key"),
        pytest.param(_half("pub"), "KEY-PAIR", id="public key"),
        pytest.param(_secret, "VAULT-SHARED", id="AppRole"),
    ],
)
def test_a_login_of_another_environment_is_refused(
    folders: dict[str, Path], copy: Copy, rule: str
) -> None:
    """Made known, it would open this environment to whoever holds the other's."""
    accepted(folders)
    copy(folders)
    error = judged(folders)
    assert (error.rule, error.where) == (rule, str(folders["prod"]))
    assert error.hint


def test_another_environments_secret_that_cannot_be_read_is_passed_over(
    folders: dict[str, Path],
) -> None:
    """It belongs to another account, which this machine's check is not about."""
    for name in ("test", "prod"):
        approle(folders[name], "issuer", "the same")
    (folders["test"] / "issuer.approle").chmod(0o644)
    accepted(folders)


def test_a_key_goes_before_an_approle(folders: dict[str, Path]) -> None:
    """As it does when the identity logs in."""
    public = (folders["prod"] / "issuer.pub").read_text()
    (folders["prod"] / "issuer.approle").touch(mode=0o600)
    approle(folders["prod"], "rotator", "s")
    found = logins_in(folders["prod"])
    assert (found["issuer"], found["rotator"]) == (
        PinnedKey(public),
        SharedSecret("r-rotator", "s"),
    )
    assert "secret_id" not in repr(found["rotator"])


@pytest.mark.parametrize(
    ("left", "what"),
    [
        ((), "neither admin.pub nor admin.approle is there"),
        (("admin.key",), "admin.pub is lost"),
        (("admin.key", "admin.approle"), "admin.pub is lost"),
    ],
)
def test_an_identity_without_a_login_is_named(
    folders: dict[str, Path], left: tuple[str, ...], what: str
) -> None:
    """Before the server is asked anything: the key that logs in is pinned, not an old AppRole."""
    for kind in ("key", "pub"):
        if f"admin.{kind}" not in left:
            (folders["prod"] / f"admin.{kind}").unlink()
    if "admin.approle" in left:
        (folders["prod"] / "admin.approle").touch(mode=0o600)
    with pytest.raises(ConfigurationError) as error:
        logins_in(folders["prod"])
    assert (error.value.rule, error.value.what) == ("IDENTITY-MISSING", what)
