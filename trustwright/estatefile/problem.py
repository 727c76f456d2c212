"""A place in a file, and what is wrong there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from trustwright.ceremony.shown import printable

LONGEST = 1000
"""Characters of a sentence."""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@dataclass(frozen=True)
class Mark:
    """Where a key or value stands; line and column count from 1."""

    file: Path
    line: int = 1
    column: int = 1

    def text(self) -> str:
        """Return ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"

    def problem(self, rule: str, what: str, hint: str) -> Problem:
        """Return a problem at this place; a sentence that quotes too much is cut."""
        return Problem(self.file, self.line, self.column, rule, _short(what), _short(hint))


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that must change before the estate is used.

    Attributes:
        line, column: from 1.
        rule: identifier, ``EST-…``.
        what: what is wrong.
        hint: the remedy.
    """

    file: Path
    line: int
    column: int
    rule: str
    what: str
    hint: str

    def text(self) -> str:
        """Return one line: where, what, rule and remedy, safe to show on a terminal."""
        place = f"{self.file}:{self.line}:{self.column}"
        return printable(f"{place}: {self.what} [{self.rule}] → {self.hint}")

    def data(self) -> dict[str, str | int]:
        """Return the problem as JSON members."""
        return asdict(self) | {"file": str(self.file)}
