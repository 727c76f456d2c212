"""What a problem of shape is called: rule, sentence and remedy, in our words.

pydantic says what kind of mistake it is and where; the type at that place says its rule, its noun
and how it is written (`trustwright.model.values`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic_core import ErrorDetails

from trustwright.model.estate import Estate
from trustwright.model.values import NOUN, RULE
from trustwright.policy.breach import Location

KEY = "[key]"
"""How pydantic ends the place of a mapping's key."""
_TYPES = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "string_type": "text",
    "path_type": "text",
    "int_type": "a whole number",
}
_KINDS = _TYPES.keys() | {"missing", "literal_error", "too_short", "too_long"}
_LIST = "write [one, two], or one `- item` a line"
_EXAMPLE = "write it as docs/examples/estate.yaml does"
_LONGEST_PART = 60


def words(error: ErrorDetails) -> tuple[str, str, str]:
    """Return rule, sentence and remedy of one of pydantic's errors."""
    kind, place = error["type"], error["loc"]
    if kind == "extra_forbidden":
        what = f"unknown key `{dotted_text(place)}`"
        return "EST-UNKNOWN", what, _suggestion(place[-1], _keys(place[:-1]))
    known = schema_at(place)
    rule, what, remedy = (_of_kind if kind in _KINDS else _of_value)(error, known)
    return rule, f"`{dotted_text(_without_key(place))}` {what}", remedy


def _of_kind(error: ErrorDetails, known: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the words of what is missing, of the wrong type, or of the wrong number."""
    kind, value = error["type"], error["input"]
    if kind in _TYPES:
        return "EST-TYPE", f"must be {_TYPES[kind]}", _type_remedy(kind, value, known)
    if kind == "literal_error":
        choices = known["enum"]
        return "EST-VALUE", f"must be one of: {', '.join(choices)}", _suggestion(value, choices)
    if kind == "too_short":
        return "EST-EMPTY", "is empty", _filling(known)
    if kind == "too_long":
        most = error["ctx"]["max_length"]
        what = f"has {len(value)} items, at most {most} are allowed"
        return "EST-MANY", what, f"leave at most {most} of them"
    return "EST-MISSING", "is missing", f"add `{error['loc'][-1]}:`"


def _of_value(error: ErrorDetails, known: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the words of a single value, as its type has them."""
    fault = _fault(error["type"], error["input"], error.get("ctx", {}), known)
    return known.get(RULE, "EST-VALUE"), fault, known.get("description", _EXAMPLE)


def _without_key(place: Location) -> Location:
    return place[:-1] if place[-1:] == (KEY,) else place


def _fault(kind: str, value: Any, context: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Say what a single value is or has, as its type calls it."""
    noun = known.get(NOUN, "good value")
    if kind == "string_too_short":
        return "is empty"
    if kind == "string_too_long":
        return f"has {len(value)} characters, at most {context['max_length']} are allowed"
    if kind == "greater_than_equal":
        return f"is less than {context['ge']}"
    if kind == "less_than_equal":
        return f"is more than {context['le']}"
    reason = str(context.get("error", ""))
    if kind != "value_error" or reason in known.get("description", ""):
        return f"is no {noun}"
    return f"is no {noun}: {reason}"


def _type_remedy(kind: str, value: Any, known: Mapping[str, Any]) -> str:
    if value is None:
        return "give it a value, or remove the line"
    if kind == "tuple_type":
        return _LIST
    if _TYPES[kind] == "a mapping":
        keys = ", ".join(sorted(known.get("properties", ())))
        return f"write `key: value` below it; known here: {keys}" if keys else _filling(known)
    if _TYPES[kind] == "text" and isinstance(value, bool | int | float):
        return "put it in quotes"
    found: str = known.get("description", _EXAMPLE)
    return found


def _filling(known: Mapping[str, Any]) -> str:
    """Say how something that may not be empty is filled."""
    if known.get("type") != "object":
        found: str = known.get("description", f"give it at least one; {_LIST}")
        return found
    names = ", ".join(known.get("propertyNames", {}).get("enum", ()))
    return f"write at least one `name:` below it{f'; known here: {names}' if names else ''}"


def _suggestion(word: object, known: Collection[str]) -> str:
    near = get_close_matches(str(word)[:_LONGEST_PART].lower(), sorted(known), n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known here: {', '.join(sorted(known))}" if known else "remove it"


def dotted_text(place: Location) -> str:
    """Return ``consumers[2].names[0]`` for a place; a key that is too long is cut."""
    return "".join(_steps(place)).lstrip(".") or "the file"


def _steps(place: Location) -> Iterator[str]:
    for part in place:
        if isinstance(part, int):
            yield f"[{part}]"
        else:
            yield f".{part if len(part) <= _LONGEST_PART else part[:_LONGEST_PART] + '…'}"


# --- what the schema knows --------------------------------------------------------------------


@cache
def estate_schema() -> dict[str, Any]:
    """Return the estate's JSON Schema, with the rule and the noun of each value."""
    return Estate.model_json_schema()


def schema_at(place: Location) -> dict[str, Any]:
    """Return the schema of what stands at a place; an empty one where nothing is known."""
    schema = estate_schema()
    for part in place:
        schema = member(schema, part)
    return schema


def member(schema: Mapping[str, Any], part: str | int) -> dict[str, Any]:
    """Return the schema of one member, key or item; an empty one where nothing is known."""
    found = schema.get("items", {})
    if part == KEY:
        # The key stands before it in the place, and led to the schema of its value.
        found = schema.get(KEY, {})
    elif isinstance(part, str):
        patterned = next(iter(schema.get("patternProperties", {}).values()), None)
        anything = schema.get("additionalProperties") or patterned
        found = schema.get("properties", {}).get(part) or anything
        if isinstance(found, dict) and "propertyNames" in schema:
            return {**_plain(found), KEY: schema["propertyNames"]}
    return _plain(found) if isinstance(found, dict) else {}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, and leave the null out of an optional value."""
    for each in schema.get("anyOf", ()):
        if each.get("type") != "null":
            schema = each
    if "$ref" in schema:
        found: dict[str, Any] = estate_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _keys(place: Location) -> Collection[str]:
    keys = set(schema_at(place).get("properties", ()))
    return keys if place else keys | {"include"}
