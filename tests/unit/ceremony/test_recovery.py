"""What the next start decides about an open intent, and what it leaves undecided."""

from __future__ import annotations

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.ceremony.folder import new_root, request_for, sign, signing
from tests.unit.ceremony.material import NOW
from trustwright.ceremony import durable, transcript
from trustwright.ceremony.audit import audit
from trustwright.ceremony.entries import Abandoned, Signed
from trustwright.ceremony.recovery import left_open, recover
from trustwright.ceremony.rootfolder import opened
from trustwright.ceremony.sign import sign_request
from trustwright.ceremony.transcript import FILE, write_head
from trustwright.errors import ConfigurationError, ConflictError, TrustwrightError
from trustwright.ids import sha256_hex

pytestmark = pytest.mark.unit


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """Return a root whose second response is complete and whose last line is missing."""
    root = new_root(tmp_path / "root")
    sign(root, request_for(root, "prod"))
    sign(root, request_for(root), NOW + timedelta(minutes=1))
    kept = (root / FILE).read_bytes().splitlines()[:-1]
    (root / FILE).write_bytes(b"".join(line + b"\n" for line in kept))
    write_head(root / FILE, len(kept), sha256_hex(kept[-1]))
    return root


def closed(root: Path) -> list[str]:
    """Recover, audit, and return the events from the fourth line on."""
    with opened(root, exclusive=True) as folder:
        recover(folder, NOW + timedelta(minutes=2))
        audit(root / FILE, folder.certificate)
        return [str(entry.says.event) for entry in folder.transcript.entries][3:]


def refused(root: Path) -> TrustwrightError:
    """Recover and return the refusal; nothing may be recorded."""
    before = (root / FILE).read_bytes()
    with opened(root, exclusive=True) as folder, pytest.raises(TrustwrightError) as found:
        recover(folder, NOW + timedelta(minutes=2))
    assert (root / FILE).read_bytes() == before
    return found.value


def second(root: Path) -> Path:
    """Return the file of the response that is to be judged."""
    return next((root / "responses").glob("0002*"))


def test_complete_response_is_adopted(cut_off: Path) -> None:
    """Everything was signed and checked: only the line is missing."""
    assert closed(cut_off) == ["intent", "signed"]


def test_policy_that_was_edited_since_judges_nothing(cut_off: Path) -> None:
    """A response is judged by the policy that was in force, not by what policy.toml says by now."""
    path = cut_off / "policy.toml"
    path.write_text(path.read_text().replace("test.example.internal", "test.example.invalid"))

    assert closed(cut_off) == ["intent", "signed"]


def test_missing_response_is_abandoned(cut_off: Path) -> None:
    """A signature may have been made and lost."""
    second(cut_off).unlink()

    assert closed(cut_off) == ["intent", "abandoned"]
    with opened(cut_off, exclusive=False) as folder:
        ((_, abandoned),) = folder.transcript.saying(Abandoned)
    assert abandoned.rule == ""
    assert abandoned.why == "it was cut off before its result was complete"


def test_foreign_file_beside_it_changes_nothing(cut_off: Path) -> None:
    """A file that is called alike is judged for itself."""
    path = second(cut_off)
    foreign = path.with_name(path.name.replace("0002-", "0001-"))
    foreign.write_text("{}")

    with opened(cut_off, exclusive=True) as folder:
        recover(folder, NOW + timedelta(minutes=2))
        assert [str(each.says.event) for each in folder.transcript.entries][-1] == "signed"


def test_founding_touches_no_foreign_folder(tmp_path: Path) -> None:
    """What somebody keeps under the name of a half root is theirs; a failure leaves nothing."""
    foreign = tmp_path / ".root.part"
    foreign.mkdir()
    (foreign / "mine").write_text("mine")

    new_root(tmp_path / "root")
    with pytest.raises(ConfigurationError) as refused:
        new_root(tmp_path / "missing" / "root")

    assert (refused.value.rule, (foreign / "mine").read_text()) == ("ROOT-FOLDER", "mine")
    assert {each.name for each in tmp_path.iterdir()} == {".root.part", "root"}


def test_damaged_response_is_abandoned(cut_off: Path) -> None:
    """What breaks a rule is moved aside."""
    path = second(cut_off)
    path.write_bytes(path.read_bytes().replace(b'"number":2', b'"number":3'))

    assert closed(cut_off) == ["intent", "abandoned"]
    assert not path.exists()
    assert [each.name for each in (cut_off / "aside").iterdir()] == [f"refused-0004-{path.name}"]


