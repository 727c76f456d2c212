"""``trustwright schema``: JSON Schemas, so that an editor checks what people write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trustwright.cli.terminal import say
from trustwright.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import BaseModel

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OURS = frozenset({"x-rule", "x-noun", "ge", "le"})
"""Members that say something to us only; pydantic leaves the last two behind at durations."""
_INCLUDE = {
    "description": "Globs relative to this file; each file adds to what stands here.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}},
        {"type": "null"},
    ],
}
_WHOLE = (
    "An estate file, or a part that one includes: which of them says what is only known to who "
    "reads all of them, `trustwright check`."
)


def _estate() -> dict[str, Any]:
    from trustwright.model.estate import Estate

    made = _schema(Estate)
    made["properties"]["include"] = _INCLUDE
    made["description"] = _WHOLE
    del made["required"]
    return made


def _request() -> dict[str, Any]:
    from trustwright.model.ceremony import Request

    return _schema(Request)


def _response() -> dict[str, Any]:
    from trustwright.model.ceremony import Response

    return _schema(Response)


def _root_policy() -> dict[str, Any]:
    from trustwright.ceremony.rootpolicy import RootPolicy

    return _schema(RootPolicy)


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema as an editor can use it."""
    found: dict[str, Any] = _plain(model.model_json_schema())
    return found


def _plain(value: Any) -> Any:
    """Leave out what is ours, and say defaults and names as a person writes them."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _plain(each) for key, each in value.items() if key not in _OURS}
    if isinstance(made.get("default"), int) and made.get("type") == "string":
        made["default"] = _duration_text(made["default"])
    if "patternProperties" in made:  # a name of another pattern is no name
        made["additionalProperties"] = False
    return made


def _duration_text(seconds: int) -> str:
    from trustwright.policy.breach import duration_text

    return duration_text(seconds)


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "estate": _estate,
    "request": _request,
    "response": _response,
    "root-policy": _root_policy,
}


@click.command()
@click.argument("what", type=click.Choice(list(SCHEMAS)), default="estate")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it here instead of printing it.",
)
def schema(what: str, output: Path | None) -> None:
    """Print the JSON Schema of WHAT: the estate file, a ceremony file or the root's policy.

    In an editor with yaml-language-server, like VS Code with its YAML extension: write the schema
    beside the estate file, and this comment into the first line of each YAML file.

    \b
      trustwright schema estate --output estate.schema.json
      # yaml-language-server: $schema=estate.schema.json
    """  # noqa: D301 - click reads \b
    text = json.dumps(
        {"$schema": _DIALECT, **SCHEMAS[what]()}, indent=2, sort_keys=True, ensure_ascii=False
    )
    if output is None:
        say(text)
        return
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror}",
            rule="CLI-OUTPUT",
            hint="name a file in a folder of yours",
            where=str(output),
        ) from None
    say(f"wrote {output}")
