"""YAML to plain values, remembering where each key and value stands.

The node graph is read, not ruamel's finished objects: it carries the place of every scalar, shows
all duplicate keys at once, and tags, cycles and alias bombs are refused before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from trustwright.estatefile.problem import Mark, Problem
from trustwright.estatefile.source import Broken, compose
from trustwright.policy.breach import Location

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
        refused: places whose value was not read; a problem says so.
    """

    value: Any = None
    marks: dict[Location, Mark] = field(default_factory=dict)
    keys: dict[Location, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[Location] = field(default_factory=set)

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
    tree = Tree(marks={(): Mark(file)})
    try:
        root = compose(file)
    except Broken as error:
        tree.problems.append(error.problem)
    else:
        _Walk(tree, file).begin(root)
    return tree


class _Walk:
    """Turns one file's node graph into plain values."""

    def __init__(self, tree: Tree, file: Path) -> None:
        self._tree = tree
        self._file = file
        self._open: list[int] = []
        self._count = 0
        self._anchors: dict[str, Node] = {}

    def begin(self, root: Node | None) -> None:
        if root is not None:
            value = self._value(root, ())
            # Cut off somewhere: what is left says nothing about the estate.
            self._tree.value = value if self._count <= MOST_VALUES else None

    def _mark(self, node: Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _refuse(self, node: Node, rule: str, what: str, hint: str) -> None:
        problem = self._mark(node).problem(rule, what, hint)
        if problem not in self._tree.problems[-3:]:
            self._tree.problems.append(problem)

    def _value(self, node: Node, place: Location) -> Any:
        self._tree.marks[place] = self._mark(node)
        if not self._may_enter(node):
            self._tree.refused.add(place)
            return None
        self._check_anchor(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._open.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, place)
            return [self._value(item, (*place, i)) for i, item in enumerate(node.value)]
        finally:
            self._open.pop()

    def _is_too_much(self, node: Node) -> bool:
        """Count a value; a few lines of aliases can stand for a billion."""
        self._count += 1
        if self._count == MOST_VALUES + 1:
            what = f"more than {MOST_VALUES} values"
            self._refuse(node, "EST-YAML", what, "use fewer aliases, or split it with include")
        return self._count > MOST_VALUES

    def _may_enter(self, node: Node) -> bool:
        wanted = _CONTAINERS.get(type(node))
        tag = str(node.tag or "").removeprefix(_TAG)
        if self._is_too_much(node):
            return False
        if id(node) in self._open:
            self._refuse(node, "EST-ALIAS", "an alias refers to what it stands in", "write it out")
        elif len(self._open) >= DEEPEST:
            self._refuse(node, "EST-YAML", f"nested more than {DEEPEST} deep", "write it flatter")
        elif tag != wanted if wanted else tag not in _PLAIN:
            self._refuse(node, "EST-TAG", f"the tag {tag[:40]} has no meaning here", "remove it")
        else:
            return True
        return False

    def _check_anchor(self, node: Node) -> None:
        """Refuse a name for two things: an alias would mean whichever stands nearer above it."""
        if node.anchor is None:
            return
        first = self._anchors.setdefault(node.anchor, node)
        if first is not node:
            what = f"the anchor &{node.anchor} already stands in line {self._mark(first).line}"
            self._refuse(node, "EST-ALIAS", what, "give each anchor a name of its own")

    def _mapping(self, node: MappingNode, place: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[MappingNode] = []
        merge: Node | None = None
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                if merge is not None:
                    self._refuse_second(key, "<<", self._mark(merge).line)
                merge = key
                merged += self._merged(value)
                continue
            name = self._key(key)
            if name is None:
                continue
            if name in values:
                self._refuse_second(key, name, self._tree.keys[*place, name].line)
                continue
            values[name] = self._entry(key, value, (*place, name))
        for name, key, value in self._inherited(merged, 0):
            if name not in values:
                values[name] = self._entry(key, value, (*place, name))
        return values

    def _refuse_second(self, key: Node, name: str, line: int) -> None:
        remedy = "write <<: [*one, *other]" if name == "<<" else "keep one of the two"
        self._refuse(key, "EST-DUPLICATE", f"`{name}` already stands in line {line}", remedy)

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
            seen: dict[str, Node] = {}
            for key, value in source.value:
                if self._is_too_much(key):
                    return
                if key.tag == f"{_TAG}merge":
                    yield from self._inherited(self._merged(value), depth + 1)
                elif (name := self._key(key)) is not None:
                    if seen.setdefault(name, key) is not key:
                        self._refuse_second(key, name, self._mark(seen[name]).line)
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
