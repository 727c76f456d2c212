"""The review page says what is asked, what changes and whether it may be signed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509

from tests.unit.ceremony import forge, material
from tests.unit.ceremony.folder import new_root, request_for, revocation_of, sign
from tests.unit.ceremony.material import DAY, NOW, profile
from trustwright.ceremony.extensions import explain
from trustwright.ceremony.request import seal_crl_request
from trustwright.ceremony.review import facts, refuse_unsignable, review, word_lines
from trustwright.ceremony.reviewpage import page
from trustwright.ceremony.rootfolder import opened
from trustwright.ceremony.shown import quoted
from trustwright.errors import CeremonyViolation, LintViolation
from trustwright.ids import serial_text
from trustwright.model.ceremony import Request
from trustwright.x509 import parse

pytestmark = pytest.mark.unit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a new root."""
    return new_root(tmp_path / "root")


def shown(root: Path, request: Request, *, days: int = 0) -> str:
    """Return the page."""
    with opened(root, exclusive=False) as folder:
        return page(review(folder, request, NOW + days * DAY))


def joined(text: str) -> str:
    """Return a page with what is wrapped in one line again."""
    return re.sub(r"\n +\| ", " ", text)


def test_page_explains_a_first_intermediate(root: Path) -> None:
    """Every extension in words, every rule, the digest in words, the verdict."""
    request = request_for(root)
    text = shown(root, request)
    whole = joined(text)

    for said in (
        "Make an issuing authority for test, generation 1.",
        "CN=Example test Issuing CA G1,OU=test,O=Example",
        "an authority for end entities; no authority may stand below it (path length 0)",
        "its key may sign certificates and sign CRLs, nothing else",
        "DNS names only in test.example.internal and below; no IP address; NOT limited: URI,",
        "accept what it issues for TLS servers and TLS clients only",
        "issued under the policy 1.3.6.1.4.1.99999.1",
        "UTC (730 days",
        "The first intermediate of test: nothing to compare with.",
        "SIGNABLE. Compare the words",
        request.digest()[:32],
    ):
        assert said in whole, said
    assert "CER-101   ok" in text
    assert text.splitlines()[1] == "  this machine's time: 2026-11-23T12:00:00Z"
    assert "root CRL         number 1 is signed with it, 0 entries" in text
    assert "from 2026-11-23T11:00:00Z to 2027-05-22T11:00:00Z" in text
    assert "revoked before   nothing" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_masked_page_hides_what_is_typed(root: Path) -> None:
    """Before signing, the words to type and their hex digits can only come from elsewhere."""
    request = request_for(root)
    digest, lines = request.digest(), word_lines(request.digest())
    with opened(root, exclusive=False) as folder:
        found = review(folder, request, NOW)
    open_page, masked = page(found), page(found, masked=True)

    assert [line for line in lines if line not in open_page] == []
    assert [line for line in lines if line not in masked] == lines[:2]
    assert (digest[:32] in open_page, digest[:32] in masked) == (True, False)
    assert digest[32:] in masked
    assert masked.count("········") == 1 + 4 + 8
    assert masked.startswith("REQUEST test-g1-········\n")
    hidden = [digest[place : place + 4] for place in range(0, 16, 2)]
    assert [each for each in hidden if each in masked.replace(digest[32:], "")] == []


def test_page_compares_with_the_last_one(root: Path) -> None:
    """What differs from the last intermediate of the environment, and nothing more."""
    first = sign(root, request_for(root))
    wanted = material.changed_profile(profile(generation=2), {"validity": 365 * 86_400})
    request = request_for(root, generation=2, previous=first.binding, profile=wanted)
    with opened(root, exclusive=False) as folder:
        found = review(folder, request, NOW + timedelta(hours=1))

    assert [change.member for change in found.changes] == ["subject", "validity", "key"]
    assert "validity         | 730 days\n           becomes | 365 days\n" in page(found)
    assert "WHAT CHANGES against response 1" in page(found)


def test_page_names_what_was_left_out(root: Path) -> None:
    """A generation that this root never signed, in words, also where nothing was signed yet."""
    said = "Generation {} is left out: this root never signed it, and never will."
    first = request_for(root, generation=3)
    text = shown(root, first)
    assert [said.format(number) in text for number in (1, 2, 3)] == [True, True, False]
    assert "SIGNABLE" in text.splitlines()[-1]
    signed = sign(root, first)
    with opened(root, exclusive=False) as folder:
        found = review(
            folder,
            request_for(root, generation=5, previous=signed.binding),
            NOW + timedelta(hours=1),
        )
    assert facts(found)["remarks"] == [said.format(4)]


