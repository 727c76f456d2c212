"""The audit names the rule and the line that was tampered with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.ceremony.folder import (
    fresh_crl,
    new_root,
    request_for,
    revocation_of,
    sign,
    signing,
)
from tests.unit.ceremony.material import DAY, NOW
from trustwright import canonical
from trustwright.ceremony import ledger
from trustwright.ceremony import sign as signer
from trustwright.ceremony.audit import audit
from trustwright.ceremony.entries import Abandoned, PolicyAccepted
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.rootfolder import opened
from trustwright.ceremony.transcript import FILE, HEAD
from trustwright.errors import VerificationError
from trustwright.ids import sha256_hex
from trustwright.x509 import parse

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with three responses and a CRL: nine lines."""
    root = new_root(tmp_path_factory.mktemp("finished") / "root")
    first = sign(root, request_for(root))
    sign(root, request_for(root, "prod"), NOW + timedelta(minutes=1))
    fresh_crl(root, NOW + timedelta(minutes=2))
    sign(root, revocation_of(root, first), NOW + timedelta(minutes=3))
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    """Return a copy to tamper with."""
    return Path(shutil.copytree(finished, tmp_path / "root"))


def judge(root: Path, *, head: str | None = None) -> int:
    """Return the number of audited lines."""
    certificate = parse.certificate((root / "root.pem").read_bytes())
    return audit(root / FILE, certificate, head=head).lines


def lines(root: Path) -> list[bytes]:
    """Return the transcript's lines."""
    return (root / FILE).read_bytes().splitlines()


def rewrite(root: Path, changed: list[bytes]) -> None:
    """Write lines chained anew, with a head: what an editor of the whole record would do."""
    previous: str | None = None
    fresh = []
    for number, line in enumerate(changed, start=1):
        entry = json.loads(line) | {"number": number, "previous": previous}
        fresh.append(canonical.encode(entry))
        previous = sha256_hex(fresh[-1])
    (root / FILE).write_bytes(b"".join(line + b"\n" for line in fresh))
    (root / HEAD).write_bytes(canonical.encode({"number": len(fresh), "line": previous}) + b"\n")


def edited(root: Path, number: int, /, **changes: object) -> None:
    """Change members of what a line says and chain everything anew."""
    all_lines = lines(root)
    entry = json.loads(all_lines[number - 1])
    entry["says"] |= changes
    all_lines[number - 1] = canonical.encode(entry)
    rewrite(root, all_lines)


def uncoded(root: Path, number: int) -> None:
    """Take the authentication code of a line away and chain everything anew."""
    all_lines = lines(root)
    all_lines[number - 1] = canonical.encode(json.loads(all_lines[number - 1]) | {"mac": None})
    rewrite(root, all_lines)


def _cut(root: Path) -> None:
    (root / FILE).write_bytes(b"".join(line + b"\n" for line in lines(root)[:-2]))


def _cut_with_head(root: Path) -> None:
    rewrite(root, lines(root)[:-2])


def _edit(root: Path) -> None:
    data = (root / FILE).read_bytes()
    (root / FILE).write_bytes(data.replace(b'"environment":"prod"', b'"environment":"test"', 1))


def _remove_line(root: Path) -> None:
    kept = lines(root)
    (root / FILE).write_bytes(b"".join(line + b"\n" for line in (*kept[:3], *kept[4:])))


def _add_line(root: Path) -> None:
    entry = json.loads(lines(root)[-1]) | {"number": 10, "previous": sha256_hex(lines(root)[-1])}
    more = json.loads(lines(root)[-1]) | {
        "number": 11,
        "previous": sha256_hex(canonical.encode(entry)),
    }
    with (root / FILE).open("ab") as file:
        file.write(canonical.encode(entry) + b"\n" + canonical.encode(more) + b"\n")


def _remove_response(root: Path) -> None:
    next((root / "responses").glob("0002*")).unlink()


def _change_response(root: Path) -> None:
    path = next((root / "responses").glob("0002*"))
    path.write_bytes(path.read_bytes().replace(b'"number":2', b'"number":3'))


def _respell_response(root: Path) -> None:
    path = next((root / "responses").glob("0002*"))
    path.write_bytes(path.read_bytes() + b" ")


def _remove_request(root: Path) -> None:
    min((root / "requests").iterdir()).unlink()


def _change_crl(root: Path) -> None:
    next((root / "crls").iterdir()).write_text("no CRL")


def _add_response(root: Path) -> None:
    source = next((root / "responses").glob("0002*"))
    shutil.copy(source, root / "responses" / "0009-prod-g1-0.response.json")


