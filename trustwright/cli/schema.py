"""``trustwright schema``: JSON Schemas, so that an editor checks what people write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from trustwright.cli.terminal import say
from trustwright.errors import ConfigurationError

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INCLUDE = {
    "description": "Globs relative to this file; each file adds to what stands here.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}


def _estate() -> dict[str, Any]:
    from trustwright.model.estate import Estate

    made = Estate.model_json_schema()
    made["properties"]["include"] = _INCLUDE
    return made


def _request() -> dict[str, Any]:
    from trustwright.model.ceremony import Request

    return Request.model_json_schema()


def _response() -> dict[str, Any]:
    from trustwright.model.ceremony import Response

    return Response.model_json_schema()


def _root_policy() -> dict[str, Any]:
    from trustwright.ceremony.rootpolicy import RootPolicy

    return RootPolicy.model_json_schema()


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

    \b
    In VS Code, for the YAML extension:
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
