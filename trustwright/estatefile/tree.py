"""YAML to plain values, remembering where each key and value stands.

The node graph is read, not ruamel's finished objects: it carries the place of every scalar, shows
all duplicate keys at once, and tags, cycles and alias bombs are refused before anything is built.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from trustwright.estatefile.problem import Mark, Problem
from trustwright.policy.breach import Location

LONGEST_FILE = 8 * 1024 * 1024
MOST_VALUES = 500_000
DEEPEST = 32
_TAG = "tag:yaml.org,2002:"
_CONTAINERS: dict[type[Node], str] = {MappingNode: "map", SequenceNode: "seq"}
_PLAIN = frozenset({"str", "timestamp", "int", "float", "bool", "null", "value"})


@dataclass
class Tree:
    """What files say.

    Attributes:
        value: plain dicts, lists and scalars; None for an empty file.
        marks: where each value stands.
        keys: where the key stands that names a value (mappings only).
    """

    value: Any = None
    marks: dict[Location, Mark] = field(default_factory=dict)
    keys: dict[Location, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def at(self, place: Location) -> Mark:
        """Return where a value stands, or else the nearest thing around it."""
        while place and place not in self.marks:
            place = place[:-1]
        return self.marks[place]

    def shown_at(self, place: Location) -> Mark:
        """Return where a person looks for a value: its key, when the value begins below it."""
        value, key = self.at(place), self.keys.get(place)
        return key if key is not None and key.line != value.line else value

    def named_at(self, place: Location) -> Mark:
        """Return where the key of a value stands; for a list item where the item stands."""
        return self.keys.get(place) or self.at(place)


def read_tree(file: Path) -> Tree:
    """Return what one file says; what cannot be read stands in `Tree.problems`."""
    start = Mark(file)
    tree = Tree(marks={(): start})
    text = _text(start, tree)
    if text is None:
        return tree
    try:
        root = YAML(typ="safe", pure=True).compose(StringIO(text))
    except MarkedYAMLError as error:
        tree.problems.append(_syntax(start, error))
    except RecursionError:
        tree.problems.append(start.problem("EST-YAML", "nested too deeply", "write it flatter"))
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
        tree.problems.append(start.problem("EST-YAML", f"not YAML: {what}", "mend the syntax"))
    else:
        _Walk(tree, file).begin(root)
    return tree


def _text(start: Mark, tree: Tree) -> str | None:
    try:
        data = _bytes(start.file)
        if len(data) > LONGEST_FILE:
            what, hint = f"larger than {LONGEST_FILE} bytes", "split it with include"
        else:
            return data.decode("utf-8-sig")
    except OSError as error:
        what, hint = f"cannot be read: {error.strerror}", "name an existing, readable file"
    except UnicodeDecodeError as error:
        what, hint = f"not UTF-8 at byte {error.start}", "save it as UTF-8"
    except ValueError:
        what, hint = "no name for a file", "name an existing, readable file"
    tree.problems.append(start.problem("EST-FILE", what, hint))
    return None


def _bytes(file: Path) -> bytes:
    # Not blocking: a pipe in the place of the file must not hang the check.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        return stream.read(LONGEST_FILE + 1) or b""


def _syntax(start: Mark, error: MarkedYAMLError) -> Problem:
    place = error.problem_mark or error.context_mark
    mark = Mark(start.file, place.line + 1, place.column + 1) if place else start
    context = f"{error.context}: " if error.context else ""
    what = " ".join(f"{context}{error.problem or 'syntax error'}".split())
    return mark.problem("EST-YAML", what, "mend the syntax")


class _Walk:
    """Turns one file's node graph into plain values."""

    def __init__(self, tree: Tree, file: Path) -> None:
        self._tree = tree
        self._file = file
        self._open: list[int] = []
        self._count = 0

    def begin(self, root: Node | None) -> None:
        if root is not None:
            self._tree.value = self._value(root, ())

    def _mark(self, node: Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _refuse(self, node: Node, rule: str, what: str, hint: str) -> None:
        problem = self._mark(node).problem(rule, what, hint)
        if problem not in self._tree.problems[-3:]:
            self._tree.problems.append(problem)

    def _value(self, node: Node, place: Location) -> Any:
        self._tree.marks[place] = self._mark(node)
        if not self._may_enter(node):
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._open.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, place)
            return [self._value(item, (*place, i)) for i, item in enumerate(node.value)]
        finally:
            self._open.pop()

    def _may_enter(self, node: Node) -> bool:
        self._count += 1
        wanted = _CONTAINERS.get(type(node))
        tag = str(node.tag or "").removeprefix(_TAG)
        if self._count > MOST_VALUES:
            if self._count == MOST_VALUES + 1:
                self._refuse(
                    node, "EST-YAML", f"more than {MOST_VALUES} values", "use less aliases"
                )
        elif id(node) in self._open:
            self._refuse(node, "EST-ALIAS", "an alias refers to what it stands in", "write it out")
        elif len(self._open) >= DEEPEST:
            self._refuse(node, "EST-YAML", f"nested more than {DEEPEST} deep", "write it flatter")
        elif tag != wanted if wanted else tag not in _PLAIN:
            self._refuse(node, "EST-TAG", f"the tag {tag[:40]} has no meaning here", "remove it")
        else:
            return True
        return False

    def _mapping(self, node: MappingNode, place: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[MappingNode] = []
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged += self._merged(value)
                continue
            name = self._key(key)
            if name is None:
                continue
            if name in values:
                first = self._tree.keys[*place, name]
                self._refuse(
                    key,
                    "EST-DUPLICATE",
                    f"`{name}` already stands in line {first.line}",
                    "keep one of the two",
                )
                continue
            values[name] = self._entry(key, value, (*place, name))
        for name, key, value in self._inherited(merged, 0):
            if name not in values:
                values[name] = self._entry(key, value, (*place, name))
        return values

    def _entry(self, key: Node, value: Node, place: Location) -> Any:
        self._tree.keys[place] = self._mark(key)
        return self._value(value, place)

    def _key(self, key: Node) -> str | None:
        tag = str(key.tag).removeprefix(_TAG)
        if isinstance(key, ScalarNode) and tag in _PLAIN - {"null"}:
            return self._characters(key)
        self._refuse(key, "EST-KEY", "a key must be a word", "write `key: value`")
        return None

    def _merged(self, value: Node) -> list[MappingNode]:
        parts = value.value if isinstance(value, SequenceNode) else [value]
        good = [part for part in parts if isinstance(part, MappingNode)]
        if len(good) != len(parts):
            self._refuse(value, "EST-ALIAS", "`<<` merges mappings only", "write <<: *name")
        return good

    def _inherited(
        self, sources: list[MappingNode], depth: int
    ) -> Iterator[tuple[str, Node, Node]]:
        for source in sources:
            if depth >= DEEPEST or id(source) in self._open:
                self._refuse(
                    source, "EST-ALIAS", "`<<` refers to what it stands in", "write it out"
                )
                continue
            for key, value in source.value:
                self._count += 1
                if self._count > MOST_VALUES:
                    return
                if key.tag == f"{_TAG}merge":
                    yield from self._inherited(self._merged(value), depth + 1)
                elif (name := self._key(key)) is not None:
                    yield name, key, value

    def _characters(self, node: ScalarNode) -> str:
        """Return a scalar's text; a pair of escaped surrogates is one character, half is none."""
        text = str(node.value)
        if not any("\ud800" <= each <= "\udfff" for each in text):
            return text
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\ufffd" in whole:
            self._refuse(node, "EST-YAML", "half a character", "write the character itself")
        return whole

    def _scalar(self, node: ScalarNode) -> Any:
        tag, text = str(node.tag).removeprefix(_TAG), self._characters(node)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in {"true", "yes", "on"}
        try:
            return _whole(text) if tag == "int" else float(text) if tag == "float" else text
        except ValueError:
            return text


def _whole(text: str) -> int | str:
    # Longer digits are no number that the estate could mean, and int() refuses thousands of them.
    return int(text.replace("_", ""), 10) if len(text) <= 20 else text  # noqa: PLR2004
