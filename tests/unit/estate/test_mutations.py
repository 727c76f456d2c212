"""Whatever stands in the file, the check answers with problems, never with a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.estate.material import PYDANTIC, plain, write_example
from trustwright.errors import ConfigurationError
from trustwright.estatefile import Problem, check_estate, load_estate

CALM = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SNIPPETS = st.sampled_from(
    [
        "\n",
        " ",
        "\t",
        ":",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a ",
        "<<: ",
        "!!set ",
        "!x ",
        "? ",
        "| ",
        "> ",
        "'",
        '"',
        "#",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "\0",
        "\x85",
        "\u2028",
        "\r",
        "\x07",
        "\ufeff",
        "é",
        "include: '*'\n",
        "include: '**/*'\n",
        "0",
        "-1",
        "1e9",
        ".nan",
        "null",
        "~",
        "yes",
        "0x10",
        "2026-01-01",
        "9" * 5000,
        "10:30",
        "=",
        "/",
        "../",
        "a" * 300,
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["prod", "test", "server", "72h", "0640", "tls://a:1", "/x", "https://a"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the example's estate file, with a root of its own."""
    return write_example(tmp_path / "estate")


def judge(file: Path) -> None:
    """Check a file: problems have a place, and loading agrees with checking."""
    problems = check_estate(file)
    for each in problems:
        assert isinstance(each, Problem)
        assert each.rule.startswith("EST-")
        assert each.what
        assert each.hint
        assert not [words for words in PYDANTIC if words in f"{each.what} {each.hint}"]
        assert min(each.line, each.column) >= 1
        assert "\n" not in each.text()
    if problems:
        with pytest.raises(ConfigurationError):
            load_estate(file)
    else:
        load_estate(file)


@CALM
@given(data=st.data())
def test_changed_text(file: Path, data: st.DataObject) -> None:
    """Characters go, come, and lines change places."""
    text = write_example(file.parent).read_text()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.sampled_from([0, 0, 1, 5, 40]))
        text = text[:start] + data.draw(SNIPPETS | st.text(max_size=5)) + text[end:]
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    judge(file)


@CALM
@given(data=st.binary(max_size=200))
def test_any_bytes(file: Path, data: bytes) -> None:
    """Also none at all."""
    file.write_bytes(data)
    judge(file)


@CALM
@given(data=st.data())
def test_any_value_in_any_place(file: Path, data: st.DataObject) -> None:
    """Well-formed YAML whose values mean nothing."""
    values: Any = plain()
    for _ in range(data.draw(st.integers(1, 3))):
        inner, key = values, data.draw(st.sampled_from(sorted(values)))
        while isinstance(inner[key], dict | list) and inner[key] and data.draw(st.integers(0, 5)):
            inner = inner[key]
            keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
            key = data.draw(st.sampled_from(keys))
        inner[key] = data.draw(VALUES)
        if data.draw(st.booleans()) and isinstance(inner, dict):
            inner[data.draw(st.text(max_size=8))] = data.draw(VALUES)
    file.write_text(json.dumps(values))
    judge(file)


@CALM
@given(name=st.text(max_size=20))
def test_any_name_of_a_file(file: Path, name: str) -> None:
    """A name that no file can have is a file that cannot be read."""
    path = file.parent / name
    if not os.path.lexists(os.fsencode(str(path)).replace(b"\0", b"0")):
        assert [each.rule for each in check_estate(path)] == ["EST-FILE"]
