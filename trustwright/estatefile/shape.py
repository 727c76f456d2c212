"""Plain values to an `Estate`; each pydantic error becomes a problem with a place and a remedy."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trustwright.estatefile.problem import Mark, Problem
from trustwright.estatefile.tree import Tree
from trustwright.estatefile.words import KEY, estate_schema, member, words
from trustwright.model.estate import Estate
from trustwright.policy.breach import Location

LONGEST_PATH = 1024


@dataclass(frozen=True)
class Shaped:
    """What became of the values.

    Attributes:
        estate: the estate; when there were problems, what is left without the broken parts, or
            None when too much is broken.
        kept: for each consumer of `estate`, its position in the file.
    """

    estate: Estate | None
    kept: tuple[int, ...]
    problems: tuple[tuple[Location, Problem], ...]


def shape(tree: Tree) -> Shaped:
    """Return the estate that the values make, paths resolved against the file that names them."""
    problems: list[tuple[Location, Problem]] = []
    value = _resolve(tree, estate_schema(), tree.value, (), problems)
    try:
        return Shaped(Estate.model_validate(value), _positions(value), tuple(problems))
    except ValidationError as error:
        errors = _own(error.errors(include_url=False, include_context=True))
    problems += _unique((each["loc"], _problem(tree, each)) for each in errors)
    estate, kept = _remainder(value, errors)
    return Shaped(estate, kept, tuple(problems))


def _unique(
    problems: Iterable[tuple[Location, Problem]],
) -> list[tuple[Location, Problem]]:
    """Leave one of the problems that an alias repeats: the same key at the same place."""
    seen: dict[tuple[object, ...], tuple[Location, Problem]] = {}
    for place, each in problems:
        seen.setdefault((each.file, each.line, each.column, each.rule, place[-1:]), (place, each))
    return list(seen.values())


def _positions(value: Any) -> tuple[int, ...]:
    consumers = value.get("consumers")
    return tuple(range(len(consumers))) if isinstance(consumers, list) else ()


def _remainder(value: Any, errors: list[ErrorDetails]) -> tuple[Estate | None, tuple[int, ...]]:
    """Return the estate without unknown keys and broken consumers: other rules can speak then."""
    rest = copy.deepcopy(value)
    for each in errors:
        if each["type"] == "extra_forbidden":
            _drop(rest, each["loc"])
    places = [each["loc"] for each in errors if each["type"] != "extra_forbidden"]
    broken = {place[1] for place in places if place[:1] == ("consumers",) and place[1:]}
    if any(place[:1] == ("notify",) for place in places):
        rest.pop("notify", None)
    kept = tuple(index for index in _positions(rest) if index not in broken)
    if broken:
        rest["consumers"] = [rest["consumers"][index] for index in kept]
    try:
        return Estate.model_validate(rest), kept
    except ValidationError:
        return None, ()


def _drop(value: Any, place: Location) -> None:
    for part in place[:-1]:
        value = value[part]
    value.pop(place[-1], None)


# --- paths ------------------------------------------------------------------------------------


def _resolve(
    tree: Tree,
    schema: dict[str, Any],
    value: Any,
    place: Location,
    problems: list[tuple[Location, Problem]],
) -> Any:
    """Return a copy of the value in which every path is absolute."""
    if isinstance(value, dict):
        return {
            key: _resolve(tree, member(schema, key), item, (*place, key), problems)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            _resolve(tree, member(schema, i), item, (*place, i), problems)
            for i, item in enumerate(value)
        ]
    if isinstance(value, str) and schema.get("format") == "path":
        mark = tree.at(place)
        what = _path_fault(value)
        if what:
            problems.append((place, mark.problem("EST-PATH", what, schema["description"])))
        return os.path.abspath(mark.file.parent / value.replace("\0", ""))  # noqa: PTH100 - no links
    return value


def _path_fault(path: str) -> str:
    if not path.strip():
        return "the path is empty"
    if path.startswith("~"):
        return "`~` is not expanded"
    if path != path.strip():
        return "the path has outer blanks"
    if len(os.fsencode(path)) > LONGEST_PATH:
        return f"the path is longer than {LONGEST_PATH} bytes"
    return "" if path.isprintable() else "the path has control characters"


# --- problems ---------------------------------------------------------------------------------


def _own(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what only follows: a list is "too short" when its items are broken."""
    places = [each["loc"] for each in errors]
    parents = {place[:length] for place in places for length in range(len(place))}
    return [each for each in errors if each["type"] != "too_short" or each["loc"] not in parents]


def _problem(tree: Tree, error: ErrorDetails) -> Problem:
    rule, what, hint = words(error)
    return _where(tree, error["type"], error["loc"]).problem(rule, what, hint)


def _where(tree: Tree, kind: str, place: Location) -> Mark:
    if kind == "extra_forbidden":
        return tree.named_at(place)
    if kind == "missing" or place[-1:] == (KEY,):
        return tree.named_at(place[:-1])
    return tree.shown_at(place)
