"""Plain values to an `Estate`; each pydantic error becomes a problem with a place and a remedy."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trustwright.estatefile.problem import Mark, Problem
from trustwright.estatefile.tree import Tree
from trustwright.model.estate import Estate
from trustwright.policy.breach import Location

_NAME = "a name is lower case, digits and inner hyphens, up to 40 characters"
_DNS = "a DNS name is lower case and has a dot, like billing.prod.example.internal; no wildcard"
_URL = "write https://host:port"
_SHAPES = {
    "address": _URL,
    "publish": _URL,
    "domain": _DNS,
    "names": _DNS,
    "fingerprint": "write sha256: and 64 lower-case hex digits; `trustwright-root` shows it",
    "policy": "an object identifier reads like 1.3.6.1.4.1.32473.1.1, each part below 2147483648",
    "namespace": "lower case, digits and hyphens, joined by /",
    "mount": "lower case, digits and hyphens, joined by /; no / at the ends",
    "mode": 'four octal digits in quotes, like "0640"',
    "user": "an account name or number",
    "group": "a group name or number",
    "probe": "write tls://host:port",
}
_TYPES = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "string_type": "text",
    "path_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
}
_KEY = "[key]"


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
    value = _resolve(tree, _schema(), tree.value, (), problems)
    try:
        return Shaped(Estate.model_validate(value), _positions(value), tuple(problems))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=True)
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
            key: _resolve(tree, _member(schema, key), item, (*place, key), problems)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            _resolve(tree, _member(schema, i), item, (*place, i), problems)
            for i, item in enumerate(value)
        ]
    if isinstance(value, str) and schema.get("format") == "path":
        mark = tree.at(place)
        if not value.strip() or "\0" in value or value.startswith("~"):
            what = "`~` is not expanded" if value.startswith("~") else "the path is empty"
            problems.append((place, mark.problem("EST-PATH", what, "write the whole path")))
        return os.path.abspath(mark.file.parent / value.replace("\0", ""))  # noqa: PTH100 - no links
    return value


# --- what the schema knows --------------------------------------------------------------------


@cache
def _schema() -> dict[str, Any]:
    return Estate.model_json_schema()


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, and leave the null out of an optional value."""
    for each in schema.get("anyOf", ()):
        if each.get("type") != "null":
            schema = each
    if "$ref" in schema:
        found: dict[str, Any] = _schema()["$defs"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _member(schema: dict[str, Any], part: str | int) -> dict[str, Any]:
    """Return the schema of one member or item; an empty one where nothing is known."""
    found = schema.get("items", {})
    if isinstance(part, str):
        patterned = next(iter(schema.get("patternProperties", {}).values()), None)
        anything = schema.get("additionalProperties") or patterned
        found = schema.get("properties", {}).get(part) or anything
    return _plain(found) if isinstance(found, dict) else {}


def _known_keys(place: Location) -> Collection[str]:
    schema = _schema()
    for part in place:
        schema = _member(schema, part)
    keys = set(schema.get("properties", ()))
    return keys if place else keys | {"include"}


# --- words ------------------------------------------------------------------------------------


def _problem(tree: Tree, error: ErrorDetails) -> Problem:
    place = error["loc"]
    rule, what, hint = _words(error)
    return _where(tree, error["type"], place).problem(rule, what, hint)


def _where(tree: Tree, kind: str, place: Location) -> Mark:
    if place and place[-1] == _KEY:
        return tree.named_at(place[:-1])
    if kind == "missing":
        return tree.named_at(place[:-1])
    return tree.named_at(place) if kind == "extra_forbidden" else tree.shown_at(place)


def _words(error: ErrorDetails) -> tuple[str, str, str]:
    """Return rule, sentence and remedy."""
    kind, place = error["type"], error["loc"]
    dotted = dotted_text(place)
    if kind == "missing":
        return "EST-MISSING", f"`{dotted}` is missing", f"add `{place[-1]}:`"
    if kind == "extra_forbidden":
        known = _known_keys(place[:-1])
        return "EST-UNKNOWN", f"unknown key `{dotted}`", _suggestion(str(place[-1]), known)
    if kind in _TYPES:
        return "EST-TYPE", f"`{dotted}` must be {_TYPES[kind]}", _type_hint(kind, error["input"])
    context = error.get("ctx", {})
    if kind == "literal_error":
        choices = [
            each.strip("' ") for each in str(context["expected"]).replace(" or ", ",").split(",")
        ]
        return (
            "EST-VALUE",
            f"`{dotted}` must be one of: {', '.join(choices)}",
            _suggestion(str(error["input"]), choices),
        )
    if kind == "value_error":
        return "EST-DURATION", f"`{dotted}` is no duration", str(context["error"])
    return "EST-VALUE", f"`{dotted}`: {error['msg']}", _shape_hint(place, kind)


def _shape_hint(place: Location, kind: str) -> str:
    words = [part for part in place if isinstance(part, str) and part != _KEY]
    if kind != "string_pattern_mismatch":
        return ""
    return _SHAPES.get(words[-1], _NAME) if words and place[-1] != _KEY else _NAME


def _type_hint(kind: str, value: Any) -> str:
    if value is None:
        return "give it a value, or remove the line"
    if kind == "tuple_type":
        return "write [one, two], or one `- item` a line"
    return "put it in quotes" if kind == "string_type" and isinstance(value, int | float) else ""


def _suggestion(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word.lower(), sorted(known), n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known here: {', '.join(sorted(known))}" if known else "remove it"


def dotted_text(place: Location) -> str:
    """Return ``consumers[2].names[0]`` for a place."""
    return "".join(_steps(place)).lstrip(".") or "the file"


def _steps(place: Location) -> Iterator[str]:
    for part in place:
        if part != _KEY:
            yield f"[{part}]" if isinstance(part, int) else f".{part}"
