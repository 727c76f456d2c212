"""A second reader of RFC 5545, small and strict: what is not in order is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ESCAPES = {"\\\\": "\\", "\\;": ";", "\\,": ",", "\\n": "\n", "\\N": "\n"}
_PROPERTY = re.compile(r"([A-Z0-9-]+)((?:;[A-Z0-9-]+=(?:\"[^\"]*\"|[^\";:,]*))*):(.*)", re.DOTALL)


@dataclass
class Component:
    """One BEGIN … END, its properties by name, and what is inside of it."""

    name: str
    properties: dict[str, list[str]] = field(default_factory=dict)
    inside: list[Component] = field(default_factory=list)

    def one(self, name: str) -> str:
        """Return the raw value of a property that stands exactly once."""
        (found,) = self.properties[name]
        return found

    def text(self, name: str) -> str:
        """Return a TEXT value (§3.3.11)."""
        return unescaped(self.one(name))


def unescaped(value: str) -> str:
    """Return what a TEXT says; a bare separator or an unknown escape is refused."""
    pieces = re.findall(r"\\.|[^\\]", value, re.DOTALL)
    assert "".join(pieces) == value, f"a lone backslash in {value!r}"
    assert not {";", ","} & set(pieces), f"a bare separator in {value!r}"
    return "".join(_ESCAPES[piece] if piece[0] == "\\" else piece for piece in pieces)


def unfolded(text: bytes) -> list[str]:
    """Return the content lines; each physical line has at most 75 octets and ends with CRLF."""
    assert text.endswith(b"\r\n")
    physical = text[:-2].split(b"\r\n")
    for line in physical:
        assert 0 < len(line) <= 75, line
        assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line), line
        line.decode()  # a fold never cuts a character in two, which §3.1 only wishes for
    lines: list[bytes] = []
    for line in physical:
        if line[:1] in {b" ", b"\t"}:
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return [line.decode() for line in lines]


def read(text: bytes) -> Component:
    """Return the calendar; exactly one, nothing beside it."""
    outer = Component("")
    stack = [outer]
    for line in unfolded(text):
        match = _PROPERTY.fullmatch(line)
        assert match, line
        name, _, value = match.groups()
        if name == "BEGIN":
            made = Component(value)
            stack[-1].inside.append(made)
            stack.append(made)
        elif name == "END":
            assert stack.pop().name == value
        else:
            stack[-1].properties.setdefault(name, []).append(value)
    assert stack == [outer]
    (calendar,) = outer.inside
    assert calendar.name == "VCALENDAR"
    return calendar
