"""`make pythons`: each supported version that is there is tried, the others are named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT

pytestmark = pytest.mark.packaging

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT = "Python {}: not on this machine, left out"


def pythons(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a machine whose PATH is one folder."""
    for program in ("bash", "dirname", "env"):
        (folder / program).symlink_to(shutil.which(program) or program)
    return subprocess.run(
        [ROOT / "requirements" / "pythons", *arguments],
        env={**os.environ, "PATH": str(folder), "PYENV_ROOT": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_none_is_there(tmp_path: Path) -> None:
    """All are named, and that nothing was tried is a failure."""
    done = pythons(tmp_path)
    assert done.stdout.splitlines() == [LEFT_OUT.format(each) for each in ("3.11", "3.12", "3.13")]
    assert done.returncode == 2
    assert "none of Python 3.11, 3.12 and 3.13" in done.stderr


def test_a_name_is_not_believed(tmp_path: Path) -> None:
    """A program of that name counts when it says that it is that version."""
    (tmp_path / "python3.12").write_text("#!/bin/sh\necho 3.10\n")
    (tmp_path / "python3.12").chmod(0o755)
    assert LEFT_OUT.format("3.12") in pythons(tmp_path).stdout


@pytest.mark.registry
@pytest.mark.parametrize(
    ("test", "code"), [("test_the_lowest_and_highest", 0), ("no_such_test", 1)]
)
def test_one_is_there(tmp_path: Path, test: str, code: int) -> None:
    """Its tests run in an environment of its own; how they end is how the script ends."""
    (tmp_path / f"python{HERE}").symlink_to(sys.executable)
    done = pythons(tmp_path, "tests/unit/embedded/test_stack.py", "-k", test)
    assert done.returncode == code, done.stderr
    assert f"Python {HERE}: {tmp_path}/python{HERE}\n" in done.stdout
    assert ("1 passed" in done.stdout) is (code == 0)
    assert done.stdout.count("left out") == 2
