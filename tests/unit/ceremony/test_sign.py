"""Signing: what is kept, recorded, and refused in the middle."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.ceremony.folder import (
    fresh_crl,
    new_root,
    request_for,
    revocation_of,
    sign,
    signing,
)
from tests.unit.ceremony.material import NOW
from trustwright.ceremony import draft as drafts
from trustwright.ceremony import ledger
from trustwright.ceremony.audit import audit
from trustwright.ceremony.entries import Abandoned, Intent, Signed
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.recovery import recover
from trustwright.ceremony.response import response_name
from trustwright.ceremony.rootfolder import opened
from trustwright.ceremony.sign import sign_crl, sign_request
from trustwright.ceremony.transcript import FILE
from trustwright.errors import (
    CeremonyViolation,
    ConfigurationError,
    ConflictError,
    TrustwrightError,
    VerificationError,
)
from trustwright.ids import new_serial, serial_number
from trustwright.x509 import build, parse
from trustwright.x509.crl import Revoked, crl_number, is_revoked
from trustwright.x509.keys import generate_key

if TYPE_CHECKING:
    from trustwright.ceremony.rootkey import RootKey

pytestmark = pytest.mark.unit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a new root."""
    return new_root(tmp_path / "root")


def test_answer_is_kept_recorded_and_audited(root: Path) -> None:
    """A signed request leaves request, response, intent and signed lines that the audit accepts."""
    answer = sign(root, request_for(root))

    with opened(root, exclusive=False) as folder:
        found = audit(folder.transcript.path, folder.certificate)
        said = [entry.says.event for entry in folder.transcript.entries]
        kept = folder.history.answers
    assert said == ["created", "intent", "signed"]
    assert (answer,) == kept
    assert (found.lines, found.responses, found.crls) == (3, 1, 0)
    assert f"0001-test-g1-{answer.request.digest()[:12]}.response.json" == answer.file


def test_transcript_announces_the_octets(root: Path) -> None:
    """The intent names serial, request and the digests of both to-be-signed parts."""
    answer = sign(root, request_for(root))
    made = parse.certificate(answer.response.certificate or "")

    with opened(root, exclusive=False) as folder:
        ((entry, intent),) = folder.transcript.saying(Intent)
        line = folder.transcript.digest_of(entry.number)
    assert line == answer.response.transcript
    assert answer.request.digest() == intent.request
    assert made.serial_number == serial_number(intent.serial or "")


def test_second_signature_is_refused(root: Path) -> None:
    """One request, one response."""
    request = request_for(root)
    sign(root, request)

    with pytest.raises(CeremonyViolation) as refused:
        sign(root, request, NOW + timedelta(minutes=1))
    assert refused.value.rule == "CER-108"


def test_revocation_lists_every_certificate_over_the_key(root: Path) -> None:
    """A key that was certified twice is revoked with both of its certificates."""
    first_request = request_for(root)
    first = sign(root, first_request)
    again = request_for(root, csr=first_request.csr, reason="the response was lost")
    second = sign(root, again, NOW + timedelta(minutes=1))

    revoked = sign(root, revocation_of(root, second), NOW + timedelta(minutes=2))

    crl = parse.crl(revoked.response.root_crl)
    assert first.spki == second.spki
    assert is_revoked(crl, first.serial)
    assert is_revoked(crl, second.serial)


def test_later_crls_keep_what_was_revoked(root: Path) -> None:
    """Revoked stays revoked, and the CRL number rises with every CRL."""
    first = sign(root, request_for(root))
    sign(root, revocation_of(root, first), NOW + timedelta(minutes=1))
    prod = sign(root, request_for(root, "prod"), NOW + timedelta(minutes=2))
    last = parse.crl(fresh_crl(root, NOW + timedelta(minutes=3)).read_bytes())

    assert is_revoked(parse.crl(prod.response.root_crl), first.serial)
    assert is_revoked(last, first.serial)
    assert crl_number(last) == 4


