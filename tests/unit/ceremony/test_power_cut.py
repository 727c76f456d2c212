"""Power cuts at every boundary of a ceremony: the next start explains, converges, never doubles.

A boundary is a write, sync, rename, truncation or removal below the root's folder or beside the
request. At each of them the real command line is killed in three ways (see `power`), started
again, and judged: one response for one request, the same wherever it can be seen, an audit that
accepts the transcript, and every serial that was announced and not handed out on the next CRL.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ceremony.folder import PASSPHRASE, fingerprint, new_root, request_for
from trustwright.ceremony.audit import audit
from trustwright.ceremony.entries import Abandoned, Intent, Signed
from trustwright.ceremony.ledger import file_form
from trustwright.ceremony.rootfolder import opened
from trustwright.ceremony.transcript import FILE
from trustwright.ceremony.words import words_of
from trustwright.clock import SystemClock
from trustwright.ids import serial_number
from trustwright.model.ceremony import Request
from trustwright.x509 import parse
from trustwright.x509.crl import is_revoked

pytestmark = [pytest.mark.unit, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Outcome:
    """What became of a start.

    Attributes:
        passed: the boundaries that it passed, when it lived to its end.
    """

    killed: bool
    code: int | None
    stderr: str
    passed: tuple[str, ...]


@dataclass(frozen=True)
class Mains:
    """The program that runs command lines and cuts their power."""

    process: subprocess.Popen[str]
    logs: Path

    def start(self, place: Path, args: list[str], *, cut: int = 0, mode: str = "kept") -> Outcome:
        """Run a command line below `place`."""
        task: dict[str, Any] = {
            "args": args,
            "cut": cut,
            "mode": mode,
            "watched": str(place),
            "stdout": str(self.logs / "out"),
            "stderr": str(self.logs / "err"),
            "passed": str(self.logs / "passed"),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        stderr = (self.logs / "err").read_text()
        passed = [] if answer["killed"] else json.loads((self.logs / "passed").read_text())
        return Outcome(answer["killed"], answer["code"], stderr, tuple(passed))


@dataclass(frozen=True)
class Desk:
    """A root, a request to it and where the response goes."""

    place: Path
    request: Request

    @property
    def root(self) -> Path:
        """Return the root's folder."""
        return self.place / "root"

    @property
    def output(self) -> Path:
        """Return where the response is written."""
        return self.place / "out" / "asked.response.json"

    def sign(self, *more: str) -> list[str]:
        """Return the arguments that sign the request."""
        return [
            "sign",
            "--folder",
            str(self.root),
            str(self.place / "asked.request.json"),
            "--output",
            str(self.output),
            "--confirm-environment",
            "test",
            "--confirm-words",
            words_of(self.request.digest(), 8),
            "--passphrase-file",
            str(self.place / "passphrase"),
            *more,
        ]

    def crl(self) -> list[str]:
        """Return the arguments that sign a CRL."""
        return [
            "crl",
            "--folder",
            str(self.root),
            "--passphrase-file",
            str(self.place / "passphrase"),
        ]

    def copy(self, to: Path) -> Desk:
        """Return the same desk in another place."""
        shutil.rmtree(to, ignore_errors=True)
        return Desk(Path(shutil.copytree(self.place, to)), self.request)


