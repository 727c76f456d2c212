"""What a delivery leaves on the disk."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.fakes.clock import HeldClock
from tests.unit.delivery.material import NAME, host_delivery, pki, put, request_pem
from trustwright import canonical
from trustwright.delivery.directory import DirectoryTarget
from trustwright.errors import ConfigurationError, UpstreamError
from trustwright.ids import sha256_hex
from trustwright.model.estate import Directory
from trustwright.ports import DeliverySet

FILES = {"key.pem", "cert.pem", "fullchain.pem", "trust.pem", "crl.pem", "manifest.json"}


def target(path: Path, **settings: object) -> DirectoryTarget:
    """Return a target with these settings."""
    directory = Directory.model_validate({"path": path, **settings})
    return DirectoryTarget(directory, "billing", HeldClock())


def mode(path: Path) -> int:
    """Return an entry's permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


def numbered(path: Path) -> list[str]:
    """Return the version folders of a delivery path."""
    return sorted(each.name for each in (path / "versions").iterdir() if each.is_dir())


def leads_to(path: Path) -> str:
    """Return the text of a symlink."""
    return str(path.readlink())


def texts(delivery: DeliverySet) -> dict[str, bytes]:
    """Return the files that a set should become."""
    return {
        "key.pem": delivery.key or b"",
        "cert.pem": delivery.certificate.encode(),
        "fullchain.pem": delivery.chain.encode(),
        "trust.pem": delivery.trust.encode(),
        "crl.pem": delivery.crl.encode(),
    }


def test_software_reads_the_set_through_stable_links(tmp_path: Path) -> None:
    """<path>/key.pem leads through `current` to the version's file."""
    path, delivery = tmp_path / "tls", pki().delivery()
    put(target(path), delivery)

    assert {name: (path / name).read_bytes() for name in texts(delivery)} == texts(delivery)
    assert leads_to(path / "current") == "versions/0001"
    assert {leads_to(path / name) for name in FILES} == {f"current/{name}" for name in FILES}
    assert {each.name for each in path.iterdir()} == FILES | {"current", "versions"}


def test_links_are_made_once(tmp_path: Path) -> None:
    """A second delivery swaps `current` and touches no other link."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    before = {name: (path / name).lstat().st_ino for name in FILES}
    put(target(path), pki().delivery())

    assert {name: (path / name).lstat().st_ino for name in FILES} == before
    assert leads_to(path / "current") == "versions/0002"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    """The key has the mode of the estate file; the rest and the folders are readable."""
    path = tmp_path / "deep" / "tls"
    old = os.umask(umask)
    try:
        put(target(path, mode="0640"), pki().delivery())
    finally:
        os.umask(old)
    version = path / "versions" / "0001"

    assert mode(version / "key.pem") == 0o640
    assert {mode(version / name) for name in FILES - {"key.pem"}} == {0o644}
    folders = (path.parent, path, path / "versions", version)
    assert [mode(each) for each in folders] == [0o755] * 4


def test_files_get_their_owner(tmp_path: Path) -> None:
    """User and group are set on every file; the folders stay ours."""
    path = tmp_path / "tls"
    number = 12_345 if os.geteuid() == 0 else os.geteuid()
    put(target(path, user=str(number), group=str(number)), pki().delivery())
    version = path / "versions" / "0001"

    assert {(version / name).stat().st_uid for name in FILES} == {number}
    assert {(version / name).stat().st_gid for name in FILES} == {number}
    assert version.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("kind", ["user", "group"])
def test_an_unknown_account_is_a_configuration_error(tmp_path: Path, kind: str) -> None:
    """Nothing is written, and the message names what to change."""
    with pytest.raises(ConfigurationError) as refused:
        put(target(tmp_path / "tls", **{kind: "no-such-account"}), pki().delivery())

    assert refused.value.rule == "DLV-ACCOUNT"
    assert refused.value.what == (f"consumer billing: this machine has no {kind} 'no-such-account'")
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_says_what_was_delivered(tmp_path: Path) -> None:
    """Canonical JSON: number, serial, names, dates, digest of each file, facts."""
    path, delivery = tmp_path / "tls", pki().delivery()
    delivered = put(target(path), delivery)
    data = (path / "manifest.json").read_bytes()

    assert sha256_hex(data) == delivered.manifest
    assert canonical.encode(json.loads(data)) == data
    assert json.loads(data) == {
        "format": "trustwright.manifest/1",
        "consumer": "billing",
        "number": 1,
        "serial": delivered.serial,
        "names": [NAME, "spiffe://prod.example.internal/server/billing"],
        "not_before": "2026-11-23T11:59:30Z",
        "not_after": "2026-11-26T12:00:00Z",
        "delivered": "2026-11-23T12:00:00Z",
        "crl_until": "2026-11-26T12:00:00Z",
        "crl_due": "2026-11-25T00:00:00Z",
        "files": {name: sha256_hex(each) for name, each in texts(delivery).items()},
        "facts": {"issuer": "prod-g1", "trusts": ["prod"], "anchors": ["a"]},
    }


@pytest.mark.parametrize(
    ("keep", "left"), [(1, ["0005", "0006"]), (3, ["0003", "0004", "0005", "0006"])]
)
def test_old_versions_are_pruned(tmp_path: Path, keep: int, left: list[str]) -> None:
    """The current one and `keep` older ones stay."""
    path = tmp_path / "tls"
    for _ in range(6):
        put(target(path, keep=keep), pki().delivery())

    assert numbered(path) == left


def test_an_undone_version_leaves_no_key_behind(tmp_path: Path) -> None:
    """Its private key will never be used: it is removed at once."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    with pytest.raises(UpstreamError):
        put(target(path, check=["false"]), pki().delivery())

    assert numbered(path) == ["0001"]


