"""Canonical JSON: one byte string for one value, so that a digest names it.

The rules are those of RFC 8785 for the values that we use: UTF-8, members sorted by name, no white
space, no floats. A float is refused because its canonical form is where implementations differ.
"""

from __future__ import annotations

import json
from typing import Any

from trustwright.errors import ConfigurationError
from trustwright.ids import sha256_hex


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a JSON value, with no trailing newline.

    Raises:
        ConfigurationError: the value holds a float or something that JSON cannot say: another
            type, half of a surrogate pair, a number of thousands of digits, endless nesting.
    """
    try:
        _refuse_floats(value)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        what = error.reason if isinstance(error, UnicodeEncodeError) else error
        raise ConfigurationError(f"not a JSON value: {what}", rule="JSON-VALUE") from error


def decode(data: bytes) -> Any:
    """Return the value of JSON bytes, refusing duplicate members, floats and NaN.

    Raises:
        ConfigurationError: not UTF-8, not JSON, a duplicate member, a float, or a number of more
            digits than Python reads.
    """
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_unique_members,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"not JSON: {error}", rule="JSON-SYNTAX", hint="send the file unchanged"
        ) from error


def digest(data: bytes) -> str:
    """Return the SHA-256 of canonical bytes as 64 hex digits: the name of a ceremony file."""
    return sha256_hex(data)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ConfigurationError("a member stands twice in one JSON object", rule="JSON-DUPLICATE")
    return members


def _no_float(text: str) -> Any:
    raise ConfigurationError(f"a float ({text}) has no place in a ceremony file", rule="JSON-FLOAT")


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        _no_float(repr(value))
    if isinstance(value, dict):
        for member in value.values():
            _refuse_floats(member)
    if isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