@pytest.fixture(scope="module")
def mains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mains]:
    """Start the program that forks the command lines."""
    command = [sys.executable, "-m", "tests.unit.ceremony.power"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Mains(process, tmp_path_factory.mktemp("logs"))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return a fresh root and a request to it."""
    place = tmp_path_factory.mktemp("desk") / "fresh"
    (place / "out").mkdir(parents=True)
    now = SystemClock().now()
    new_root(place / "root", now=now - timedelta(days=1))
    request = request_for(place / "root", now=now)
    (place / "asked.request.json").write_bytes(file_form(request))
    (place / "passphrase").write_text(PASSPHRASE)
    (place / "passphrase").chmod(0o600)
    return Desk(place, request)


def converge(mains: Mains, desk: Desk) -> str:
    """Start again until the response is out; return what the first start said."""
    first = mains.start(desk.place, desk.sign())
    if first.code != 0:
        assert (first.code, "CER-108" in first.stderr) == (3, True), first.stderr
        again = mains.start(desk.place, desk.sign("--reprint"))
        assert again.code == 0, again.stderr
    return first.stderr


def judge(mains: Mains, desk: Desk) -> None:
    """Check everything that must hold when a ceremony is over, and a CRL after it."""
    if b'"abandoned"' in (desk.root / FILE).read_bytes():
        made = mains.start(desk.place, desk.crl())
        assert made.code == 0, made.stderr
    with opened(desk.root, exclusive=False) as folder:
        report = audit(desk.root / FILE, folder.certificate)
        answers = folder.history.answers
        intents = [says for _, says in folder.transcript.saying(Intent)]
        signed = [says for _, says in folder.transcript.saying(Signed)]
        abandoned = {says.serial for _, says in folder.transcript.saying(Abandoned)} - {None}
        lists = sorted((desk.root / "crls").iterdir())
        newest = lists[-1].read_text() if lists else answers[0].response.root_crl
        crl = parse.crl(newest)
    assert report.open == []
    assert [desk.request.digest()] == [answer.request.digest() for answer in answers]
    assert len(signed) == 1
    assert file_form(answers[0].response) == desk.output.read_bytes()
    announced = {says.serial for says in intents if says.serial}
    handed_out = {serial for serial in announced if serial_number(serial) == answers[0].serial}
    assert announced - handed_out == abandoned
    assert all(is_revoked(crl, serial_number(serial or "")) for serial in abandoned)
    assert not is_revoked(crl, answers[0].serial)
    assert not list(desk.place.rglob(".*.part"))


@pytest.mark.parametrize("mode", ["kept", "lost", "torn"])
def test_every_boundary_of_signing(mains: Mains, desk: Desk, mode: str) -> None:
    """Whatever boundary the power fails at, the next start explains and one response comes out."""
    explained = 0
    whole = desk.copy(desk.place.parent / "whole")
    passed = mains.start(whole.place, whole.sign()).passed
    assert len(passed) > 20
    for cut in cuts(passed, mode):
        here = desk.copy(desk.place.parent / f"cut-{mode}")
        assert mains.start(here.place, here.sign(), cut=cut, mode=mode).killed
        seen = here.output.read_bytes() if here.output.exists() else None
        open_before = needs_explaining(here)
        said = converge(mains, here)
        explained += "note: " in said
        assert open_before <= ("note: " in said), (cut, said)
        assert seen in {None, here.output.read_bytes()}
        judge(mains, here)

    assert explained >= (4 if mode == "torn" else 8)


@pytest.mark.parametrize("mode", ["full", "half", "once", "short"])
def test_every_failure_of_the_disk(mains: Mains, desk: Desk, mode: str) -> None:
    """Whatever call the disk fails at, the error is the disk's, and the next start converges."""
    whole = desk.copy(desk.place.parent / "whole-disk")
    passed = mains.start(whole.place, whole.sign()).passed
    for cut in cuts(passed, mode):
        here = desk.copy(desk.place.parent / f"disk-{mode}")
        failed = mains.start(here.place, here.sign(), cut=cut, mode=mode)
        assert not failed.killed
        if failed.code != 0:
            assert (failed.code, "[FILE-WRITE]" in failed.stderr) == (2, True), (cut, failed.stderr)
        seen = here.output.read_bytes() if here.output.exists() else None
        if failed.code != 0:
            converge(mains, here)
        assert seen in {None, here.output.read_bytes()}
        judge(mains, here)


@pytest.mark.parametrize("mode", ["full", "half", "once"])
def test_every_failure_of_the_disk_in_recovery(mains: Mains, desk: Desk, mode: str) -> None:
    """A disk that fails while a torn line and an open intent are mended is tried again."""
    broken = desk.copy(desk.place.parent / "ill")
    assert mains.start(broken.place, broken.sign(), cut=11, mode="kept").killed
    with (broken.root / FILE).open("ab") as file:
        file.write(b'{"at":"20')
    whole = broken.copy(desk.place.parent / "ill-whole")
    passed = mains.start(whole.place, ["recover", "--folder", str(whole.root)]).passed
    for cut in cuts(passed, mode):
        here = broken.copy(desk.place.parent / "ill-again")
        args = ["recover", "--folder", str(here.root)]
        failed = mains.start(here.place, args, cut=cut, mode=mode)
        assert (failed.code, "[FILE-WRITE]" in failed.stderr) == (2, True), (cut, failed.stderr)
        converge(mains, here)
        judge(mains, here)


def cuts(passed: Sequence[str], mode: str) -> list[int]:
    """Return the boundaries at which a mode can cut: only a write can be torn or short."""
    only_writes = mode in {"torn", "half", "short"}
    return [
        place for place, name in enumerate(passed, start=1) if not only_writes or name == "write"
    ]


def needs_explaining(desk: Desk) -> bool:
    """Return whether an intent stands open or a line is torn, as any reader can see."""
    data = (desk.root / FILE).read_bytes()
    whole, _, torn = data.rpartition(b"\n")
    events = [json.loads(line)["says"]["event"] for line in whole.split(b"\n")]
    return bool(torn) or events.count("intent") > events.count("signed")


@pytest.mark.parametrize("mode", ["kept", "lost", "torn"])
@pytest.mark.parametrize(
    ("name", "cut", "first_mode"),
    [("torn intent", 5, "torn"), ("intent alone", 11, "kept"), ("response complete", 15, "kept")],
)
def test_every_boundary_of_recovery(
    mains: Mains, desk: Desk, name: str, cut: int, first_mode: str, mode: str
) -> None:
    """The power may fail again while the next start brings things into order."""
    broken = desk.copy(desk.place.parent / "broken")
    assert mains.start(broken.place, broken.sign(), cut=cut, mode=first_mode).killed, name
    assert needs_explaining(broken), name
    whole = broken.copy(desk.place.parent / "broken-whole")
    passed = mains.start(whole.place, ["recover", "--folder", str(whole.root)]).passed
    assert len(passed) > 5
    for second in cuts(passed, mode):
        here = broken.copy(desk.place.parent / "broken-again")
        args = ["recover", "--folder", str(here.root)]
        assert mains.start(here.place, args, cut=second, mode=mode).killed
        converge(mains, here)
        judge(mains, here)


def test_root_that_was_cut_off_while_it_was_made(mains: Mains, desk: Desk, tmp_path: Path) -> None:
    """An interrupted init leaves no root; the next one makes it."""
    args = [
        "init",
        "--folder",
        str(tmp_path / "new"),
        "--organization",
        "Example",
        "--environment",
        "test=test.example.internal",
        "--passphrase-file",
        str(desk.place / "passphrase"),
    ]
    for cut in (1, 4, 9, 14, 20):
        assert mains.start(tmp_path, args, cut=cut).killed
        assert not (tmp_path / "new").exists()

    assert mains.start(tmp_path, args).code == 0
    assert fingerprint(tmp_path / "new").startswith("sha256:")
    left = [each for each in tmp_path.iterdir() if each.name != "new"]
    assert all(each.match(".new.*.part") for each in left)
    assert {each.stat().st_mode & 0o777 for each in left} == {0o700}