def test_an_undone_first_delivery_leaves_no_key_behind(tmp_path: Path) -> None:
    """The links stay and lead nowhere."""
    path = tmp_path / "tls"
    with pytest.raises(UpstreamError):
        put(target(path, check=["false"]), pki().delivery())

    assert numbered(path) == []
    assert {each.name for each in path.iterdir()} == FILES | {"versions"}


def test_a_hosts_own_key_is_left_alone(tmp_path: Path) -> None:
    """``key: host``: the host may keep its key beside the set."""
    path = tmp_path / "tls"
    path.mkdir(mode=0o755)
    (path / "key.pem").write_text("the host's own")
    delivery = host_delivery()
    put(target(path), delivery)

    assert (path / "key.pem").read_text() == "the host's own"
    assert (path / "cert.pem").read_text() == delivery.certificate
    assert not (path / "versions" / "0001" / "key.pem").exists()


def test_the_link_to_a_managed_key_goes_when_the_host_takes_over(tmp_path: Path) -> None:
    """No link that leads nowhere stays where software looks for a key."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    put(target(path), host_delivery())

    assert not (path / "key.pem").is_symlink()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_damaged_file_is_not_observed(tmp_path: Path, name: str) -> None:
    """What differs from the manifest counts as not there: deliver again."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    with (path / name).open("ab") as stream:
        stream.write(b"\n")

    assert target(path).observed() is None


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_not_observed_and_is_mended(tmp_path: Path, name: str) -> None:
    """The next delivery puts a whole version in place."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    (path / name).resolve().unlink()
    before = target(path).observed()
    delivered = put(target(path), pki().delivery())

    assert before is None
    assert target(path).observed() == delivered


def test_a_link_in_the_place_of_a_file_is_not_observed(tmp_path: Path) -> None:
    """The right bytes elsewhere are not the delivered file."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    inside = path / "versions" / "0001" / "cert.pem"
    inside.rename(tmp_path / "elsewhere")
    inside.symlink_to(tmp_path / "elsewhere")

    assert target(path).observed() is None


def test_a_request_in_the_folder_is_read(tmp_path: Path) -> None:
    """host.csr survives deliveries."""
    path, text = tmp_path / "tls", request_pem()
    put(target(path), host_delivery())
    (path / "host.csr").write_text(text)
    put(target(path), host_delivery())

    assert target(path).host_request() == text
