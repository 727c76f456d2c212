"""The word list and what it says."""

from __future__ import annotations

import pytest

from trustwright.ceremony.words import (
    THREE_SYLLABLES,
    TWO_SYLLABLES,
    digest_of,
    digest_words,
    words_of,
)
from trustwright.errors import ConfigurationError

pytestmark = pytest.mark.unit

EXAMPLE = "e58294f2e9a227486e8b061b31cc528fd7fa3f19"
SPOKEN = (
    "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict "
    "bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless"
)


def test_lists_hold_256_words_each_and_none_twice() -> None:
    """512 words, all different, also without regard to case and across the lists."""
    words = [word.lower() for word in (*TWO_SYLLABLES, *THREE_SYLLABLES)]

    assert (len(TWO_SYLLABLES), len(THREE_SYLLABLES)) == (256, 256)
    assert len(set(words)) == 512


def test_lists_are_sorted_as_published() -> None:
    """Sorted, but for the one pair that the published list has the other way round."""
    two = [word.lower() for word in TWO_SYLLABLES]
    three = [word.lower() for word in THREE_SYLLABLES]
    swapped = three.index("apollo")

    assert two == sorted(two)
    assert three[swapped - 1] == "applicant"
    three[swapped - 1 : swapped + 1] = ["apollo", "applicant"]
    assert three == sorted(three)


def test_published_example() -> None:
    """The example of the list's authors, a PGP fingerprint."""
    assert SPOKEN.split() == digest_words(EXAMPLE)


def test_words_of_groups_by_four() -> None:
    """Eight words in two groups joined by hyphens."""
    assert (
        words_of(EXAMPLE) == "topmost-Istanbul-Pluto-vagabond treadmill-Pacific-brackish-dictator"
    )


def test_digest_of_reads_what_people_type() -> None:
    """Case, hyphens, commas and line ends do not matter."""
    assert digest_of(" TOPMOST, istanbul-Pluto\nvagabond ") == "e58294f2"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("Istanbul topmost", "a word is missing or said twice"), ("topmoost", "check the spelling")],
)
def test_unknown_word_is_explained(typed: str, hint: str) -> None:
    """A word of the other list means a slip of place, any other a slip of spelling."""
    with pytest.raises(ConfigurationError) as refused:
        digest_of(typed)

    assert (refused.value.rule, refused.value.hint) == ("WORDS-UNKNOWN", hint)


def test_no_hex_is_refused() -> None:
    """Only hex digits have words."""
    with pytest.raises(ConfigurationError) as refused:
        digest_words("zz")

    assert refused.value.rule == "WORDS-HEX"
