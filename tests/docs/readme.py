"""Reading README's blocks and comparing what a terminal showed with what they promise."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r")
_CHANGING = (
    (re.compile(r"\b\d+\.\d+s\b"), "SECONDS"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\dZ?)?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "RUN"),
    (re.compile(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){15,}\b"), "SERIAL"),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "HEX"),
    (re.compile(r"\(digest [^)]*\)"), "WORDS"),
    (re.compile(r"\s+"), " "),
)


@dataclass
class Step:
    """A command and the lines that README shows under it."""

    command: str
    lines: list[str] = field(default_factory=list)


def blocks() -> list[tuple[str, str]]:
    """Return README's console and YAML blocks in order: language and text."""
    return _BLOCK.findall((ROOT / "README.md").read_text())


def steps(text: str) -> list[Step]:
    """Return the commands of a console block."""
    found: list[Step] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:]))
        else:
            found[-1].lines.append(line)
    return found


def plain(shown: str) -> list[str]:
    """Return a terminal's lines without escapes and empty lines around them."""
    return _ESCAPES.sub("", shown).strip().splitlines()


def promised(step: Step) -> re.Pattern[str]:
    """Return what the output must look like: ``…`` is anything, alone on a line any lines."""
    parts = []
    for line in step.lines:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            pieces = (re.escape(piece) for piece in _steady(line).split("…"))
            parts.append("[^\\n]*".join(pieces) + "\n")
    return re.compile("".join(parts))


def fits(step: Step, shown: str) -> bool:
    """Return whether a terminal showed what README promises."""
    text = "".join(f"{_steady(line)}\n" for line in plain(shown))
    return promised(step).fullmatch(text) is not None


def _steady(line: str) -> str:
    for pattern, word in _CHANGING:
        line = pattern.sub(word, line)
    return line.strip()
