"""A place in a file, and what is wrong there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from trustwright.ceremony.shown import printable


@dataclass(frozen=True)
class Mark:
    """Where a key or value stands; line and column count from 1."""

    file: Path
    line: int = 1
    column: int = 1

    def text(self) -> str:
        """Return ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"

    def problem(self, rule: str, what: str, hint: str = "") -> Problem:
        """Return a problem at this place."""
        return Problem(self.file, self.line, self.column, rule, what, hint)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that must change before the estate is used.

    Attributes:
        line, column: from 1.
        rule: identifier, ``EST-…``.
        what: what is wrong.
        hint: the remedy; may be empty.
    """

    file: Path
    line: int
    column: int
    rule: str
    what: str
    hint: str = ""

    def text(self) -> str:
        """Return one line: where, what, rule and remedy, safe to show on a terminal."""
        remedy = f" → {self.hint}" if self.hint else ""
        place = f"{self.file}:{self.line}:{self.column}"
        return printable(f"{place}: {self.what} [{self.rule}]{remedy}")

    def data(self) -> dict[str, str | int]:
        """Return the problem as JSON members."""
        return asdict(self) | {"file": str(self.file)}
