"""Reading the audit log: from its end, in bounded memory, and honest about what it does not say."""

from __future__ import annotations

import gzip
import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

import pytest

from trustwright.ports import Signing
from trustwright.vault import auditlog
from trustwright.vault.auditlog import AuditLog, lines_backwards, signing_in

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SERIAL = "0a:ff:01"


def entry(serial: str = SERIAL, at: datetime = NOW, **changes: Any) -> str:
    """Return a line as the server writes it."""
    request = {
        "id": "r-1",
        "operation": "update",
        "namespace": {"id": "n", "path": "prod/"},
        "path": "pki/issuer/i-1/sign/server",
        "remote_address": "192.0.2.7",
    }
    line = {
        "time": at.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"),
        "type": "response",
        "auth": {"display_name": "jwt-issuer", "entity_id": "e-1"},
        "request": request,
        "response": {"data": {"serial_number": serial, "certificate": "hmac-sha256:00"}},
    }
    return json.dumps(line | changes, separators=(",", ":"))


def write(path: Path, *lines: str) -> Path:
    """Write a log."""
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_the_signature_is_found(tmp_path: Path) -> None:
    """By the serial, which the server writes in clear."""
    log = write(tmp_path / "audit.log", entry("01:02"), entry(), entry("03:04"))
    found = AuditLog([log]).signings([SERIAL], NOW)
    assert found.silence == ""
    assert found.signings == {
        SERIAL: Signing(
            at=NOW,
            path="prod/pki/issuer/i-1/sign/server",
            role="server",
            who="jwt-issuer",
            entity="e-1",
            address="192.0.2.7",
            request="r-1",
        )
    }


@pytest.mark.parametrize(
    "line",
    [
        entry(type="request"),
        entry(request={"path": f"pki/cert/{SERIAL}"}),
        entry(response={"data": {"serial_number": "01:02", "note": SERIAL}}),
        entry(response=None, note=SERIAL),
        entry(time="yesterday"),
        entry()[:-1],
        f'["{SERIAL}"]',
        f'"{SERIAL}"',
    ],
)
def test_a_line_that_only_names_the_serial_is_no_signature(line: str) -> None:
    """Reading and revoking name it as well, and a line may be cut or be anything."""
    assert signing_in(line.encode(), SERIAL) is None


def test_issuing_and_signing_outside_of_roles_count(tmp_path: Path) -> None:
    """Whoever can, may have used another way to a certificate."""
    for path in ("pki/issue/server", "pki/sign-verbatim", "pki/issuer/x/sign-verbatim/server"):
        log = write(tmp_path / "audit.log", entry(request={"path": path}))
        assert AuditLog([log]).signings([SERIAL], NOW).signings[SERIAL].path == path


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """No log, an empty one, one that begins later, one that holds nothing of it."""
    log = tmp_path / "audit.log"
    later = NOW + timedelta(hours=1)

    def silence() -> str:
        return AuditLog([log]).signings([SERIAL], NOW).silence

    assert AuditLog([]).signings([SERIAL], NOW).silence == "no audit log is known here"
    assert silence() == "no audit log is known here"
    write(log)
    assert silence() == "no audit log is known here"
    write(log, entry("01:02", later))
    assert silence() == ("the audit log at hand begins 2026-11-23T13:00:00Z, after the signing")
    write(log, entry("01:02", NOW - timedelta(hours=1)), entry("01:02", later))
    assert silence() == "the audit log at hand holds no such signature"