def test_other_octets_are_caught(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signer that signs something else than the draft is caught; the serial is abandoned."""
    real = build.sign_certificate

    def longer(profile: object, **given: object) -> object:
        if given["issuer_key"] is used[0]:
            given["signed_at"] = NOW + timedelta(days=1)
        return real(profile, **given)  # type: ignore[arg-type]

    used: list[object] = []
    monkeypatch.setattr(drafts, "sign_certificate", longer)
    with opened(root, exclusive=True) as folder:
        means = signing(folder)
        used.append(means.key.private)
        with pytest.raises(VerificationError) as refused:
            sign_request(means, request_for(root))
        abandoned = [says for _, says in folder.transcript.saying(Abandoned)]
        listed = folder.history.revoked

    assert refused.value.rule == "SIGN-OCTETS"
    assert [serial_number(abandoned[0].serial or "")] == [entry.serial for entry in listed]


def test_key_of_another_root_is_caught_by_the_second_path(root: Path) -> None:
    """A key that does not belong to the root signs nothing that leaves."""

    class Impostor:
        private = generate_key("ec-p384")

        def __init__(self, true: RootKey) -> None:
            self.certificate, self.mac = true.certificate, true.mac

    with opened(root, exclusive=True) as folder:
        means = replace(signing(folder), key=Impostor(signing(folder).key))
        with pytest.raises(TrustwrightError) as refused:
            sign_request(means, request_for(root))
        answers = folder.history.answers
        said = [entry.says.event for entry in folder.transcript.entries]

    assert refused.value.rule == "CRL-SIGNATURE"
    assert answers == ()
    assert said == ["created", "intent", "abandoned"]
    assert isinstance(Impostor.private, ec.EllipticCurvePrivateKey)


def test_openssl_that_disagrees_stops_everything(root: Path, tmp_path: Path) -> None:
    """Where the openssl program refuses, nothing is handed out."""
    stub = tmp_path / "openssl"
    stub.write_text("#!/bin/sh\necho 'verify failure' >&2\nexit 1\n")
    stub.chmod(0o755)
    with opened(root, exclusive=True) as folder:
        means = replace(signing(folder), openssl=OpenSsl(str(stub)))
        with pytest.raises(VerificationError) as refused:
            sign_request(means, request_for(root))
        answers = folder.history.answers

    assert refused.value.rule == "OPENSSL-ROOT"
    assert answers == ()


def test_missing_openssl_is_an_absolute_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program on PATH there is no second path."""
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(ConfigurationError) as refused:
        OpenSsl.found()
    assert refused.value.rule == "OPENSSL-MISSING"


def test_clock_that_was_set_back_signs_no_crl(root: Path) -> None:
    """The clock rule holds without a request as well."""
    fresh_crl(root)

    with pytest.raises(CeremonyViolation) as refused:
        fresh_crl(root, NOW - timedelta(hours=2))
    assert refused.value.rule == "CER-102"


def test_clock_that_was_set_right_again_signs(root: Path) -> None:
    """A few minutes back are a clock that somebody compared with another one."""
    fresh_crl(root)

    fresh_crl(root, NOW - timedelta(minutes=9))
    with opened(root, exclusive=False) as folder:
        assert audit(folder.transcript.path, folder.certificate).crls == 2


def nothing_is_recorded(root: Path, now: datetime, rule: str) -> None:
    """Check that no command records anything at this time."""
    before = (root / FILE).read_bytes()
    with opened(root, exclusive=True) as folder:
        for act in (
            lambda: recover(folder, now),
            lambda: sign_crl(signing(folder, now)),
            lambda: folder.record(Abandoned(intent=1, why="a line"), now),
        ):
            with pytest.raises(CeremonyViolation) as refused:
                act()
            assert rule == refused.value.rule
    assert (root / FILE).read_bytes() == before


@pytest.mark.parametrize("year", [2001, 2020, 2099])
def test_time_at_which_the_root_is_not_valid_is_never_recorded(root: Path, year: int) -> None:
    """One line from 2099 would refuse every later one for ever."""
    nothing_is_recorded(root, NOW.replace(year=year), "CER-103" if year > 2026 else "CER-102")
    assert sign(root, request_for(root)).response.number == 1


def test_clock_that_jumped_needs_a_person(root: Path) -> None:
    """More than 400 days after the last line a person says the date, and the very date."""
    later = NOW + timedelta(days=401)
    nothing_is_recorded(root, later, "CER-317")
    with opened(root, exclusive=True, said=NOW.date()) as folder:
        with pytest.raises(CeremonyViolation) as refused:
            sign_crl(signing(folder, later))
        assert "--confirm-time 2027-12-29" in refused.value.hint

    with opened(root, exclusive=True, said=later.date()) as folder:
        recover(folder, later)
        sign_crl(signing(folder, later))
        asked = request_for(root, now=later)
        assert sign_request(signing(folder, later), asked).response.number == 1


def test_person_cannot_say_a_time_at_which_the_root_is_not_valid(root: Path) -> None:
    """No word of a person brings an ended root back."""
    ended = NOW.replace(year=2099)
    with opened(root, exclusive=True, said=ended.date()) as folder:
        with pytest.raises(CeremonyViolation) as refused:
            sign_crl(signing(folder, ended))
        assert refused.value.rule == "CER-103"


def test_response_that_cannot_be_said_uses_no_key(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CRL that outgrew the response is found out before anything is announced."""
    unused = cast("RootKey", object())
    listed = tuple(Revoked(new_serial(), NOW - timedelta(hours=2)) for _ in range(2000))
    monkeypatch.setattr(ledger, "_revoked", lambda *_: listed)

    with opened(root, exclusive=True) as folder:
        with pytest.raises(CeremonyViolation) as refused:
            sign_request(replace(signing(folder), key=unused), request_for(root))
        said = [entry.says.event for entry in folder.transcript.entries]
    assert (refused.value.rule, said) == ("CER-SHAPE", ["created"])


def test_name_that_is_taken_uses_no_key(root: Path) -> None:
    """A foreign file where the response would be kept is found before anything is announced."""
    request = request_for(root)
    (root / "responses" / response_name(request, 1)).write_text("foreign")

    with opened(root, exclusive=True) as folder:
        with pytest.raises(ConflictError) as refused:
            sign_request(replace(signing(folder), key=cast("RootKey", object())), request)
        said = [entry.says.event for entry in folder.transcript.entries]
    assert (refused.value.rule, said) == ("FILE-EXISTS", ["created"])


def test_crl_that_would_be_stale_is_not_drafted(root: Path) -> None:
    """A CRL that ends before it is signed is refused before the key is used."""
    with opened(root, exclusive=False) as folder:
        short = folder.policy.model_copy(update={"crl_validity": 3600})
        with pytest.raises(CeremonyViolation) as refused:
            drafts.draft_crl(folder.history, short, folder.certificate, NOW, None)
    assert refused.value.rule == "CER-234"


def test_revocation_date_never_changes(root: Path) -> None:
    """Every CRL lists an entry with the same date, also when the clock ran back a little."""
    first = sign(root, request_for(root))
    revoked = sign(root, revocation_of(root, first), NOW + timedelta(minutes=1))
    lists = [
        parse.crl(revoked.response.root_crl),
        parse.crl(fresh_crl(root, NOW - timedelta(minutes=5)).read_bytes()),
        parse.crl(fresh_crl(root, NOW + timedelta(days=9)).read_bytes()),
    ]

    dates = {entry.revocation_date_utc for each in lists for entry in each}
    assert dates == {NOW + timedelta(minutes=1) - timedelta(hours=1)}


@pytest.mark.parametrize("minutes", [0, 1, -9])
def test_nothing_is_revoked_before_it_began_or_after_its_crl(root: Path, minutes: int) -> None:
    """Also at once and with a clock that ran back: notBefore, then revocation, then thisUpdate."""
    answer = sign(root, request_for(root))
    made = parse.certificate(answer.response.certificate or "")
    again = NOW + timedelta(minutes=minutes)
    lists = [parse.crl(answer.response.root_crl)]
    lists += [parse.crl(sign(root, revocation_of(root, answer), again).response.root_crl)]
    lists += [parse.crl(fresh_crl(root, NOW - timedelta(minutes=9)).read_bytes())]

    ((entry,), (same,)) = lists[1:]
    assert entry.revocation_date_utc == same.revocation_date_utc
    assert made.not_valid_before_utc <= entry.revocation_date_utc
    updates = [each.last_update_utc for each in lists]
    assert updates == sorted(updates)
    assert all(entry.revocation_date_utc <= each for each in updates[1:])
    with opened(root, exclusive=False) as folder:
        assert audit(folder.transcript.path, folder.certificate).lines == 7


def test_revoked_key_is_never_certified_again(root: Path) -> None:
    """After key_compromise the same key asks once more, as if its response had been lost."""
    request = request_for(root)
    first = sign(root, request)
    gone = sign(root, revocation_of(root, first), NOW + timedelta(minutes=1))
    again = request_for(root, csr=request.csr, previous=gone.binding, reason="lost")

    with pytest.raises(CeremonyViolation) as refused:
        sign(root, again, NOW + timedelta(minutes=2))
    assert refused.value.rule == "CER-129"


def test_conflict_inside_is_not_taken_for_the_lock(root: Path) -> None:
    """An operation that would block while the folder is held is not another program."""
    with pytest.raises(BlockingIOError), opened(root, exclusive=True):
        raise BlockingIOError


def test_changed_policy_is_not_in_force(root: Path) -> None:
    """A policy that nobody accepted signs nothing."""
    path = root / "policy.toml"
    path.write_text(path.read_text().replace('"1830d"', '"3660d"'))

    with pytest.raises(CeremonyViolation) as refused:
        sign(root, request_for(root))
    assert refused.value.rule == "CER-312"


def test_two_programs_cannot_work_in_one_folder(root: Path) -> None:
    """The lock is exclusive against writers and readers; readers share it."""
    with opened(root, exclusive=True):
        for exclusive in (True, False):
            with pytest.raises(ConflictError) as refused, opened(root, exclusive=exclusive):
                pass
            assert refused.value.rule == "ROOT-LOCKED"
    with opened(root, exclusive=False), opened(root, exclusive=False):
        pass


@pytest.mark.parametrize(("name", "mode"), [(".", 0o755), ("root.key", 0o640)])
def test_folder_and_key_are_their_owners_alone(root: Path, name: str, mode: int) -> None:
    """Group and others reach neither folder nor key."""
    (root / name).chmod(mode)

    with pytest.raises(ConfigurationError) as refused:
        sign(root, request_for(root))
    assert refused.value.rule == "ROOT-MODE"


def test_witnesses_stand_in_the_transcript(root: Path) -> None:
    """Who was there is part of the intent."""
    with opened(root, exclusive=True) as folder:
        sign_request(signing(folder, NOW, "Ada", "Grace"), request_for(root))
        ((_, intent),) = folder.transcript.saying(Intent)
        ((_, done),) = folder.transcript.saying(Signed)

    assert intent.witnesses == ("Ada", "Grace")
    assert not done.recovered
