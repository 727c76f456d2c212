"""What people are told on each occasion."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import get_args

import pytest

from trustwright.model.ceremony import CeremonyRecord, Request, Response
from trustwright.model.estate import Consumer, Delivery, Directory, Severity
from trustwright.model.records import IntentRecord, IssuerRecord
from trustwright.policy import notices
from trustwright.ports import Notice

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 4
WORDS = [f"word{number}" for number in range(32)]
LINK = "http://127.0.0.1:4200/runs/flow-run/1"


def ceremony(reason: str = "first intermediate of prod", by: str = "run 1") -> CeremonyRecord:
    """A pending revocation, the request that needs the least."""
    request = Request(
        kind="revoke-intermediate",
        environment="prod",
        generation=2,
        root="sha256:" + "0" * 64,
        serial="0a",
        revocation_reason="superseded",
        created=NOW,
        expires=NOW + timedelta(days=7),
        reason=reason,
        requested_by=by,
    )
    return CeremonyRecord(
        id=DIGEST,
        environment="prod",
        kind=request.kind,
        generation=2,
        request=request.canonical().decode(),
        created=request.created,
        expires=request.expires,
    )


RESPONSE = Response(
    kind="revoke-intermediate",
    environment="prod",
    request=DIGEST,
    root="sha256:" + "0" * 64,
    number=3,
    root_crl="pem",
    signed_at=NOW,
    transcript=DIGEST,
)
CONSUMER = Consumer(
    name="billing",
    environment="prod",
    role="server",
    owner="payments",
    names=("b.example.internal",),
    trusts=("prod",),
    deliver=Delivery(directory=Directory(path=Path("/etc/billing"))),
)
PATH = PurePath("/var/lib/x/prod-g2-0123456789ab.request.json")

ALL: list[Notice] = [
    notices.ceremony_pending(ceremony(), words=WORDS, request_path=PATH, link=LINK),
    notices.ceremony_reminder(ceremony(), now=NOW, link=LINK),
    notices.ceremony_submitted(ceremony(), by="ops", link=LINK),
    notices.ceremony_refused(ceremony(), "another key [CER-201]", link=LINK),
    notices.ceremony_accepted(ceremony(), RESPONSE, link=LINK),
    notices.ceremony_expired(ceremony(), link=LINK),
    notices.ceremony_cancelled(ceremony(), "its run was cancelled", link=LINK),
    notices.consumer_failed(CONSUMER, "no such user", link=LINK),
    notices.flow_failed(flow="bootstrap", environment="prod", reason="sealed", link=LINK),
    notices.flow_crashed(flow="bootstrap", environment="prod", reason="killed", link=LINK),
    *notices.environment_served("prod", [(CONSUMER, "delivered", "")], link=LINK),
]


@pytest.mark.parametrize("notice", ALL, ids=lambda each: each.event)
def test_every_notice_is_whole(notice: Notice) -> None:
    """Event name, severity, environment, link, a title of one line and a body."""
    assert re.fullmatch(r"trustwright\.[a-z]+\.[a-z]+", notice.event)
    assert notice.severity in get_args(Severity)
    assert (notice.environment, notice.link) == ("prod", LINK)
    assert notice.title.startswith("prod")
    assert "\n" not in notice.title
    assert notice.body.strip()


INTENT = IntentRecord(
    id="i",
    kind="sign",
    environment="prod",
    issuer="prod-g1",
    role="server",
    purpose="consumer",
    subject="billing",
    slot="consumer/prod/billing",
    spki=DIGEST,
    opened=NOW,
)
ISSUER = IssuerRecord(
    id="prod-g1", environment="prod", generation=1, key_id="k", spki=DIGEST, updated=NOW
)


@pytest.mark.parametrize(
    ("revocable", "fate"), [(True, "is revoked"), (False, "cannot be revoked")]
)
def test_a_refused_certificate_is_an_alarm(revocable: bool, fate: str) -> None:
    """What was ordered, what came, why it was refused, and what becomes of it; nothing obeyed."""
    notice = notices.certificate_refused(
        INTENT,
        serial="0a:ff",
        subject="CN=[x](http://evil)\n# y",
        why="another key [ORDER-KEY]",
        revocable=revocable,
    )
    assert (notice.event, notice.severity) == ("trustwright.certificate.refused", "critical")
    assert notice.title == "prod: Vault returned a certificate that nobody ordered"
    assert notice.body.splitlines()[:2] == [
        "Ordered for consumer/prod/billing; returned: CN=(x)(http: //evil) # y, serial 0a:ff",
        "Refused: another key (ORDER-KEY)",
    ]
    assert fate in notice.body
    assert "    trustwright certificates list --state refused\n" in notice.body


@pytest.mark.parametrize("signed", [True, False])
def test_a_generation_that_was_given_up(signed: bool) -> None:
    """The reason, what to do next, and what to do at the root when it was signed."""
    issuer = ISSUER.model_copy(update={"certificate": "pem" if signed else None})
    notice = notices.generation_abandoned(issuer, "the disk is gone")
    assert (notice.event, notice.severity) == ("trustwright.generation.abandoned", "warning")
    assert notice.title == "prod: generation 1 was given up"
    assert ("have it revoked there" in notice.body) is signed
    assert "    trustwright bootstrap prod\n" in notice.body


def test_what_could_not_be_settled_is_counted() -> None:
    """How many, the first problem, and that nobody has to do it by hand."""
    notice = notices.intents_unsettled("prod", 3, "Vault is sealed [VAULT-SEALED]")
    assert (notice.event, notice.severity) == ("trustwright.intents.unsettled", "warning")
    assert notice.body == (
        "3 left behind by runs and commands that ended early.\n"
        "Problem: Vault is sealed (VAULT-SEALED)\n"
        "The watch tries again by itself."
    )


def test_events_differ() -> None:
    """No two occasions share an event name."""
    assert len({notice.event for notice in ALL}) == len(ALL)


def test_pending_says_all_that_the_day_needs() -> None:
    """Deadline, digest as hex and as words, and the commands as they are typed."""
    notice = ALL[0]
    assert (notice.event, notice.severity) == ("trustwright.ceremony.requested", "warning")
    assert notice.title == "prod g2: ceremony 0123456789ab waits for the offline root"
    assert notice.body == (
        "prod g2 needs its intermediate revoked by the offline root.\n"
        "Reason: first intermediate of prod\n"
        "Asked by: run 1\n"
        "Sign before: 2026-11-30 12:00 UTC\n"
        "\n"
        "Digest of the request, to be compared on the offline machine:\n"
        "\n"
        "    01234567 89abcdef 01234567 89abcdef\n"
        "    01234567 89abcdef 01234567 89abcdef\n"
        "\n"
        "As words:\n"
        "\n"
        "    word0 word1 word2 word3 word4 word5 word6 word7\n"
        "    word8 word9 word10 word11 word12 word13 word14 word15\n"
        "    word16 word17 word18 word19 word20 word21 word22 word23\n"
        "    word24 word25 word26 word27 word28 word29 word30 word31\n"
        "\n"
        "\n"
        "Carry /var/lib/x/prod-g2-0123456789ab.request.json to the offline machine. There:\n"
        "\n"
        "    trustwright-root review prod-g2-0123456789ab.request.json\n"
        "    trustwright-root sign prod-g2-0123456789ab.request.json\n"
        "\n"
        "Back here, or paste the file's content into the form:\n"
        "\n"
        "    trustwright ceremony submit prod-g2-0123456789ab.response.json\n"
    )


def test_refused_says_rule_and_reason() -> None:
    """The rule is there, and that nothing was changed."""
    assert ALL[3].body == (
        "Refused: another key (CER-201)\n"
        "Nothing was changed. The gate asks again until 2026-11-30 12:00 UTC."
    )


@pytest.mark.parametrize(
    ("hours", "severity", "left"), [(24, "warning", 24), (23, "critical", 23), (-5, "critical", 0)]
)
def test_a_reminder_grows_urgent(hours: int, severity: Severity, left: int) -> None:
    """Critical in the last day, and never a negative number of hours."""
    notice = notices.ceremony_reminder(ceremony(), now=ceremony().expires - timedelta(hours=hours))
    assert notice.severity == severity
    assert f"Hours left: {left}\n" in notice.body


def test_a_foreign_text_stays_a_text() -> None:
    """No link, mention, code, markup, line break or direction mark comes through."""
    nasty = "a\n    rm -rf /\r\x1b[31m [x](http://evil) <!channel> `sh` @everyone *b* \u202egnp|"
    notice = notices.ceremony_pending(
        ceremony(reason=nasty, by="@here"), words=WORDS, request_path=PATH
    )
    line = notice.body.splitlines()[1]
    assert line == (
        "Reason: a rm -rf / (31m (x)(http: //evil) (!channel) 'sh' (at)everyone ·b· gnp/"
    )
    assert "Asked by: (at)here" in notice.body


def test_a_long_text_is_cut() -> None:
    """An endless reason does not flood the chat."""
    notice = notices.ceremony_refused(ceremony(), "x" * 5000)
    assert notice.body.splitlines()[0] == "Refused: " + "x" * 299 + "…"


def test_a_file_name_with_spaces_can_be_typed() -> None:
    """Commands quote what a shell would split."""
    notice = notices.ceremony_pending(
        ceremony(), words=WORDS, request_path=PurePath("/x/a b.request.json")
    )
    assert "    trustwright-root sign 'a b.request.json'\n" in notice.body
    assert "    trustwright ceremony submit 'a b.response.json'\n" in notice.body


def test_served_counts_and_names_who_waits_and_who_failed() -> None:
    """One notice for all, one more for each consumer that failed."""
    waiting = CONSUMER.model_copy(update={"name": "mail"})
    failed = CONSUMER.model_copy(update={"name": "web"})
    told = list(
        notices.environment_served(
            "prod",
            [
                (CONSUMER, "delivered", ""),
                (waiting, "waiting", "csr"),
                (failed, "failed", "no disk"),
            ],
        )
    )
    assert [each.event for each in told] == [
        "trustwright.environment.served",
        "trustwright.consumer.failed",
    ]
    assert told[0].body == (
        "1 of 3 consumers hold their set.\nWaiting for the host's certification request: mail"
    )
    assert told[1].title == "prod: web was not served"
    assert told[1].body.startswith("Problem: no disk\nOwner: payments\n")


def test_a_root_ceremony_belongs_to_no_environment() -> None:
    """A revocation list of the root is about the root, and offers no bootstrap."""
    request = Request(
        kind="root-crl",
        root="sha256:" + "0" * 64,
        created=NOW,
        expires=NOW + timedelta(days=7),
        reason="r",
        requested_by="b",
    )
    record = CeremonyRecord(
        id=DIGEST,
        environment="",
        kind="root-crl",
        request=request.canonical().decode(),
        created=request.created,
        expires=request.expires,
    )
    notice = notices.ceremony_expired(record)
    assert notice.title == "the root: ceremony 0123456789ab expired unsigned"
    assert notice.environment == ""
    assert "bootstrap" not in notice.body
