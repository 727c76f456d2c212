"""The shell lines of ``docs/runbooks/host-keys.md``, typed as a host's person types them.

Those for KV are typed in ``tests/e2e/test_fetching_host.py``, where a server is.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.readme import ROOT
from tests.fakes.clock import HeldClock
from tests.unit.delivery.material import NAME, pki, put
from tests.unit.policy.test_hostrequest import CONSUMER, ROLE
from trustwright.delivery.directory import DirectoryTarget
from trustwright.model.estate import Directory
from trustwright.policy.hostrequest import check_host_request
from trustwright.x509 import parse

PAGE = ROOT / "docs" / "runbooks" / "host-keys.md"


def lines(kind: str) -> str:
    """Return the block of the page that is marked so."""
    (found,) = re.findall(rf"```sh {kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


def typed(kind: str, folder: Path) -> None:
    """Type a block on a host whose set is in ``folder/tls``."""
    facts = {"TLS": str(folder / "tls"), "KEYS": str(folder / "keys"), "NAME": NAME}
    environment = {"PATH": "/usr/bin:/bin", **facts}
    subprocess.run(["sh", "-euc", lines(kind)], env=environment, check=True, capture_output=True)


def target_in(folder: Path) -> DirectoryTarget:
    """Return the directory target of a host."""
    (folder / "tls").mkdir(mode=0o755, exist_ok=True)
    return DirectoryTarget(Directory(path=folder / "tls"), "billing", HeldClock())


def test_three_lines_leave_a_request(tmp_path: Path) -> None:
    """It is found, and accepted; doing it again is another key."""
    target = target_in(tmp_path)
    found = []
    for _ in range(2):
        typed("directory", tmp_path)
        text = target.host_request() or ""
        consumer = CONSUMER.model_copy(update={"names": (NAME,)})
        check_host_request(parse.request(text), consumer, ROLE)
        found.append(parse.spki_sha256(parse.request(text)))

    assert len(lines("directory").splitlines()) == 3
    assert found[0] != found[1]
    keys = list((tmp_path / "keys").glob("*.key"))
    assert [each.stat().st_mode & 0o777 for each in keys] == [0o600, 0o600]


def test_the_key_follows_the_certificate(tmp_path: Path) -> None:
    """Forth to a new one, and back when it is undone."""
    target, sets = target_in(tmp_path), [pki().delivery() for _ in range(2)]
    (tmp_path / "keys").mkdir()
    for number, each in enumerate(sets):
        (tmp_path / "keys" / f"{number}.key").write_bytes(each.key or b"")
    for number in (0, 1, 0):
        put(target, replace(sets[number], key=None))
        typed("reload", tmp_path)
        assert (tmp_path / "keys" / "host.pem").read_bytes() == sets[number].key


@pytest.mark.parametrize("kind", ["kv", "directory", "reload"])
def test_every_block_is_there(kind: str) -> None:
    """One of each."""
    assert lines(kind)