def test_page_says_that_an_answer_was_not_seen(root: Path) -> None:
    """The other side gave up what this root signed: a person asks about it."""
    sign(root, request_for(root))
    with opened(root, exclusive=False) as folder:
        found = review(folder, request_for(root, generation=2), NOW + timedelta(hours=1))
    assert found.signable
    assert facts(found)["remarks"] == [
        "The other side does not know response 1: ask whether it is to be revoked."
    ]
    assert "does not know response 1" in page(found)


def test_page_names_every_broken_rule(root: Path) -> None:
    """An expired request for another root: both rules, and not signable."""
    request = request_for(root, root_fingerprint="sha256:" + "0" * 64)
    text = shown(root, request, days=30)

    assert "CER-101   NO" in text
    assert "CER-105   NO" in text
    assert "NOT SIGNABLE: CER-101, CER-105" in text


def test_page_obeys_nothing(root: Path) -> None:
    """Control characters in a request are shown, not obeyed."""
    text = shown(root, request_for(root, reason="harmless\x1b[2J\u202e", requested_by="\x07"))

    assert "\x1b" not in text
    assert "| harmless<U+001B>[2J<U+202E>\n" in text
    assert "claims to be by  | <U+0007>\n" in text
    assert "NOT SIGNABLE: CER-107" in text


def test_texts_of_others_draw_no_lines(root: Path) -> None:
    """A reason padded to the width of a terminal stays behind its mark, below the digest."""
    false = "SIGNABLE. Compare the words with those that the other side shows, then sign."
    reason = ("ok".ljust(61) + "CER-101   ok it asks this root".ljust(80) + false).ljust(290)
    assert reason.isprintable()
    request = request_for(root, reason=reason, requested_by="\u0440\u0430ulx", now=NOW)
    lines = shown(root, request).splitlines()
    begin = next(number for number, line in enumerate(lines) if "  reason  " in line)
    end = next(number for number, line in enumerate(lines) if "claims to be by" in line)

    assert [line[:21] for line in lines[begin:end]] == ["  reason           | "] + [
        " " * 19 + "| "
    ] * (end - begin - 1)
    assert " ".join(line[21:] for line in lines[begin:end]) == " ".join(reason.split())
    assert max(len(line) for line in lines[begin:end]) < 80
    assert lines[end][19:] == "| <U+0440><U+0430>ulx"
    assert begin > next(number for number, line in enumerate(lines) if "in words" in line)
    assert [line for line in lines if line.startswith("SIGNABLE")] == [false]


@pytest.mark.parametrize("text", ["", "   ", "x" * 300, "a\n b", "\u00a0" * 100])
def test_quoted_lines_fit(text: str) -> None:
    """At most 60 columns, each behind the mark, in ASCII, whatever the text."""
    for line in quoted(text):
        assert line.startswith("|")
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= 60
    assert quoted("") == ["|"]
    assert quoted("abc…") == ["| abc..."]
    assert quoted("a  \n b") == ["| a <U+000A> b"]


def test_page_explains_a_revocation(root: Path) -> None:
    """What will be revoked and why."""
    answer = sign(root, request_for(root))
    text = shown(root, revocation_of(root, answer), days=1)

    assert "Revoke the intermediate of test, generation 1." in text
    assert "key compromise" in text
    one = "will be revoked  response 1, valid to 2028-11-22 12:00 UTC, THE ONE IN FORCE"
    assert f"{one}\n{' ' * 19}serial {serial_text(answer.serial)}\n" in text
    assert "| CN=Example test Issuing CA G1,OU=test,O=Example" in text
    assert "root CRL         number 2 is signed with it, 1 entry" in text
    assert "from 2026-11-24T11:00:00Z to 2027-05-23T11:00:00Z" in text
    assert "revoked before   nothing" in text


def test_page_explains_the_revocation_of_an_older_one(root: Path) -> None:
    """What was replaced is not called the one in force."""
    first = sign(root, request_for(root))
    again = request_for(root, generation=2, previous=first.binding)
    sign(root, again, NOW + timedelta(hours=1))
    text = shown(root, revocation_of(root, first), days=1)

    assert "will be revoked  response 1, valid to 2028-11-22 12:00 UTC\n" in text
    assert "THE ONE IN FORCE" not in text


