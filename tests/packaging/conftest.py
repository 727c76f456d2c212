"""Built once for all packaging tests: the wheel, and a machine without the online half."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD_WHEELHOUSE = ROOT / "infra" / "airgap" / "build-wheelhouse"
MEDIUM, PLACE = "/media/stick/trustwright", "/opt/trustwright-root"
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
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what is carried to the root's machine, filled from the registry."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    run(BUILD_WHEELHOUSE, folder, env=os.environ | building())
    return folder


def building() -> dict[str, str]:
    """Return what a build is told: which Python builds, and the date that it writes."""
    return {"PYTHON": sys.executable, "SOURCE_DATE_EPOCH": EPOCH}


def runbook_install(wheelhouse: Path, environment: Path) -> str:
    """Return the runbook's commands for the offline machine, with these folders."""
    text = (ROOT / "docs" / "runbooks" / "offline-machine.md").read_text()
    blocks: list[str] = re.findall(r"^```sh offline\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (block,) = blocks
    assert MEDIUM in block
    assert PLACE in block
    return block.replace(MEDIUM, str(wheelhouse)).replace(PLACE, str(environment))


@pytest.fixture(scope="session")
def offline_venv(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment as the root's machine has it: made as the runbook says.

    The install sees the wheelhouse and no network.
    """
    environment = tmp_path_factory.mktemp("offline") / "venv"
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = runbook_install(wheelhouse, environment)
    run("bash", "-euc", commands, cwd=wheelhouse, env=without_network() | path)
    return environment
