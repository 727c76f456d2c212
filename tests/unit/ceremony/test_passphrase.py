"""Passphrases: which are accepted and where they may come from."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trustwright.ceremony.passphrase import (
    ENOUGH_BITS,
    from_descriptor,
    from_file,
    judge,
    octets,
)
from trustwright.ceremony.strength import estimated_bits
from trustwright.ceremony.words import THREE_SYLLABLES, TWO_SYLLABLES
from trustwright.errors import ConfigurationError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "good",
    [
        "zebra moon lamp tide",
        "correct rabbit battery staple",
        "x7#kQ9!mZ2pLw4",
        "Größe Übermut Straße Lärche",
        "four random words, said slowly",
        "quick brown lazy horse over seven",
        "liberty property qualm sunken",
    ],
)
def test_good_passphrase_is_accepted(good: str) -> None:
    """Four words, or enough characters without a pattern."""
    judge(good, "Example")


@pytest.mark.parametrize(
    ("weak", "rule"),
    [
        ("", "PASS-EMPTY"),
        ("             ", "PASS-EMPTY"),
        ("short words", "PASS-LENGTH"),
        ("zebra moon lamp tide " * 50, "PASS-LENGTH"),
        ("abababababababababab", "PASS-DISTINCT"),
        ("the keys of Example Ltd", "PASS-NAME"),
        ("THE KEYS OF E X A M P L E", "PASS-NAME"),
        ("my password is 48151623", "PASS-WEAK"),
        ("P4$$w0rd P4$$w0rd 77", "PASS-WEAK"),
        ("correct horse battery staple", "PASS-WEAK"),
        ("CorrectHorseBatteryStaple", "PASS-WEAK"),
        ("Summer2026!Summer2026!!", "PASS-WEAK"),
        ("Summer2026!Winter2027!", "PASS-WEAK"),
        ("2026-11-25 2027-12-01", "PASS-WEAK"),
        ("25.11.2026 01/12/2027", "PASS-WEAK"),
        ("4711 0815 4711 0815 4711", "PASS-WEAK"),
        ("0000-1111-2222-3333-4444", "PASS-WEAK"),
        ("381381381381381381", "PASS-DISTINCT"),
        ("iLoveMyDog2026!", "PASS-WEAK"),
        ("Ich liebe meinen Hund 2026", "PASS-WEAK"),
        ("the quick brown fox jumps over the lazy dog", "PASS-WEAK"),
        ("The.Quick.Brown.Fox.Jumps!", "PASS-WEAK"),
        ("to be or not to be, that is the question", "PASS-WEAK"),
        ("one two three four five six seven", "PASS-WEAK"),
        ("alpha bravo charlie delta echo foxtrot", "PASS-WEAK"),
        ("January, February, March, April", "PASS-WEAK"),
        ("1q2w3e4r5t6z7u8i", "PASS-WEAK"),
        ("!@#$%^&*()_+", "PASS-WEAK"),
        ("1qaz2wsx3edc!QAZ", "PASS-WEAK"),
        ("passphrase of the root key", "PASS-WEAK"),
        ("qwertyuiopasdfghjkl", "PASS-WEAK"),
        ("abcdefghijklmnopqrstuvwxyz", "PASS-WEAK"),
        ("123456789012345678", "PASS-WEAK"),
        ("moon moon moon moon moon", "PASS-DISTINCT"),
        ("lantern lantern lantern lantern", "PASS-WEAK"),
        ("internationalization", "PASS-WEAK"),
    ],
)
def test_weak_passphrase_is_refused(weak: str, rule: str) -> None:
    """The rule says what is wrong; the passphrase is not in the message."""
    with pytest.raises(ConfigurationError) as refused:
        judge(weak, "Example")

    assert rule == refused.value.rule
    assert not weak.strip() or weak not in str(refused.value)


def test_short_organization_forbids_no_letters() -> None:
    """An organization called A does not forbid every a."""
    judge("zebra moon lamp tide", "A")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TWO_SYLLABLES + THREE_SYLLABLES), min_size=7, unique=True))
def test_seven_rolled_words_are_always_enough(words: list[str]) -> None:
    """Seven or more different words of our own list, whatever they are and however they are parted.

    The organization's name is none of them.
    """
    for parting in (" ", "-", ". ", ""):
        judge(parting.join(word.capitalize() for word in words), "Nowhere Ltd")


@pytest.mark.parametrize("text", ["Zx9!" * 5000, "a1" * 9000, "word " * 9000, "é\u0301" * 9000])
def test_estimate_of_an_endless_text_is_quick(text: str) -> None:
    """Only the beginning is looked at."""
    began = time.process_time()
    estimated_bits(text)

    assert time.process_time() - began < 0.5


def test_nothing_counts_for_standing_there_twice() -> None:
    """A token said again, in whatever case, adds no bit; another one does."""
    once = estimated_bits("cactus ribbon 7391")

    assert once == estimated_bits("cactus ribbon 7391 Cactus RIBBON 7391 cactus")
    assert once < estimated_bits("cactus ribbon 7391 tundra")


def test_estimate_counts_words_and_not_their_letters() -> None:
    """A fourth word is worth a word, however long it is."""
    three, four = estimated_bits("zebra moon lamp"), estimated_bits("zebra moon lamp extraordinary")

    assert three < ENOUGH_BITS < four
    assert four - three < 16


@pytest.mark.parametrize(
    "passphrase", ["kTqZbLwRfXnVgHsPcMdJ", "x7Kq-WbTzLmRvNcHg", "0f9a8c3be17d6254"]
)
def test_what_a_generator_rolls_is_enough(passphrase: str) -> None:
    """Letters in random case are no word, though they stand together."""
    judge(passphrase, "Example")


def test_descriptor_is_read_to_the_end_of_its_line() -> None:
    """What follows the line stays for whoever reads next."""
    reading, writing = os.pipe()
    os.write(writing, b"zebra moon\r\nnext answer\n")
    os.close(writing)

    assert from_descriptor(reading) == "zebra moon"
    assert from_descriptor(reading) == "next answer"
    assert from_descriptor(reading) == ""
    os.close(reading)


@pytest.mark.parametrize(
    ("data", "rule"), [(b"\xff\xfe\n", "PASS-TEXT"), (b"x" * 2000, "PASS-TEXT")]
)
def test_descriptor_with_something_else_is_refused(data: bytes, rule: str) -> None:
    """No text, or far too much of it."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with pytest.raises(ConfigurationError) as refused:
        from_descriptor(reading)
    os.close(reading)

    assert rule == refused.value.rule


