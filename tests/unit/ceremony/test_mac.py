"""Whoever can write in the folder and cannot open the key can add nothing that the key obeys."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ceremony.folder import (
    fresh_crl,
    new_root,
    request_for,
    sign,
    signing,
)
from tests.unit.ceremony.material import NOW
from tests.unit.ceremony.test_audit import lines, rewrite
from trustwright import canonical
from trustwright.ceremony.audit import audit
from trustwright.ceremony.entries import PolicyAccepted
from trustwright.ceremony.mac import mac_under
from trustwright.ceremony.rootfolder import opened
from trustwright.ceremony.transcript import FILE
from trustwright.errors import VerificationError
from trustwright.ids import serial_text
from trustwright.x509.keys import generate_key

pytestmark = pytest.mark.unit
LATER = NOW + timedelta(minutes=5)
INVENTED = "5" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root that answered one request."""
    made = new_root(tmp_path / "root")
    sign(made, request_for(made))
    return made


def wider(root: Path) -> str:
    """Let policy.toml allow more; return its canonical text."""
    path = root / "policy.toml"
    text = path.read_text().replace('"1830d"', '"3660d"').replace("version = 1", "version = 2")
    path.write_text(text)
    with opened(root, exclusive=False) as folder:
        return folder.policy.text()


def line(at: str, says: dict[str, Any], mac: str | None = None) -> bytes:
    """Return a line as anybody can write it; number and chain come with `rewrite`."""
    return canonical.encode({"at": at, "says": says, "mac": mac})


def only_created(root: Path) -> None:
    """Replace the whole record by one line that creates this root under another policy."""
    text = wider(root)
    first = json.loads(lines(root)[0])
    first["says"] |= {"policy": canonical.digest(text.encode()), "policy_text": text}
    for path in (root / "responses").iterdir():
        path.unlink()
    rewrite(root, [canonical.encode(first)])


def accepted_by_nobody(root: Path) -> None:
    """Add a line that accepts another policy."""
    text = wider(root)
    says = {
        "event": "policy-accepted",
        "version": 2,
        "policy": canonical.digest(text.encode()),
        "policy_text": text,
    }
    rewrite(root, [*lines(root), line("2026-11-23T12:01:00Z", says, INVENTED)])


def living_serial_abandoned(root: Path) -> None:
    """Announce and abandon the serial of a certificate in use, so that the CRL would list it."""
    with opened(root, exclusive=False) as folder:
        serial = serial_text(folder.history.answers[0].serial)
    intent = json.loads(lines(root)[1])["says"] | {"serial": serial, "crl_number": 2}
    abandoned = {
        "event": "abandoned",
        "intent": 4,
        "serial": serial,
        "rule": "",
        "why": "power cut",
    }
    at = "2026-11-23T12:01:00Z"
    rewrite(root, [*lines(root), line(at, intent, INVENTED), line(at, abandoned)])


FORGED: list[tuple[Callable[[Path], None], int]] = [
    (only_created, 1),
    (accepted_by_nobody, 4),
    (living_serial_abandoned, 4),
]


@pytest.mark.parametrize(("forge", "number"), FORGED, ids=[forge.__name__ for forge, _ in FORGED])
def test_line_that_nobody_with_the_key_wrote_is_refused_by_the_key(
    root: Path, forge: Callable[[Path], None], number: int
) -> None:
    """Signing, a CRL and the next policy are refused, the line is named, nothing is recorded."""
    forge(root)
    before = (root / FILE).read_bytes()
    acts: list[Callable[[], object]] = [
        lambda: sign(root, request_for(root, "prod"), LATER),
        lambda: fresh_crl(root, LATER),
        lambda: accept(root),
    ]
    for act in acts:
        with pytest.raises(VerificationError) as refused:
            act()
        assert (refused.value.rule, refused.value.where) == ("CER-320", f"{FILE}:{number}")
    assert before == (root / FILE).read_bytes()


def test_new_record_of_one_line_deceives_the_audit_alone(root: Path) -> None:
    """Without the key the forged record looks whole: the code is what tells."""
    only_created(root)

    with opened(root, exclusive=False) as folder:
        assert audit(root / FILE, folder.certificate).lines == 1
        folder.require_accepted_policy()


def accept(root: Path) -> None:
    """Fix the next policy, as the command does."""
    with opened(root, exclusive=True) as folder:
        changed = folder.policy.model_copy(update={"version": 9})
        says = PolicyAccepted(version=9, policy=changed.digest(), policy_text=changed.text())
        folder.record(says, LATER, signing(folder).key)


def test_policy_that_a_holder_accepted_is_obeyed(root: Path) -> None:
    """The same steps by a holder of the passphrase: the next signature stands under the policy."""
    accept(root)
    path = root / "policy.toml"
    path.write_text(path.read_text().replace("version = 1", "version = 9"))

    assert sign(root, request_for(root, "prod"), LATER).response.number == 2


@pytest.mark.parametrize("taken", [slice(1, 3), slice(3, 5)])
def test_lines_cannot_be_taken_out_before_a_use_of_the_key(root: Path, taken: slice) -> None:
    """Each code covers number and digest of the line before, and so everything above it."""
    fresh_crl(root, LATER)
    fresh_crl(root, LATER)
    kept = lines(root)
    del kept[taken]
    rewrite(root, kept)

    with opened(root, exclusive=True) as folder, pytest.raises(VerificationError) as refused:
        folder.record(folder.transcript.entries[0].says, LATER, signing(folder).key)
    assert refused.value.rule == "CER-320"
    assert refused.value.where == f"{FILE}:{taken.start + 1}"


def test_secret_is_derived_and_serves_nothing_else() -> None:
    """HMAC under HKDF (RFC 5869 §2) of the key's scalar; another key makes another code."""
    key = generate_key("ec-p384")
    scalar = key.private_numbers().private_value.to_bytes(48, "big")
    extracted = hmac.new(b"\0" * 32, scalar, hashlib.sha256).digest()
    info = b"trustwright-root transcript line 1"
    secret = hmac.new(extracted, info + b"\1", hashlib.sha256).digest()

    assert mac_under(key)(b"a line") == hmac.new(secret, b"a line", "sha256").hexdigest()
    assert mac_under(key)(b"a line") != mac_under(generate_key("ec-p384"))(b"a line")
