"""Key files and login tokens."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from tests.fakes.mortal import ProcessDied
from trustwright.errors import ConfigurationError
from trustwright.vault import identities
from trustwright.vault.credentials import AppRole, SignedToken, read_secret
from trustwright.vault.logins import PinnedKey, logins_in

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def _login(folder: Path) -> SignedToken:
    return SignedToken(folder / "issuer.key", "issuer", "trustwright/test")


def test_the_token_says_who_to_whom_and_for_how_long(tmp_path: Path) -> None:
    """ES256, every claim exact, good for half a minute on a clock half a minute off."""
    identities.create_identity_keys(tmp_path)
    login = _login(tmp_path)
    body = login.body(NOW)
    public = load_pem_public_key((tmp_path / "issuer.pub").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    claims = jwt.decode(
        body["jwt"],
        public,
        ["ES256"],
        audience="trustwright/test",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    issued = int(NOW.timestamp())
    identifier = claims.pop("jti")
    assert claims == {
        "iss": "trustwright",
        "sub": "issuer",
        "aud": "trustwright/test",
        "iat": issued - 30,
        "nbf": issued - 30,
        "exp": issued + 30,
    }
    assert (body["role"], login.path) == ("issuer", "auth/jwt-issuer/login")
    again = jwt.decode(login.body(NOW)["jwt"], options={"verify_signature": False})
    assert again["jti"] != identifier


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o601, 0o700])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """Nothing but 0600, or 0400."""
    identities.create_identity_keys(tmp_path)
    (tmp_path / "issuer.key").chmod(mode)
    with pytest.raises(ConfigurationError) as error:
        _login(tmp_path).body(NOW)
    assert error.value.rule == "KEY-MODE"
    assert error.value.where == str(tmp_path / "issuer.key")


def test_a_key_that_only_its_owner_reads_is_taken(tmp_path: Path) -> None:
    """0400 is stricter still."""
    identities.create_identity_keys(tmp_path)
    (tmp_path / "issuer.key").chmod(0o400)
    assert _login(tmp_path).body(NOW)["role"] == "issuer"


def test_a_key_of_another_account_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who owns a file can open it up again."""
    identities.create_identity_keys(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ConfigurationError) as error:
        _login(tmp_path).body(NOW)
    assert (error.value.rule, error.value.what) == ("KEY-MODE", "belongs to another account")


def _link(file: Path) -> None:
    file.with_name("target").touch(mode=0o600)
    file.symlink_to(file.with_name("target"))


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        pytest.param(lambda _: None, "KEY-FILE", id="missing"),
        pytest.param(_link, "KEY-FILE", id="link"),
        pytest.param(lambda file: file.mkdir(mode=0o600), "KEY-MODE", id="folder"),
        pytest.param(lambda file: os.mkfifo(file, 0o600), "KEY-MODE", id="pipe"),
    ],
)
def test_what_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], rule: str
) -> None:
    """And nothing waits for a pipe."""
    file = tmp_path / "issuer.key"
    make(file)
    with pytest.raises(ConfigurationError) as error:
        read_secret(file)
    assert error.value.rule == rule


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no key", id="garbage"),
        pytest.param(_pem(ec.generate_private_key(ec.SECP384R1())), id="P-384"),
        pytest.param(_pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), id="encrypted"),
        pytest.param(_pem(rsa.generate_private_key(65537, 2048)), id="RSA"),
    ],
)
def test_what_is_no_p256_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message names the file and nothing of what is in it."""
    file = tmp_path / "issuer.key"
    file.touch(mode=0o600)
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        _login(tmp_path).body(NOW)
    assert error.value.rule == "KEY-FORM"
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"role_id": "r"}',
        '{"role_id": "r", "secret_id": ""}',
        '{"role_id": "r", "secret_id": 1}',
        '{"role_id": "r", "secret_id": "s", "more": 1}',
    ],
)
def test_what_is_no_approle_is_refused(tmp_path: Path, content: str) -> None:
    """Both texts, nothing else."""
    file = tmp_path / "issuer.approle"
    file.touch(mode=0o600)
    file.write_text(content)
    with pytest.raises(ConfigurationError) as error:
        AppRole(file, "issuer").body(NOW)
    assert error.value.rule == "KEY-FORM"


def test_an_approle_logs_in_with_its_two_texts(tmp_path: Path) -> None:
    """Read anew at each login, shown in no repr."""
    file = tmp_path / "rotator.approle"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"role_id": "r", "secret_id": "s3cret"}))
    login = AppRole(file, "rotator")
    assert login.path == "auth/approle-rotator/login"
    assert login.body(NOW) == {"role_id": "r", "secret_id": "s3cret"}
    assert "s3cret" not in repr(login)


def test_identity_keys_are_made_once(tmp_path: Path) -> None:
    """0600 private, 0644 public, folder 0700; a second call leaves them alone."""
    folder = tmp_path / "new" / "identities"
    made = identities.create_identity_keys(folder)
    assert made == (
        "issuer.key",
        "issuer.pub",
        "rotator.key",
        "rotator.pub",
        "anchor.key",
        "anchor.pub",
        "admin.key",
        "admin.pub",
    )
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == sorted(made)
    before = {name: (folder / name).read_bytes() for name in made}
    assert identities.create_identity_keys(folder) == ()
    assert {name: (folder / name).read_bytes() for name in made} == before
    for identity in identities.IDENTITIES:
        assert (folder / f"{identity}.key").stat().st_mode & 0o777 == 0o600
        assert (folder / f"{identity}.pub").stat().st_mode & 0o777 == 0o644
        private = load_pem_private_key((folder / f"{identity}.key").read_bytes(), None)
        public = load_pem_public_key((folder / f"{identity}.pub").read_bytes())
        assert private.public_key() == public


def test_a_crash_before_the_key_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """The key goes first: after it a lost public half can be made, before it nothing is there."""
    (tmp_path / ".issuer.key.new").write_text("half")
    made = identities.create_key_pair(tmp_path / "issuer.key")
    assert made == ("issuer.key", "issuer.pub")
    assert identities.public_key(tmp_path, "issuer") == (tmp_path / "issuer.pub").read_text()
    assert not (tmp_path / ".issuer.key.new").exists()


def test_a_crash_between_the_halves_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key that is there stays, and its public half is made from it."""
    place = identities._place

    def dying(file: Path, content: bytes, mode: int) -> None:
        if file.suffix == ".pub":
            raise ProcessDied(file.name)
        place(file, content, mode)

    monkeypatch.setattr(identities, "_place", dying)
    with pytest.raises(ProcessDied):
        identities.create_key_pair(tmp_path / "issuer.key")
    monkeypatch.undo()
    key = (tmp_path / "issuer.key").read_bytes()
    assert identities.create_key_pair(tmp_path / "issuer.key") == ("issuer.pub",)
    assert (tmp_path / "issuer.key").read_bytes() == key
    assert identities.public_key(tmp_path, "issuer") == identities.public_half(
        tmp_path / "issuer.key"
    )


