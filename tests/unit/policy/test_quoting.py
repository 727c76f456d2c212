"""Texts of others become one line that nothing obeys."""

from __future__ import annotations

import pytest

from trustwright.errors import CeremonyViolation
from trustwright.policy.quoting import one_line, reason_of

pytestmark = pytest.mark.unit


def test_an_error_keeps_its_rule_and_loses_its_markup() -> None:
    """The rule in brackets is ours; brackets in the texts are not."""
    error = CeremonyViolation(
        "member [click](https://evil.example)\n# no\x1b[2J",
        rule="CER-SHAPE",
        hint="send `it`\nunchanged",
        where="<here>",
    )
    assert reason_of(error) == (
        "(here): member (click)(https: //evil.example) # no (2J [CER-SHAPE] → send 'it' unchanged"
    )


def test_an_error_without_hint_and_place_ends_with_its_rule() -> None:
    """As `str` would show it."""
    assert reason_of(CeremonyViolation("no", rule="CER-001")) == "no [CER-001]"


def test_a_long_text_does_not_push_the_rule_out() -> None:
    """Each part is cut for itself."""
    reason = reason_of(CeremonyViolation("x" * 9000, rule="CER-SHAPE", hint="y" * 9000))
    assert reason == f"{'x' * 299}… [CER-SHAPE] → {'y' * 299}…"


def test_the_length_can_be_said() -> None:
    """A cut is shown."""
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"