@pytest.mark.parametrize("kind", ["responses", "requests"])
def test_unreadable_file_decides_nothing(
    cut_off: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A disk that does not answer abandons no certificate that may have been handed out."""
    real = Path.read_bytes
    transcript_line = opened_intent(cut_off)

    def failing(path: Path) -> bytes:
        if path.parent.name == kind and transcript_line[:12] in path.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    assert refused(cut_off).rule == "FILE-READ"

    monkeypatch.setattr(Path, "read_bytes", real)
    assert closed(cut_off) == ["intent", "signed"]


def opened_intent(root: Path) -> str:
    """Return the digest of the request of the open intent."""
    with opened(root, exclusive=False) as folder:
        ((_, intent),) = left_open(folder.transcript)
    return intent.request or ""


@pytest.mark.parametrize("name", ["responses/0001*", "requests/*"])
def test_other_lost_file_decides_nothing(cut_off: Path, name: str) -> None:
    """A file of another ceremony that is missing is put back, not paid for by this one."""
    keep = opened_intent(cut_off)[:12]
    (lost,) = [path for path in cut_off.glob(name) if keep not in path.name]
    data = lost.read_bytes()
    lost.unlink()
    assert refused(cut_off).rule == "CER-306"

    lost.write_bytes(data)
    assert closed(cut_off) == ["intent", "signed"]


def test_line_that_failed_is_followed_by_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a line whose fate is unknown, nothing is added before the file is read again."""
    root = new_root(tmp_path / "root")
    says = Abandoned(intent=1, why="a line")

    def full(*_: object) -> None:
        raise ConfigurationError("no room", rule="FILE-WRITE")

    with opened(root, exclusive=True) as folder:
        with monkeypatch.context() as patch:
            patch.setattr(transcript, "write_head", full)
            with pytest.raises(ConfigurationError):
                folder.record(says, NOW)
        with pytest.raises(ConflictError) as unknown:
            folder.record(says, NOW)
        folder.read_again()
        with pytest.raises(ConflictError) as behind:
            folder.record(says, NOW)
        recover(folder, NOW)
        folder.record(says, NOW)
        numbers = [entry.number for entry in transcript.read(root / FILE).entries]

    assert (unknown.value.rule, behind.value.rule) == ("ROOT-UNMENDED", "ROOT-UNMENDED")
    assert numbers == [1, 2, 3]


def test_line_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """A line longer than any reader takes is refused before it is in the file."""
    root = new_root(tmp_path / "root")
    with opened(root, exclusive=True) as folder:
        with pytest.raises(ConfigurationError) as refused:
            folder.record(Abandoned(intent=1, why="x" * (1 << 20)), NOW)
        recover(folder, NOW)
        assert len(folder.transcript.entries) == 1
    assert refused.value.rule == "FILE-SIZE"


def test_error_of_the_signing_outlives_a_failed_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where mending fails too, the person reads what went wrong first."""
    root = new_root(tmp_path / "root")
    line = durable.append

    def full(path: Path, data: bytes) -> None:
        if b'"signed"' in data or b'"abandoned"' in data:
            raise ConfigurationError(f"no room for {len(data)}", rule="FILE-WRITE")
        line(path, data)

    monkeypatch.setattr(durable, "append", full)
    with opened(root, exclusive=True) as folder, pytest.raises(ConfigurationError) as found:
        sign_request(signing(folder), request_for(root))
    assert found.value.rule == "FILE-WRITE"

    monkeypatch.setattr(durable, "append", line)
    with opened(root, exclusive=True) as folder:
        assert len(recover(folder, NOW)) == 1
        assert len(list(folder.transcript.saying(Signed))) == 1


@pytest.mark.parametrize("name", ["requests", "responses", "crls", "aside"])
def test_empty_folder_that_a_copy_dropped_is_made(tmp_path: Path, name: str) -> None:
    """Backup media drop empty folders; the next start makes them again, its owner's alone."""
    root = new_root(tmp_path / "root")
    (root / name).rmdir()

    with opened(root, exclusive=True) as folder:
        said = recover(folder, NOW)

    assert said == [f"{name}/ was missing and was made: a copy may have dropped it for being empty"]
    assert (root / name).stat().st_mode & 0o777 == 0o700
    assert sign(root, request_for(root)).response.number == 1