def test_a_key_that_is_kept_elsewhere_is_not_made_again(tmp_path: Path) -> None:
    """An admin's key was carried to his machine: a new pair here would lock him out."""
    identities.create_identity_keys(tmp_path)
    (tmp_path / "admin.key").unlink()
    public = (tmp_path / "admin.pub").read_bytes()
    assert identities.create_identity_keys(tmp_path) == ()
    assert (tmp_path / "admin.pub").read_bytes() == public
    assert identities.kept_elsewhere(tmp_path) == ("admin",)
    (tmp_path / "admin.pub").unlink()
    assert identities.create_identity_keys(tmp_path) == ("admin.key", "admin.pub")
    assert (tmp_path / "admin.pub").read_bytes() != public
    assert identities.kept_elsewhere(tmp_path) == ()


def test_keys_that_cannot_be_written(tmp_path: Path) -> None:
    """One clear error that names the file."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError) as error:
        identities.create_identity_keys(tmp_path / "file" / "below")
    assert error.value.rule == "KEY-FILE"


def test_public_keys_are_checked(tmp_path: Path) -> None:
    """Absent is absent; anything but a P-256 key is refused before it is pinned."""
    assert identities.public_key(tmp_path, "issuer") is None
    (tmp_path / "issuer.pub").write_text("no key")
    with pytest.raises(ConfigurationError) as error:
        identities.public_key(tmp_path, "issuer")
    assert error.value.rule == "KEY-FORM"


def test_a_folder_without_login_is_refused(tmp_path: Path) -> None:
    """The error says how to make the keys."""
    with pytest.raises(ConfigurationError) as error:
        identities.credentials(tmp_path, "rotator", "test")
    assert (error.value.rule, error.value.where) == ("KEY-FILE", str(tmp_path))
    assert "trustwright identity create" in error.value.hint


def test_a_key_goes_before_an_approle(tmp_path: Path) -> None:
    """Where both are there, no stored secret is used."""
    (tmp_path / "issuer.approle").touch()
    assert isinstance(identities.credentials(tmp_path, "issuer", "test"), AppRole)
    identities.create_identity_keys(tmp_path)
    assert isinstance(identities.credentials(tmp_path, "issuer", "test"), SignedToken)


def test_a_lost_public_key_is_made_again(tmp_path: Path) -> None:
    """From the key, byte for byte as it was; nothing else is touched."""
    identities.create_identity_keys(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / "rotator.pub").unlink()
    assert identities.create_identity_keys(tmp_path) == ("rotator.pub",)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert (tmp_path / "rotator.pub").stat().st_mode & 0o777 == 0o644


def test_no_public_key_is_made_from_what_is_no_key(tmp_path: Path) -> None:
    """A key that others can read is not given a public half either."""
    identities.create_identity_keys(tmp_path)
    (tmp_path / "issuer.pub").unlink()
    (tmp_path / "issuer.key").chmod(0o644)
    with pytest.raises(ConfigurationError) as error:
        identities.create_identity_keys(tmp_path)
    assert error.value.rule == "KEY-MODE"
    assert not (tmp_path / "issuer.pub").exists()


def test_identities_without_any_login_are_named(tmp_path: Path) -> None:
    """A public key or an AppRole file is enough to prepare with."""
    assert identities.missing_identities(tmp_path / "none") == identities.IDENTITIES
    (tmp_path / "issuer.approle").touch()
    (tmp_path / "anchor.pub").touch()
    (tmp_path / "rotator.key").touch()
    assert identities.missing_identities(tmp_path) == ("rotator", "admin")


def test_a_login_is_looked_for_when_it_is_needed(tmp_path: Path) -> None:
    """A connection that only fetches what is public needs none, and a new file counts at once."""
    login = identities.FolderLogin(tmp_path, "issuer", "test")
    with pytest.raises(ConfigurationError) as error:
        login.body(NOW)
    assert error.value.rule == "KEY-FILE"
    identities.create_identity_keys(tmp_path)
    assert (login.path, login.body(NOW)["role"]) == ("auth/jwt-issuer/login", "issuer")


def test_a_machine_that_only_prepares_needs_no_private_key(tmp_path: Path) -> None:
    """Public keys alone can be pinned."""
    identities.create_identity_keys(tmp_path)
    assert identities.holds_secret(tmp_path, "issuer")
    (tmp_path / "issuer.key").unlink()
    assert isinstance(logins_in(tmp_path)["issuer"], PinnedKey)
    assert not identities.holds_secret(tmp_path, "issuer")