def test_every_page_says_what_was_revoked_before(root: Path) -> None:
    """A root CRL and a new intermediate: time, reason, whose, serial; and the list's times."""
    first = sign(root, request_for(root))
    later = NOW + timedelta(hours=1)
    sign(root, revocation_of(root, first), later)
    crl = seal_crl_request(
        root_fingerprint=parse.fingerprint(parse.certificate((root / "root.pem").read_bytes())),
        previous=None,
        created=NOW,
        expires=NOW + 7 * DAY,
        reason="the last one ends soon",
        requested_by="sweep",
    )
    for request in (crl, request_for(root, "prod")):
        text = shown(root, request, days=1)
        whose = "key compromise: test generation 1, response 1"
        assert f"{whose}\n{' ' * 19}serial {serial_text(first.serial)}\n" in text
        assert "revoked before   2026-11-23T" in text
        assert "root CRL         number 3 is signed with it, 1 entry" in text
        assert "from 2026-11-24T11:00:00Z to 2027-05-23T11:00:00Z" in text
        assert text.splitlines()[1] == "  this machine's time: 2026-11-24T12:00:00Z"


def test_facts_are_json(root: Path) -> None:
    """The same for a program."""
    with opened(root, exclusive=False) as folder:
        found = json.loads(json.dumps(facts(review(folder, request_for(root), NOW))))

    assert found["signable"]
    assert len(found["words"]) == 32
    assert {"holds"} == {verdict["outcome"] for verdict in found["verdicts"]}
    assert len(found["extensions"]) == 7


def test_draft_with_lint_is_refused(root: Path) -> None:
    """Rules that hold do not help a certificate that breaks a clause."""
    with opened(root, exclusive=False) as folder:
        good = review(folder, request_for(root), NOW)
        bad = review(folder, request_for(root, csr="no CSR"), NOW)
    refuse_unsignable(good)
    with pytest.raises(CeremonyViolation) as refused:
        refuse_unsignable(bad)
    assert refused.value.rule == "CER-123"

    with pytest.raises(LintViolation) as linted:
        refuse_unsignable(replace(good, lint="RFC5280-4.2.1.9: wrong"))
    assert linted.value.rule == "CER-LINT"


def test_unknown_extension_is_called_unknown() -> None:
    """What this program cannot explain is not passed over."""
    asked = material.request()
    good = material.response(asked).certificate or ""
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.5"), b"\x05\x00")
    parts = forge.parts_of(good, material.root().key).with_more(odd, critical=True)
    last = explain(parse.certificate(parts.pem()))[-1]

    assert (last.name, last.critical) == ("1.3.6.1.4.1.99999.5", True)
    assert last.meaning == "UNKNOWN to this program: 0500"


def test_dangerous_values_are_said_plainly() -> None:
    """No path length, other uses and open names are named as what they are."""
    good = material.response(material.request()).certificate or ""
    parts = forge.parts_of(good, material.root().key)
    wild = (
        parts.with_value(x509.BasicConstraints(ca=True, path_length=None))
        .with_value(forge.usage("key_cert_sign", "key_encipherment"))
        .with_value(forge.ANY_USAGE)
        .with_value(x509.NameConstraints(None, [x509.DNSName("a.example")]))
    )
    words = {each.name: each.meaning for each in explain(parse.certificate(wild.pem()))}

    assert "any number of authorities below it" in words["basic constraints"]
    assert "key encipherment" in words["key usage"]
    assert "2.5.29.37.0" in words["extended key usage"]
    assert words["name constraints"] == (
        "EVERY DNS name, never in a.example and below; EVERY IP address; "
        "NOT limited: URI, e-mail and directory names"
    )


@pytest.mark.parametrize(
    ("permitted", "excluded", "said"),
    [
        (
            [x509.DNSName("a.example"), x509.DNSName("b.example")],
            ["0.0.0.0/0", "::/0"],
            (
                "DNS names only in a.example and below or b.example and below; no IP address; "
                "NOT limited: URI, e-mail and directory names"
            ),
        ),
        (
            [x509.DNSName("a.example"), x509.UniformResourceIdentifier("a.example")],
            ["0.0.0.0/0"],
            (
                "DNS names only in a.example and below; EVERY IP address, never in 0.0.0.0/0; "
                "URI limited, see the certificate; NOT limited: e-mail and directory names"
            ),
        ),
    ],
)
def test_name_constraints_promise_no_more_than_they_do(
    permitted: list[x509.GeneralName], excluded: list[str], said: str
) -> None:
    """A subtree limits names of its own form; the other forms are named as open."""
    good = material.response(material.request()).certificate or ""
    addresses = [x509.IPAddress(ip_network(each)) for each in excluded]
    parts = forge.parts_of(good, material.root().key).with_value(
        x509.NameConstraints(permitted, addresses)
    )
    words = {each.name: each.meaning for each in explain(parse.certificate(parts.pem()))}

    assert words["name constraints"] == said
    assert words["extended key usage"] == (
        "relying parties that look accept what it issues for TLS servers and TLS clients only"
    )