def test_a_log_that_may_not_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account of the flows need not be that of the server."""

    def refused(_file: Path) -> Any:
        raise PermissionError(13, "Permission denied")

    log = write(tmp_path / "audit.log", entry())
    monkeypatch.setattr(auditlog, "_opened", refused)
    found = AuditLog([log]).signings([SERIAL], NOW)
    assert (found.signings, found.silence) == ({}, "audit.log cannot be read: Permission denied")


def test_a_rotated_log_is_read_as_well(tmp_path: Path) -> None:
    """Plain and packed ones beside it; those that ended before the signing are not opened."""
    write(tmp_path / "audit.log", entry("01:02", NOW + timedelta(days=1)))
    packed = tmp_path / "audit.log.2.gz"
    packed.write_bytes(gzip.compress(f"{entry()}\n".encode()))
    old = write(tmp_path / "audit.log.3", entry(at=NOW - timedelta(days=2)))
    write(tmp_path / "audit.logger", "nothing of ours")
    day = NOW.timestamp() - 86_400
    os.utime(old, (day, day))
    found = AuditLog([tmp_path / "audit.log"]).signings([SERIAL], NOW)
    assert found.signings[SERIAL].at == NOW
    packed.write_bytes(packed.read_bytes()[:-20])
    found = AuditLog([tmp_path / "audit.log"]).signings(["05:06"], NOW)
    assert found.silence == "audit.log.2.gz cannot be read: it is damaged"


def test_it_is_read_from_its_end_and_no_further_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year of log is not read for a signature of this hour."""
    lines = [entry("01:02", NOW - timedelta(days=300)) for _ in range(3000)]
    log = write(tmp_path / "audit.log", *lines, entry("03:04"), entry("05:06"))
    read: list[int] = []

    class Counting(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            read.append(size or 0)
            return super().read(size) or b""

    monkeypatch.setattr(auditlog, "_opened", Counting)
    found = AuditLog([log]).signings([SERIAL], NOW)
    assert found.silence == "the audit log at hand holds no such signature"
    assert read == [auditlog.BLOCK]


@pytest.mark.parametrize("block", [1, 2, 7, 64, 1 << 16])
def test_lines_come_whole_whatever_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """A line may lie across any number of blocks; one that is too long is left out, alone."""
    monkeypatch.setattr(auditlog, "BLOCK", block)
    monkeypatch.setattr(auditlog, "LONGEST_LINE", 20)
    whole = [b"first", b"", b"x" * 200, b"a second line", b"y" * 21, b"last"]
    for ending in (b"", b"\n"):
        file = tmp_path / "log"
        file.write_bytes(b"\n".join(whole) + ending)
        with file.open("rb") as opened:
            found = list(lines_backwards(opened))
        kept = [line for line in found if len(line) <= 20]
        assert kept == [b"last", b"a second line", b"first"]
        assert all(len(line) <= 21 or block > 200 for line in found)


def test_an_entry_nested_too_deep_hides_nothing_else(tmp_path: Path) -> None:
    """Whoever makes a certificate chooses what its request holds: it must not end the sweep."""
    nest = "[" * 9000 + "]" * 9000
    deep = entry().replace('"operation":"update"', f'"operation":"update","data":{nest}')
    log = write(tmp_path / "audit.log", entry("03:04"), deep)
    found = AuditLog([log]).signings([SERIAL, "03:04"], NOW + timedelta(minutes=5))
    assert set(found.signings) == {"03:04"}
    assert found.silence == "the audit log at hand holds no such signature"


def test_a_packed_log_with_a_damaged_middle_is_said(tmp_path: Path) -> None:
    """It is neither truncated nor without a header: its stream itself is broken."""
    packed = bytearray(gzip.compress(os.urandom(2000).hex().encode() * 5))
    packed[20:60] = bytes(each ^ 0xFF for each in packed[20:60])
    log = write(tmp_path / "audit.log", entry("03:04"))
    (tmp_path / "audit.log.1.gz").write_bytes(packed)
    found = AuditLog([log]).signings([SERIAL], NOW - timedelta(days=36500))
    assert found.silence == "audit.log.1.gz cannot be read: it is damaged"


def test_a_packed_log_without_line_breaks_is_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What unpacks to a line without an end is not held whole."""
    monkeypatch.setattr(auditlog, "LONGEST_LINE", 1000)
    log = write(tmp_path / "audit.log", entry("03:04"))
    packed = gzip.compress(f"{'x' * 5000}\n{entry()}\n".encode())
    (tmp_path / "audit.log.1.gz").write_bytes(packed)
    with gzip.open(tmp_path / "audit.log.1.gz", "rb") as opened:
        assert max(map(len, auditlog._lines(cast("IO[bytes]", opened)))) == 1000
    assert set(AuditLog([log]).signings([SERIAL], NOW).signings) == {SERIAL}