TAMPERED: list[tuple[str, Callable[[Path], None], str, str]] = [
    ("tail cut", _cut, "CER-304", f"{FILE}:9"),
    ("tail cut and head moved", _cut_with_head, "CER-309", f"{FILE}:8"),
    ("line edited", _edit, "CER-303", f"{FILE}:5"),
    ("line removed", _remove_line, "CER-302", f"{FILE}:4"),
    ("lines added", _add_line, "CER-304", f"{FILE}:11"),
    ("response removed", _remove_response, "CER-306", f"{FILE}:5"),
    ("response changed", _change_response, "CER-306", f"{FILE}:5"),
    ("response spelled otherwise", _respell_response, "CER-306", f"{FILE}:5"),
    ("CRL changed", _change_crl, "CER-306", f"{FILE}:7"),
    ("response added", _add_response, "CER-309", f"{FILE}:10"),
    (
        "serial edited, all chained anew",
        lambda root: edited(root, 4, serial="01"),
        "CER-307",
        f"{FILE}:5",
    ),
    (
        "number edited, all chained anew",
        lambda root: edited(root, 5, number=7),
        "CER-307",
        f"{FILE}:5",
    ),
    (
        "CRL number lowered, all chained anew",
        lambda root: edited(root, 6, crl_number=2),
        "CER-308",
        f"{FILE}:6",
    ),
    (
        "reference edited, all chained anew",
        lambda root: edited(root, 7, intent=1),
        "CER-310",
        f"{FILE}:7",
    ),
    (
        "CRL swapped, all chained anew",
        lambda root: edited(root, 6, crl_tbs="0" * 64),
        "CER-307",
        f"{FILE}:7",
    ),
    (
        "policy edited, all chained anew",
        lambda root: edited(root, 1, policy_text="{}"),
        "CER-306",
        f"{FILE}:1",
    ),
    (
        "root edited, all chained anew",
        lambda root: edited(root, 1, root="sha256:" + "0" * 64),
        "CER-311",
        f"{FILE}:1",
    ),
    (
        "environment of an intent edited, all chained anew",
        lambda root: edited(root, 4, environment="test"),
        "CER-319",
        f"{FILE}:5",
    ),
    (
        "revocation of an intent edited, all chained anew",
        lambda root: edited(root, 8, revokes=[]),
        "CER-319",
        f"{FILE}:9",
    ),
    (
        "policy of an intent edited, all chained anew",
        lambda root: edited(root, 2, policy="0" * 64),
        "CER-319",
        f"{FILE}:2",
    ),
    (
        "code of a line that needs the key removed, all chained anew",
        lambda root: uncoded(root, 4),
        "CER-320",
        f"{FILE}:4",
    ),
    ("head missing", lambda root: (root / HEAD).unlink(), "CER-304", f"{FILE}:9"),
    ("head garbage", lambda root: _write(root / HEAD, b"{}"), "CER-304", ""),
    ("transcript empty", lambda root: _write(root / FILE, b""), "CER-304", f"{FILE}:1"),
    ("transcript missing", lambda root: (root / FILE).unlink(), "CER-301", ""),
]


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def test_untouched_transcript_is_accepted(root: Path) -> None:
    """Nine lines, all of them good."""
    assert judge(root) == 9


@pytest.mark.parametrize(
    ("tamper", "rule", "where"), [case[1:] for case in TAMPERED], ids=[case[0] for case in TAMPERED]
)
def test_tampering_is_named(
    root: Path, tamper: Callable[[Path], None], rule: str, where: str
) -> None:
    """The refusal names the rule and, where there is one, the line."""
    tamper(root)

    with pytest.raises(VerificationError) as refused:
        judge(root)

    assert rule == refused.value.rule
    assert refused.value.where.endswith(where)


def test_removed_request_is_named(root: Path) -> None:
    """A request that was answered is kept for good."""
    _remove_request(root)

    with pytest.raises(VerificationError) as refused:
        judge(root)

    assert refused.value.rule == "CER-306"


def test_noted_head_finds_a_shortened_record(root: Path) -> None:
    """A witness's note of the head finds a tail that was cut with head and files."""
    noted = sha256_hex(lines(root)[-1])
    assert judge(root, head=noted) == 9
    newest = max((root / "responses").iterdir())
    newest.unlink()
    _cut_with_head(root)
    assert judge(root) == 7

    with pytest.raises(VerificationError) as refused:
        judge(root, head=noted)
    assert refused.value.rule == "CER-304"


