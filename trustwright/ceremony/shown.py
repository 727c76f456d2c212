"""Text of others on a terminal: nothing in it is obeyed."""

from __future__ import annotations

import textwrap

_COLUMNS = 60
_BEGIN = "| "


def printable(text: str) -> str:
    """Return `text` with every character that a terminal would obey written as an escape."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def quoted(text: str) -> list[str]:
    """Return a text of others in lines of at most 60 columns, each behind ``| ``.

    Runs of blanks become one and every character outside ASCII is written as ``<U+XXXX>``: no text
    can draw a line of the page that it stands on, nor a letter that looks like another.
    """
    dotted = text.replace("…", "...")
    plain = "".join(one if " " <= one <= "~" else f"<U+{ord(one):04X}>" for one in dotted)
    wrapped = textwrap.wrap(" ".join(plain.split()), _COLUMNS - len(_BEGIN), break_on_hyphens=False)
    return [f"{_BEGIN}{line}" for line in wrapped] or [_BEGIN.rstrip()]
