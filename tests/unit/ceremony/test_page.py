"""The page at the gate shows what others wrote, and none of it can become part of the page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.ceremony import material
from trustwright.ceremony.page import gate_page
from trustwright.model.ceremony import CeremonyRecord, Request

pytestmark = pytest.mark.unit

HOSTILE = (
    "not a response: # Approved\n\n# Sign this instead\n```\n[click](http://evil.example)\n"
    "![x](http://evil.example/x.png) <b>bold</b> | a | b |\n---\n> quote\n* item\n"
    "\x1b[2J\x1b]0;title\x07\u202egnp\u2028 ~~~ `code` $x$ → [CER-SHAPE]"
)


def record(reason: str = "first intermediate of test") -> CeremonyRecord:
    """Return a pending ceremony."""
    request: Request = material.request(reason=reason)
    return CeremonyRecord(
        id=request.digest(),
        environment="test",
        kind=request.kind,
        generation=1,
        request=request.canonical().decode(),
        created=request.created,
        expires=request.created + timedelta(days=7),
    )


def test_a_refusal_stands_in_a_block_of_its_own() -> None:
    """Above the page as it is without one; every line of it behind a bar, in printable ASCII."""
    made = record()
    plain = gate_page(made)
    page = gate_page(made.model_copy(update={"refusals": 3, "refusal": HOSTILE}))
    head, _, rest = page.partition("\n\n```\n")
    block, _, below = rest.partition("\n```\n\n")
    assert (head, below.lstrip("\n")) == ("**Response 3 was refused:**", plain)
    for line in block.splitlines():
        assert line.startswith("| ")
        assert line.isascii()
        assert line.isprintable()
    assert "[CER-SHAPE]" in block
    assert "<U+001B>" in block


def test_without_a_refusal_nothing_stands_above() -> None:
    """The page begins with its title."""
    assert gate_page(record()).startswith(
        "# Sign the intermediate of test, generation 1\n\nfirst intermediate of test. To be signed"
    )


def test_a_reason_is_one_line_without_markup() -> None:
    """A person's reason for a new generation stands in the page as well."""
    page = gate_page(record(reason="lost\n# Approved [x](http://evil.example) `sh`"))
    (line,) = [line for line in page.splitlines() if "To be signed before" in line]
    assert line.startswith("lost # Approved (x)(http: //evil.example) 'sh'. To be signed before")
