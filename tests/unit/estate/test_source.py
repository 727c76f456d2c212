"""Files that are no good YAML: each is one line, at the place where the mistake stands."""

# ruff: noqa: E501 - the long lines are what a person reads

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.unit.estate.material import change, write_example
from trustwright.estatefile import check_estate, load_estate

NAME = b"organization: Example"
REMEDY = "remove it; most editors do not show it"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the example's estate file, with a root of its own."""
    return write_example(tmp_path / "estate")


def said(file: Path) -> list[str]:
    """Return every problem as the command prints it, without the folder."""
    return [each.text().removeprefix(f"{file.parent}/") for each in check_estate(file)]


BYTES = [
    (b"organization: Exa\0mple", f"5:18: the character U+0000 is not allowed [EST-YAML] → {REMEDY}"),
    (b"organization: Exa\x07mple", f"5:18: the character U+0007 is not allowed [EST-YAML] → {REMEDY}"),
    (b"organization: Exa\x7fmple", f"5:18: the character U+007F is not allowed [EST-YAML] → {REMEDY}"),
    (b"organization: Ex\xff", "5:17: not UTF-8: byte 0xff [EST-FILE] → save it as UTF-8"),
    ("organization: Exämple".encode("latin-1"), "5:17: not UTF-8: byte 0xe4 [EST-FILE] → save it as UTF-8"),
    ("organization: Exä\u2028".encode(), f"5:18: the character U+2028 is not allowed [EST-YAML] → {REMEDY}"),
    ("organization: E # \u202e".encode(), f"5:19: the character U+202E is not allowed [EST-YAML] → {REMEDY}"),
    ("# \x85organization: E".encode(), f"5:3: the character U+0085 is not allowed [EST-YAML] → {REMEDY}"),
    (
        b"organization:\tExample",
        r"5:14: while scanning for the next token: found character '\t' that cannot start any token [EST-YAML] → use blanks, not tabs",
    ),
    (
        b"organization: a: b",
        "5:16: mapping values are not allowed here [EST-YAML] → indent it as its neighbours, and put `: ` in quotes",
    ),
    (
        b"organization: *Example",
        "5:15: found undefined alias 'Example' [EST-YAML] → write `&name` above it, or put text that begins with * in quotes",
    ),
    (
        b"organization: &intermediate Example",
        "21:19: the anchor &intermediate already stands in line 5 [EST-ALIAS] → give each anchor a name of its own",
    ),
    (b"<<: {}\n<<: {}\norganization: E", "6:1: `<<` already stands in line 5 [EST-DUPLICATE] → write <<: [*one, *other]"),
    (
        b"<<: {notify: {}, notify: {}}\norganization: E",
        "5:18: `notify` already stands in line 5 [EST-DUPLICATE] → keep one of the two",
    ),
    (
        b"organization: E\norganization: E",
        "6:1: `organization` already stands in line 5 [EST-DUPLICATE] → keep one of the two",
    ),
    (b"organization: !!set {E}", "5:15: the tag set has no meaning here [EST-TAG] → remove it"),
    (b"organization: " + b"9" * 5000, "5:15: `organization` has 5000 characters, at most 64 are allowed [EST-ORGANIZATION] → write it as it should read in every certificate, up to 64 characters"),
    (b"organization: 1e9", "5:15: `organization` must be text [EST-TYPE] → put it in quotes"),
    (b"organization: true", "5:15: `organization` must be text [EST-TYPE] → put it in quotes"),
]  # fmt: skip


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize(("new", "line"), BYTES, ids=[repr(each[0][:30]) for each in BYTES])
def test_one_mistake_is_one_line(
    file: Path, new: bytes, line: str, end: bytes, mark: bytes
) -> None:
    """At its line and column, whatever ends the lines and whatever begins the file."""
    data = file.read_bytes()
    assert NAME in data
    file.write_bytes(mark + data.replace(NAME, new).replace(b"\n", end))

    assert said(file) == [f"estate.yaml:{line}"]


def test_the_place_is_that_of_the_part(file: Path) -> None:
    """In an included file too."""
    part = file.parent / "consumers" / "payments.yaml"
    part.write_bytes(part.read_bytes().replace(b"owner: payments", b"owner: \xff", 1))

    assert said(file)[0].startswith("consumers/payments.yaml:5:12: not UTF-8: byte 0xff")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_ends_of_lines_are_good(file: Path, end: str) -> None:
    """Editors elsewhere write them; the places stay."""
    expected = load_estate(file)
    for each in (file, *(file.parent / "consumers").iterdir()):
        each.write_bytes(each.read_bytes().replace(b"\n", end.encode()))

    assert load_estate(file) == expected


def test_a_date_is_text_where_text_belongs(file: Path) -> None:
    """YAML knows dates; here nothing is one."""
    change(file, "organization: Example", "organization: 2026-01-01")
    assert load_estate(file).organization == "2026-01-01"
    change(file, "overlap: 14d", "overlap: 2026-01-01")
    assert [each.rule for each in check_estate(file)] == ["EST-DURATION"]


def test_nothing_is_said_beside_the_problems(file: Path) -> None:
    """A library's warning would be a second, longer line on stderr."""
    change(file, "organization: Example", "organization: &intermediate Example")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        check_estate(file)

    assert heard == []


def test_a_name_without_an_end_is_cut(file: Path) -> None:
    """A line stays one that a person can read."""
    change(file, "organization: Example", f"? {'k' * 100_000}\n: 1\norganization: Example")
    ((line),) = said(file)

    assert line.startswith(
        f"estate.yaml:5:3: unknown key `{'k' * 60}…` [EST-UNKNOWN] → known here:"
    )
    assert len(line) < 300


def test_a_refused_value_is_said_once(file: Path) -> None:
    """Not again as one of the wrong type."""
    payments = file.parent / "consumers" / "payments.yaml"
    change(payments, "owner: payments", "owner: !mine payments")

    assert said(file) == [
        "consumers/payments.yaml:5:12: the tag !mine has no meaning here [EST-TAG] → remove it"
    ]
