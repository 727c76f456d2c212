"""The locks: current, complete, hashed, silent about where packages come from, installable."""

import sys
from pathlib import Path

import pytest

from requirements import lock
from tests.packaging.conftest import ROOT, run

pytestmark = pytest.mark.packaging

each_lock = pytest.mark.parametrize("held", lock.LOCKS, ids=lambda held: held.name)


@each_lock
def test_lock_answers_its_inputs(held: lock.Lock) -> None:
    """Whoever edits a dependency runs `make lock` in the same change."""
    assert list(lock.problems(held)) == []


def test_base_lock_holds_the_offline_half_only() -> None:
    """What is carried to the root's machine is short enough to be read."""
    expected = {"annotated-types", "cffi", "click", "colorama", "cryptography", "pycparser"}
    expected |= {"pydantic", "pydantic-core", "typing-extensions", "typing-inspection"}

    assert set(lock.pins(lock.Lock("base"))) <= expected


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("# inputs: sha256:", "# inputs: sha256:0", "older than its inputs"),
        ("click==", "--index-url simple\nclick==", "names an index"),
        ("    --hash=sha256:", "    ", "no hash for"),
        ("click==8", "click==7", "is answered by"),
    ],
)
def test_a_spoilt_lock_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, complaint: str
) -> None:
    """Each way to spoil a lock has its sentence."""
    for name in ("pyproject.toml", "requirements/base.txt", "requirements/dev.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    base = lock.Lock("base", constraint="dev")
    base.path.write_text(base.path.read_text().replace(before, after))

    assert any(complaint in problem for problem in lock.problems(base))


@pytest.mark.registry
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@each_lock
def test_lock_installs(held: lock.Lock, version: str, tmp_path: Path) -> None:
    """Every supported Python finds a hashed file for every pin."""
    run(
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--dry-run"),
        *("--python-version", version, "--target", tmp_path, "--require-hashes"),
        *("--only-binary", ":all:", "--requirement", held.path),
    )
