"""A file's text to YAML nodes; each way in which it can fail is a problem with its place."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError

from trustwright.estatefile.problem import Mark, Problem
from trustwright.estatefile.reading import read_file

LONGEST_FILE = 8 * 1024 * 1024
_LINE = re.compile(r"\r\n|\r|\n")
# Line ends that no editor shows, and characters that turn the text around: a reviewer would see
# another file than we read.
_HIDDEN = re.compile("[\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MEND = "mend the syntax"
_REMEDIES = (
    (r"\t", "use blanks, not tabs"),
    ("undefined alias", "write `&name` above it, or put text that begins with * in quotes"),
    ("mapping values are not allowed", "indent it as its neighbours, and put `: ` in quotes"),
    ("another document", "keep one; other files come in with include"),
)


class Broken(Exception):
    """A file that is not read; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def compose(file: Path) -> Node | None:
    """Return the file's one document, None when it is empty.

    Raises:
        Broken: it cannot be read, is no UTF-8 text or no YAML.
    """
    start, text = Mark(file), _text(file)
    hidden = _HIDDEN.search(text)
    if hidden:
        raise _character(_mark(file, text[: hidden.start()]), ord(hidden[0]))
    reader = YAML(typ="safe", pure=True)
    # Said by the walk over the nodes, as a problem; here it would be lines on stderr.
    reader.composer.warn_double_anchors = False
    try:
        found: Node | None = reader.compose(StringIO(text))
    except MarkedYAMLError as error:
        raise Broken(_syntax(start, error)) from None
    except ReaderError as error:
        raise _character(_mark(file, text[: error.position]), error.character) from None
    except RecursionError:
        raise _broken(start, "EST-YAML", "nested too deeply", "write it flatter") from None
    except (
        YAMLError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        AssertionError,
        NotImplementedError,
    ) as error:
        # A scanner fed with rubbish leaves by any of these doors.
        what = " ".join(str(error).split())[:200]
        raise _broken(start, "EST-YAML", f"not YAML: {what}", _MEND) from None
    return found


def _text(file: Path) -> str:
    start = Mark(file)
    try:
        data = read_file(file, LONGEST_FILE + 1)
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise _broken(start, "EST-FILE", what, "name an existing, readable file") from None
    except ValueError:
        what = "no name for a file"
        raise _broken(start, "EST-FILE", what, "name an existing, readable file") from None
    if len(data) > LONGEST_FILE:
        what = f"larger than {LONGEST_FILE} bytes"
        raise _broken(start, "EST-FILE", what, "split it with include")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts from behind a byte order mark.
        good = error.object[: error.start].decode("utf-8-sig")
        what = f"not UTF-8: byte 0x{error.object[error.start]:02x}"
        raise _broken(_mark(file, good), "EST-FILE", what, "save it as UTF-8") from None


def _mark(file: Path, before: str) -> Mark:
    """Return the place behind a text that begins at the file's first character."""
    lines = _LINE.split(before)
    return Mark(file, len(lines), len(lines[-1]) + 1)


def _character(mark: Mark, code: int) -> Broken:
    what = f"the character U+{code:04X} is not allowed"
    return _broken(mark, "EST-YAML", what, "remove it; most editors do not show it")


def _broken(mark: Mark, rule: str, what: str, hint: str) -> Broken:
    return Broken(mark.problem(rule, what, hint))


def _syntax(start: Mark, error: MarkedYAMLError) -> Problem:
    place = error.problem_mark or error.context_mark
    mark = Mark(start.file, place.line + 1, place.column + 1) if place else start
    context = f"{error.context}: " if error.context else ""
    what = " ".join(f"{context}{error.problem or 'syntax error'}".split())
    remedy = next((text for sign, text in _REMEDIES if sign in what), _MEND)
    return mark.problem("EST-YAML", what[:300], remedy)
