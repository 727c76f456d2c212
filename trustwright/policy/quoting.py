"""Texts that others chose, as one line that no terminal, no Markdown and no chat obeys."""

from __future__ import annotations

import re

from trustwright.errors import TrustwrightError

LONGEST = 300
"""Characters of a text that are kept."""

_MARKUP = str.maketrans("<>[]`*|", "()()'·/")
_CROWD = re.compile(r"@(?=(?:everyone|here|channel|all)\b)", re.IGNORECASE)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a foreign text as one harmless line: no markup, no address, no call of a crowd."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    line = _CROWD.sub("(at)", line.translate(_MARKUP)).replace("://", ": //")
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def reason_of(error: TrustwrightError) -> str:
    """Return an error as `str` does, its texts made harmless and the rule as it is."""
    quoted = TrustwrightError(
        one_line(error.what),
        rule=error.rule,
        hint=one_line(error.hint),
        where=one_line(error.where),
    )
    return str(quoted)