def test_all_rules_of_the_transcript_are_met() -> None:
    """Every rule from CER-301 to CER-311 is broken by something in this file or in recovery's."""
    met = {rule for _, _, rule, _ in TAMPERED}

    assert {f"CER-{number}" for number in range(301, 312)} - met == {"CER-305"}


def refusal(root: Path) -> tuple[str, str]:
    """Return rule and place of the refusal."""
    with pytest.raises(VerificationError) as refused:
        judge(root)
    return refused.value.rule, refused.value.where


def test_crl_that_forgives_is_found(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A true CRL of this root that no longer lists what was revoked."""
    monkeypatch.setattr(ledger, "_revoked", lambda *_: ())
    fresh_crl(root, NOW + timedelta(minutes=4))

    assert refusal(root) == ("CER-239", f"{FILE}:11")


def test_abandoned_serial_stands_on_every_later_crl(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came to nothing is listed; a true CRL without it is found."""
    with monkeypatch.context() as patch:
        patch.setattr(OpenSsl, "verify_certificate", _disagrees(root))
        with pytest.raises(VerificationError):
            sign(root, request_for(root, "prod", 2, previous=_prod(root)), NOW + DAY)
    fresh_crl(root, NOW + DAY)
    assert judge(root) == 13

    real = ledger._revoked
    monkeypatch.setattr(ledger, "_revoked", lambda *given: list(real(*given))[1:])
    fresh_crl(root, NOW + DAY)
    assert refusal(root) == ("CER-239", f"{FILE}:15")


def _disagrees(root: Path) -> Callable[..., None]:
    own = parse.certificate((root / "root.pem").read_bytes())

    def verify(_self: OpenSsl, _made: object, issuer: object, *_: object, **__: object) -> None:
        if issuer == own:  # and not the stand-in of the rehearsal
            raise VerificationError("no", rule="OPENSSL-CERTIFICATE")

    return verify


def _prod(root: Path) -> str:
    with opened(root, exclusive=False) as folder:
        last = folder.history.last("prod")
    assert last is not None
    return last.binding


def test_other_serial_abandoned_is_found(root: Path) -> None:
    """An abandoned line that spares the announced serial."""
    spared = Abandoned(intent=8, serial="01", why="a line")
    with opened(root, exclusive=True) as folder:
        folder.record(spared, NOW + DAY)

    assert refusal(root) == ("CER-310", f"{FILE}:10")


def test_intent_is_closed_once(root: Path) -> None:
    """A line without a code that abandons what was signed would put a living serial on the CRL."""
    says = json.loads(lines(root)[3])["says"]
    more = {"event": "abandoned", "intent": 4, "serial": says["serial"], "rule": "", "why": "cut"}
    line = {"at": "2026-11-23T12:30:00Z", "says": more, "mac": None}
    rewrite(root, [*lines(root), canonical.encode(line)])

    assert refusal(root) == ("CER-310", f"{FILE}:10")


def test_request_that_broke_a_rule_then_is_found(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signer without rules signs another key under a generation that was signed."""
    monkeypatch.setattr(signer, "check_request", lambda *_, **__: None)
    sign(root, request_for(root, "prod", previous=_prod(root)), NOW + DAY)

    with pytest.raises(VerificationError) as refused:
        judge(root)
    assert (refused.value.rule, refused.value.where) == ("CER-319", f"{FILE}:11")
    assert "CER-122" in refused.value.what


@pytest.mark.parametrize(("version", "said"), [(1, 1), (2, 3)])
def test_version_of_the_policy_that_does_not_rise_is_found(
    root: Path, version: int, said: int
) -> None:
    """A policy fixed again under its old version, or under another one than its own."""
    with opened(root, exclusive=True) as folder:
        changed = folder.policy.model_copy(update={"version": version})
        says = PolicyAccepted(version=said, policy=changed.digest(), policy_text=changed.text())
        folder.record(says, NOW + DAY, signing(folder).key)

    assert refusal(root) == ("CER-318", f"{FILE}:10")


def test_time_that_runs_backwards_is_found(root: Path) -> None:
    """A line dated before the line before it."""
    all_lines = lines(root)
    entry = json.loads(all_lines[-1]) | {"at": "2020-01-01T00:00:00Z"}
    rewrite(root, [*all_lines[:-1], canonical.encode(entry)])

    with pytest.raises(VerificationError) as refused:
        judge(root)
    assert (refused.value.rule, refused.value.where) == ("CER-305", f"{FILE}:9")
