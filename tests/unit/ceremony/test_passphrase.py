"""Passphrases: which are accepted and where they may come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trustwright.ceremony.passphrase import (
    ENOUGH_BITS,
    estimated_bits,
    from_descriptor,
    from_file,
    judge,
    octets,
)
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
        ("abababababababababab", "PASS-DISTINCT"),
        ("the keys of Example Ltd", "PASS-NAME"),
        ("THE KEYS OF E X A M P L E", "PASS-NAME"),
        ("my password is 48151623", "PASS-COMMON"),
        ("P4$$w0rd P4$$w0rd 77", "PASS-COMMON"),
        ("correct horse battery staple", "PASS-COMMON"),
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


def test_every_keyboard_says_the_same() -> None:
    """Composed and decomposed letters are one passphrase."""
    assert octets("Gr\u00f6\u00dfe") == octets("Gro\u0308\u00dfe")
