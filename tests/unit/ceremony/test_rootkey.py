"""The key file: strong, standard, and readable without us."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.unit.ceremony.folder import CHEAP
from tests.unit.ceremony.material import key, root
from trustwright.ceremony.rootkey import STRONG, EncryptedFileKey, encrypted_pem
from trustwright.errors import ConfigurationError, VerificationError
from trustwright.x509.keys import generate_key, spki_sha256

pytestmark = pytest.mark.unit
PASSPHRASE = "zebra moon lamp tide"


def written(path: Path, data: bytes) -> Path:
    """Return a key file."""
    path.write_bytes(data)
    return path


def test_file_says_scrypt_and_aes(tmp_path: Path) -> None:
    """PBES2 with scrypt N=16384, r=8, p=16 and AES-256-CBC, as openssl reads it."""
    path = written(tmp_path / "root.key", encrypted_pem(key("root"), PASSPHRASE, STRONG))
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", str(path)], capture_output=True, text=True, check=True
    ).stdout

    for said in (
        "PBES2",
        "scrypt",
        "aes-256-cbc",
        ":4000",
        "INTEGER           :08",
        "INTEGER           :10",
    ):
        assert said in shown


def test_openssl_opens_it(tmp_path: Path) -> None:
    """Whoever has file and passphrase needs nothing of ours."""
    path = written(tmp_path / "root.key", encrypted_pem(key("root"), "Größe und Maß im Land"))
    (tmp_path / "phrase").write_text("Größe und Maß im Land\n")
    shown = subprocess.run(
        [
            "openssl",
            "pkey",
            "-in",
            str(path),
            "-passin",
            f"file:{tmp_path / 'phrase'}",
            "-noout",
            "-text",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "Private-Key: (384 bit)" in shown


def test_key_comes_back(tmp_path: Path) -> None:
    """What was written opens with its passphrase and belongs to its certificate."""
    path = written(tmp_path / "root.key", encrypted_pem(key("root"), PASSPHRASE, CHEAP))
    opened = EncryptedFileKey(root().certificate, path, PASSPHRASE)

    assert spki_sha256(opened.private.public_key()) == spki_sha256(key("root").public_key())


def test_two_files_of_one_key_differ() -> None:
    """Salt and vector are new each time."""
    assert encrypted_pem(key("root"), PASSPHRASE, CHEAP) != encrypted_pem(
        key("root"), PASSPHRASE, CHEAP
    )


@pytest.mark.parametrize("wrong", ["", "zebra moon lamp tidE", "x" * 1000])
def test_wrong_passphrase_is_refused(tmp_path: Path, wrong: str) -> None:
    """One clear error, without the passphrase."""
    path = written(tmp_path / "root.key", encrypted_pem(key("root"), PASSPHRASE, CHEAP))
    with pytest.raises(VerificationError) as refused:
        EncryptedFileKey(root().certificate, path, wrong)

    assert refused.value.rule == "ROOT-PASSPHRASE"
    assert not wrong or wrong not in str(refused.value)


def test_damaged_file_is_refused_at_any_place(tmp_path: Path) -> None:
    """An octet changed anywhere: a clear error, never a traceback or another key."""
    good = encrypted_pem(key("root"), PASSPHRASE, CHEAP)
    for place in range(0, len(good), 7):
        data = bytearray(good)
        data[place] ^= 0x15
        path = written(tmp_path / "root.key", bytes(data))
        with pytest.raises((VerificationError, ConfigurationError)) as refused:
            EncryptedFileKey(root().certificate, path, PASSPHRASE)
        assert refused.value.rule in {"ROOT-PASSPHRASE", "ROOT-KEY-FILE", "ROOT-KEY"}


def test_key_of_another_root_is_refused(tmp_path: Path) -> None:
    """Key and certificate belong together."""
    path = written(tmp_path / "root.key", encrypted_pem(key("other"), PASSPHRASE, CHEAP))
    with pytest.raises(VerificationError) as refused:
        EncryptedFileKey(root().certificate, path, PASSPHRASE)
    assert refused.value.rule == "ROOT-KEY"


def test_plain_key_is_refused(tmp_path: Path) -> None:
    """An unencrypted key is no root key, whatever the passphrase; nor is a missing file."""
    plain = key("root").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for path in (written(tmp_path / "root.key", plain), tmp_path / "nothing"):
        with pytest.raises(ConfigurationError) as refused:
            EncryptedFileKey(root().certificate, path, PASSPHRASE)
        assert refused.value.rule == "ROOT-KEY-FILE"


def test_weaker_files_of_others_open_too(tmp_path: Path) -> None:
    """A key that cryptography itself encrypted (PBKDF2) can be brought along."""
    data = key("root").private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())
    )
    path = written(tmp_path / "root.key", data)

    assert EncryptedFileKey(root().certificate, path, PASSPHRASE).private.key_size == 384


def test_smaller_curve_is_written_as_well(tmp_path: Path) -> None:
    """P-256 takes the same way."""
    small = generate_key("ec-p256")
    path = written(tmp_path / "root.key", encrypted_pem(small, PASSPHRASE, CHEAP))
    with pytest.raises(VerificationError) as refused:
        EncryptedFileKey(root().certificate, path, PASSPHRASE)
    assert refused.value.rule == "ROOT-KEY"
