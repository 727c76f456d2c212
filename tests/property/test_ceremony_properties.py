"""What holds for every request, transcript and digest, not only for the ones we thought of."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trustwright.ceremony import transcript
from trustwright.ceremony.entries import Abandoned, Created, Entry
from trustwright.ceremony.request import open_request, seal_crl_request, seal_revocation_request
from trustwright.ceremony.shown import printable
from trustwright.ceremony.words import digest_of, digest_words, words_of
from trustwright.errors import CeremonyViolation, VerificationError
from trustwright.model.ceremony import Request

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
TEXTS = st.text(min_size=1, max_size=100).filter(
    lambda text: not any(0xD800 <= ord(each) <= 0xDFFF for each in text)
)
LINES = 6


@given(digest=DIGESTS)
def test_words_and_digest_say_the_same(digest: str) -> None:
    """Every digest comes back from its words, in any case."""
    spoken = " ".join(digest_words(digest))

    assert digest == digest_of(spoken) == digest_of(spoken.upper())
    assert digest[:16] == digest_of(words_of(digest))


@given(digest=DIGESTS, place=st.integers(0, 30))
def test_swapped_words_are_noticed(digest: str, place: int) -> None:
    """Two neighbours swapped are never in the lists of their places."""
    words = digest_words(digest)
    words[place], words[place + 1] = words[place + 1], words[place]

    with pytest.raises(Exception, match="not in the list of its place"):
        digest_of(" ".join(words))


@given(
    digest=DIGESTS,
    previous=st.none() | DIGESTS,
    reason=TEXTS,
    who=TEXTS,
    seconds=st.integers(1, 10**7),
)
def test_requests_survive_any_layout(
    digest: str, previous: str | None, reason: str, who: str, seconds: int
) -> None:
    """Canonical bytes read back as the same request; layout changes neither value nor digest."""
    request = seal_crl_request(
        root_fingerprint=f"sha256:{digest}",
        previous=previous,
        created=NOW,
        expires=NOW + timedelta(seconds=seconds),
        reason=reason,
        requested_by=who,
    )
    members = dict(reversed(request.model_dump(mode="json").items()))
    laid_out = json.dumps(members, indent=3, ensure_ascii=True).encode()

    assert request == open_request(request.canonical()) == open_request(laid_out)
    assert request.digest() == open_request(laid_out).digest()


@given(place=st.integers(0, 10**6), octet=st.integers(0, 255))
def test_damaged_request_is_another_or_none(place: int, octet: int) -> None:
    """One octet changed: the file is refused, or its digest is another."""
    request = _revocation()
    data = bytearray(request.canonical())
    place %= len(data)
    changed = data[place] != octet
    data[place] = octet

    try:
        digest = open_request(bytes(data)).digest()
    except CeremonyViolation:
        return
    assert changed == (digest != request.digest())


@given(text=st.text())
@example(text="\x1b[2J\u202eevil\r\n")
def test_nothing_that_is_shown_is_obeyed(text: str) -> None:
    """What is shown is printable, and printable text is shown as it is."""
    assert printable(text).isprintable()
    assert text.isprintable() == (printable(text) == text)


@pytest.fixture(scope="module")
def written() -> Iterator[bytes]:
    """Return a transcript of some lines; its head lies beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / transcript.FILE
        path.touch()
        record = transcript.Transcript(path, (), ())
        first = Created(root="sha256:" + "0" * 64, policy="0" * 64, policy_text="{}")
        record = transcript.append(record, first, NOW)
        for number in range(1, LINES):
            says = Abandoned(intent=number, serial=f"{number:02x}", why="power cut")
            record = transcript.append(record, says, NOW + timedelta(minutes=number))
        yield path.read_bytes() + b"HEAD" + path.with_name(transcript.HEAD).read_bytes()


def _read(data: bytes, head: bytes) -> transcript.Transcript:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / transcript.FILE
        path.write_bytes(data)
        path.with_name(transcript.HEAD).write_bytes(head)
        return transcript.read(path)


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, 10**6), octet=st.integers(0, 255))
def test_transcript_damaged_at_any_octet_is_refused(written: bytes, place: int, octet: int) -> None:
    """One octet changed anywhere, the last line and its end included: never read as whole."""
    good, _, head = written.partition(b"HEAD")
    data = bytearray(good)
    place %= len(data)
    if data[place] == octet:
        assert len(_read(bytes(data), head).entries) == LINES
        return
    data[place] = octet

    with pytest.raises(VerificationError) as refused:
        _read(bytes(data), head)
    line = good[:place].count(b"\n") + 1
    assert _named(refused.value) in {line, line + 1}


@settings(max_examples=300, deadline=None)
@given(cut=st.integers(0, 10**6))
def test_transcript_cut_anywhere_is_refused(written: bytes, cut: int) -> None:
    """A tail cut at any octet is a cut tail: the head says that it was whole."""
    good, _, head = written.partition(b"HEAD")
    cut %= len(good)

    with pytest.raises(VerificationError) as refused:
        _read(good[:cut], head)
    assert refused.value.rule == "CER-304"


@settings(max_examples=200, deadline=None)
@given(size=st.integers(1, 10**6))
def test_torn_line_behind_the_head_is_a_power_cut(written: bytes, size: int) -> None:
    """Part of a further line is reported as torn, never as an entry."""
    good, _, head = written.partition(b"HEAD")
    more = Entry(
        number=LINES + 1,
        previous=_read(good, head).head,
        at=NOW + timedelta(days=1),
        says=Abandoned(intent=1, why="power cut"),
    ).canonical()
    part = more[: 1 + size % len(more)]

    record = _read(good + part, head)

    assert part == record.torn
    assert len(record.entries) == LINES


def _named(error: VerificationError) -> int:
    return int(error.where.rpartition(":")[2])


def _revocation() -> Request:
    return seal_revocation_request(
        environment="test",
        generation=1,
        serial="4f:00",
        revocation_reason="superseded",
        root_fingerprint="sha256:" + "0" * 64,
        previous=None,
        created=NOW,
        expires=NOW + timedelta(days=7),
        reason="the key leaked",
        requested_by="operator",
    )
