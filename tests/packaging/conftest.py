"""Built once for all packaging tests: the wheel, and a machine without the online half."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EPOCH = "1767225600"  # 2026-01-01, the SOURCE_DATE_EPOCH of every build in these tests

Build = Callable[[Path, str, Path], Path]


def run(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run `command` and return its output; its error output is the failure's text."""
    done = subprocess.run(
        command, cwd=cwd, env=env, check=False, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def without_network() -> dict[str, str]:
    """Return an environment in which pip knows no index, no mirror and no configuration."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_", "PYTHON"))}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}


@pytest.fixture(scope="session")
def build() -> Build:
    """Return a function that builds one target (wheel or sdist) of a source tree."""

    def build_target(source: Path, target: str, into: Path) -> Path:
        run(
            *(sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", into),
            cwd=source,
            env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH},
        )
        (built,) = into.iterdir()
        return built

    return build_target


@pytest.fixture(scope="session")
def wheel(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel built from this tree."""
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def offline_venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment as the root's machine has it: base lock, wheel, nothing else.

    The wheelhouse is filled from the registry; the install sees only the wheelhouse.
    """
    folder = tmp_path_factory.mktemp("offline")
    wheelhouse, environment = folder / "wheelhouse", folder / "venv"
    locked = ROOT / "requirements" / "base.txt"
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"),
        *("--only-binary", ":all:", "--requirement", locked, "--dest", wheelhouse),
    )
    (wheelhouse / wheel.name).write_bytes(wheel.read_bytes())
    everything = folder / "requirements.txt"
    own = f"trustwright==0.1.0 --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n"
    everything.write_text(locked.read_text() + own)

    venv.create(environment, with_pip=True)
    run(
        *(environment / "bin/python", "-m", "pip", "install", "--quiet", "--no-index"),
        *("--require-hashes", "--find-links", wheelhouse, "--requirement", everything),
        env=without_network(),
    )
    return environment
