"""What is carried to the offline machine: complete, hashed, the same again, all or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from requirements import lock
from tests.packaging.conftest import (
    BUILD_WHEELHOUSE,
    ROOT,
    building,
    run,
    runbook_install,
    without_network,
)

pytestmark = [pytest.mark.packaging, pytest.mark.registry, pytest.mark.timeout(300)]


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build a wheelhouse; it may fail."""
    return subprocess.run(
        [BUILD_WHEELHOUSE, folder, *options],
        env=os.environ | building(),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def listed(wheelhouse: Path) -> dict[str, str]:
    """Return what SHA256SUMS says: name → digest."""
    lines = (wheelhouse / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def test_every_file_stands_in_the_manifest_with_its_digest(wheelhouse: Path) -> None:
    """And nothing but the manifest itself does not."""
    files = {path.name: path for path in wheelhouse.iterdir() if path.name != "SHA256SUMS"}
    assert listed(wheelhouse) == {
        name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }


def test_it_holds_the_base_lock_and_our_wheel(wheelhouse: Path) -> None:
    """One wheel for each pin that this machine needs, and the requirement that names ours."""
    names = {path.name.split("-")[0].replace("_", "-") for path in wheelhouse.glob("*.whl")}
    pins = {name.replace("_", "-") for name in lock.pins(lock.Lock("base"))}
    assert names - {"trustwright"} <= pins
    assert {"trustwright", "cryptography", "pydantic", "click"} <= names
    (own,) = wheelhouse.glob("trustwright-*.whl")
    last = (wheelhouse / "requirements.txt").read_text().splitlines()[-1]
    assert last == f"trustwright==0.1.0 --hash=sha256:{sha256(own.read_bytes()).hexdigest()}"
    base = (ROOT / "requirements" / "base.txt").read_text()
    assert (wheelhouse / "requirements.txt").read_text().startswith(base)


def test_what_it_says_is_the_digest_of_the_manifest(wheelhouse: Path, tmp_path: Path) -> None:
    """A second build of the same date gives the same bytes, so the digest can be compared."""
    done = build(tmp_path / "again")
    digest = sha256((wheelhouse / "SHA256SUMS").read_bytes()).hexdigest()
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, digest)


def test_a_changed_wheel_is_not_installed(wheelhouse: Path, tmp_path: Path) -> None:
    """The runbook stops at its third line; nothing is made."""
    carried, environment = tmp_path / "carried", tmp_path / "venv"
    shutil.copytree(wheelhouse, carried)
    (changed,) = carried.glob("click-*.whl")
    changed.write_bytes(changed.read_bytes() + b"\0")
    done = subprocess.run(
        ["bash", "-euc", runbook_install(carried, environment)],
        env=without_network(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"{changed.name}: FAILED" in done.stdout
    assert not environment.exists()


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    """They would look as if they belonged to it; they are still there afterwards."""
    (tmp_path / "letter").touch()
    done = build(tmp_path)
    assert (done.returncode, [path.name for path in tmp_path.iterdir()]) == (2, ["letter"])
    assert "is not empty" in done.stderr


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Half a wheelhouse is none."""
    done = build(tmp_path / "house", "--python-version", "3.1")
    assert done.returncode == 1
    assert list((tmp_path / "house").iterdir()) == []


def test_a_name_is_missing() -> None:
    """The usage is one line."""
    done = subprocess.run(
        [BUILD_WHEELHOUSE], capture_output=True, text=True, check=False, timeout=10
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_the_installed_program_starts(offline_venv: Path) -> None:
    """What the runbook's last line shows."""
    said = run(offline_venv / "bin/trustwright-root", "--version", env=without_network())
    assert said.startswith("trustwright-root")
