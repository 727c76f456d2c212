"""A backup, a disaster and a restore, with the commands of the runbook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.programs import BIN
from tests.docs.readme import ROOT
from tests.e2e.site import Site, installed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

RUNBOOK = ROOT / "docs" / "runbooks" / "restore.md"


def block(name: str) -> str:
    """Return the commands of the runbook that stand under this name."""
    text = RUNBOOK.read_text()
    found: list[str] = re.findall(rf"^```sh {name}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (commands,) = found
    return commands


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return an installation whose test waits for its signature."""
    with installed(tmp_path / "site") as made:
        assert made.waits("test")
        yield made


class Operator:
    """Somebody who follows the runbook, with two places for what is kept."""

    def __init__(self, site: Site, place: Path) -> None:
        self._site = site
        self.places = {name: place / name.lower() for name in ("BACKUP", "KEYS", "COPY")}
        for folder in self.places.values():
            folder.mkdir()

    def does(self, name: str, folder: Path) -> str:
        """Run a block; return what it printed."""
        told = {name: str(path) for name, path in self.places.items()}
        done = subprocess.run(
            ["bash", "-euc", block(name)],
            cwd=folder,
            env={**self._site.demo.environment(), **told, "PATH": f"{BIN}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_a_restored_home_goes_on(site: Site, tmp_path: Path) -> None:
    """The gate of before the disaster asks for the same signature; it opens, and all is served."""
    person, offline = Operator(site, tmp_path), site.operator.folder
    before = site.ceremony("test")
    person.does("root-backup", offline)
    person.does("backup", site.demo.folder)
    assert not [path for path in person.places["BACKUP"].rglob("*") if path.name != "home.tar"]
    site.run("down")
    shutil.rmtree(site.home)
    shutil.rmtree(offline / "root")
    shutil.copytree(person.places["COPY"] / "root", offline / "root")
    assert "running" in person.does("restore", site.demo.folder)
    assert site.waits("test")
    after = site.ceremony("test")
    assert (after["id"], after["state"]) == (before["id"], "pending")
    assert after["flow_run"] != before["flow_run"]
    site.run("ceremony", "submit", str(site.sign("test")))
    site.run("bootstrap", "test", "--until-ready", "--patience", "240")
    assert site.phase("test") == "ready"
    assert len(site.ceremonies("test")) == 1


def test_the_backup_opens_nothing_by_itself(site: Site, tmp_path: Path) -> None:
    """The seal key is kept elsewhere; without it the restored home says what is missing."""
    person = Operator(site, tmp_path)
    person.does("backup", site.demo.folder)
    site.run("down")
    shutil.rmtree(site.home)
    site.home.mkdir(mode=0o700)
    archive = person.places["BACKUP"] / "home.tar"
    subprocess.run(["tar", "-xpf", archive, "-C", site.home], check=True)
    assert not [path for path in site.home.rglob("*") if path.name in {"seal.key", "prefect"}]
    done = site.run("up", check=False)
    assert (done.returncode, "[STACK-SEAL]" in done.stderr) == (2, True)