def test_closed_descriptor_is_refused() -> None:
    """A number that is not open."""
    with pytest.raises(ConfigurationError) as refused:
        from_descriptor(987)
    assert refused.value.rule == "PASS-FD"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A passphrase file is its owner's alone."""
    path = tmp_path / "passphrase"
    path.write_text("zebra moon lamp tide\n")
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as refused:
        from_file(path)
    assert refused.value.rule == "PASS-FILE"

    path.chmod(0o600)
    assert from_file(path) == "zebra moon lamp tide"


def test_file_that_is_none_gets_no_other_mode(tmp_path: Path) -> None:
    """A folder, a device and a missing file are refused before their mode is looked at."""
    tmp_path.chmod(0o755)
    for path in (tmp_path, Path("/dev/null"), tmp_path / "missing"):
        with pytest.raises(ConfigurationError) as refused:
            from_file(path)
        assert (refused.value.rule, refused.value.where) == ("PASS-FILE", str(path))
        assert refused.value.hint == "name the file whose first line is the passphrase"


def test_pipe_of_a_shell_is_a_file() -> None:
    """``--passphrase-file <(command)`` gives a pipe by name."""
    reading, writing = os.pipe()
    os.write(writing, b"zebra moon lamp tide\n")
    os.close(writing)

    assert from_file(Path(f"/dev/fd/{reading}")) == "zebra moon lamp tide"
    os.close(reading)


def test_every_keyboard_says_the_same() -> None:
    """Composed and decomposed letters are one passphrase."""
    assert octets("Gr\u00f6\u00dfe") == octets("Gro\u0308\u00dfe")
